curl https://llm.resayil.io/v1/chat/completions \
-H "Authorization: Bearer YOUR_API_KEY" \
-H "Content-Type: application/json" \
-d '{
"model": "deepseek-v4-flash",
"messages": [
{"role": "system", "content": "You are an Arabic‑speaking assistant."},
{"role": "user", "content": "ما هي عاصمة مصر؟"}
],
"stream": false
}'
