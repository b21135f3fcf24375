import openai
openai.api_key = "YOUR_API_KEY"
openai.base_url = "https://llm.resayil.io/v1"
response = openai.ChatCompletion.create(
    model="deepseek-v4-flash",
    messages=[
        {"role": "system", "content": "أنت مساعد عربي محترف."},
        {"role": "user", "content": "ما هو أحدث فيلم عربي؟"}
    ]
)
print(response.choices[0].message.content)
