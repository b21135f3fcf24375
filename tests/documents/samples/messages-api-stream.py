import anthropic
client = anthropic.Anthropic(
    api_key="YOUR_API_KEY",
    base_url="https://llmapi.resayil.io/v1"
)
with client.messages.stream(
    model="mistral",
    max_tokens=1024,
    messages=[
        {"role": "user", "content": "Write a short story about AI."}
    ]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
