curl https://llm.resayil.io/v1/messages/count_tokens \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{"messages": [{"role": "user", "content": "ما هو سعر الصرف اليوم؟"}]}'
