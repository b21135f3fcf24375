"""LiteLLM's SDK: an answer, a stream, a tool call, and an error that says what to do.

python examples/litellm_sdk.py           on the emulator: no key, no cost
python examples/litellm_sdk.py --live    on the service, with your key and your credits
"""

from __future__ import annotations

import os
import sys
from typing import Any

from service import service

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download at import

import litellm

import litellm_provider

MODEL = "resayil/deepseek-v4-flash"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "الطقس في مدينة اليوم.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(text: str, address: dict[str, Any], model: str = MODEL, **options: Any) -> Any:
    """One call; LiteLLM's names for address and key."""
    where = {"api_base": address["base_url"], "api_key": address["api_key"]} if address else {}
    return litellm.completion(model=model, messages=[{"role": "user", "content": text}], **where, **options)


def main() -> None:
    """Show the four."""
    litellm.suppress_debug_info = True
    litellm_provider.register()
    with service(live="--live" in sys.argv) as address:
        answer = ask("ما عاصمة الكويت؟", address)
        print(answer.choices[0].message.content, answer.usage.total_tokens)
        for chunk in ask("اكتب جملة عن البحر.", address, stream=True):
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        call = ask("ما الطقس في الكويت؟", address, tools=[TOOL]).choices[0].message.tool_calls[0].function
        print(f"\n⚙ {call.name} {call.arguments}")
        try:
            ask("مرحبا", address, model="resayil/deepseek-v4-falsh")
        except litellm.NotFoundError as error:
            print(f"NotFoundError: {error.message}")


if __name__ == "__main__":
    main()
