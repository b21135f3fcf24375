curl https://llm.resayil.io/v1/messages \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "deepseek-v4-pro",
"messages": [
{"role": "system", "content": "أنت خبير في الاقتصاد العربي."},
{"role": "user", "content": "ما هو معدل النمو الاقتصادي في السعودية لعام 2023؟"}
]
}'
