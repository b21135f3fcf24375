import os
from openai import OpenAI

client = OpenAI(
    api_key=os.getenv('LLM_RESAYIL_API_KEY'),
    base_url='https://llmapi.resayil.io/v1'  # or https://llmapi.resayil.io/v1
)

response = client.chat.completions.create(
    model='mistral',
    messages=[{'role': 'user', 'content': 'Hello! What is your name?'}],
    max_tokens=100
)
print(response.choices[0].message.content)
