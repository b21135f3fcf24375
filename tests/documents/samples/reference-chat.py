# pip install openai
from openai import OpenAI
client = OpenAI(
    api_key="YOUR_API_KEY",
    base_url="https://llm.resayil.io/api/v1"
)
response = client.chat.completions.create(
    model="llama3.2:3b",
    messages=[
        {"role": "user", "content": "Tell me a joke."}
    ]
)
print(response.choices[0].message.content)
