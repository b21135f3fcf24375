curl -X POST https://llmapi.resayil.io/v1/messages \
-H "x-api-key: YOUR_API_KEY" \
-H "Content-Type: application/json" \
-H "anthropic-version: 2023-06-01" \
-d '{
"model": "llama3.1",
"max_tokens": 2048,
"system": "You are a senior software architect. Answer concisely.",
"messages": [
{"role": "user", "content": "When should I use microservices vs monolith?"}
]
}'
