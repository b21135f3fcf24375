curl https://llm.resayil.io/api/v1/models \
-H "Authorization: Bearer YOUR_API_KEY"
