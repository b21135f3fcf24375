import os
from openai import OpenAI

client = OpenAI(
    api_key=os.getenv('LLM_RESAYIL_API_KEY'),
    base_url='https://llmapi.resayil.io/v1'
)

stream = client.chat.completions.create(
    model='mistral',
    messages=[{'role': 'user', 'content': 'Tell me a short story.'}],
    stream=True
)

for chunk in stream:
    if chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end='', flush=True)
