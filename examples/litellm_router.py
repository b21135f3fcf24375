"""The documents' own rich conversation through a LiteLLM Router, whose first choice fails.

A receipt's photo, a clarifying turn, a function call, a final answer: in Arabic, streamed, then priced. The
deployment that should answer first has no credits left, so the Router falls back to the next group.

    python examples/litellm_router.py      on the embedded emulator: no key, no network, no cost
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # no download at import

import litellm
from make_receipt import receipt

import litellm_provider
from resayil.emulator import Emulator

PROMPT = "أنت مساعد متجر يتحدث العربية. اقرأ الإيصالات، واسأل عمّا ينقصك، واحسب نقاط الولاء بالأداة."
PHOTO_QUESTION = "كم المجموع في هذا الإيصال؟"
POINTS_QUESTION = "رقم عضويتي 7788، كم نقطة ولاء سأحصل عليها؟"
CREDIT_PRICE = "0.0004"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_loyalty_points",
        "description": "نقاط الولاء التي يكسبها العضو عن مشترياته.",
        "parameters": {
            "type": "object",
            "properties": {
                "member_id": {"type": "string", "description": "رقم العضوية."},
                "total_kwd": {"type": "number", "description": "مجموع الإيصال بالدينار الكويتي."},
            },
            "required": ["member_id", "total_kwd"],
        },
    },
}


def get_loyalty_points(member_id: str, total_kwd: float) -> dict[str, object]:
    """The points a member earns for a purchase."""
    return {"member_id": member_id, "points": round(total_kwd * 10), "tier": "ذهبي"}


@contextmanager
def service() -> Iterator[tuple[str, str, str]]:
    """The emulator's address, a key without credits, and one with."""
    with Emulator().serve() as server:
        yield server.base_url, server.emulator.add_key(credits=0), server.key


def router(base_url: str, empty_key: str, full_key: str) -> litellm.Router:
    """Three groups: one whose key has no credits, its fallback, and one for pictures."""

    def deployment(group: str, model: str, key: str) -> dict[str, Any]:
        params = {"model": f"resayil/{model}", "api_key": key, "api_base": base_url}
        settings = {"credit_price": CREDIT_PRICE, "history_images": "note"}
        return {"model_name": group, "litellm_params": {**params, **settings}}

    return litellm.Router(
        model_list=[
            deployment("chat", "deepseek-v4-pro", empty_key),
            deployment("chat-reserve", "deepseek-v4-pro", full_key),
            deployment("vision", "qwen3-vl:235b-instruct", full_key),
        ],
        fallbacks=[{"chat": ["chat-reserve"]}],
        num_retries=0,
    )


def ask(through: litellm.Router, group: str, messages: list[Any]) -> Any:
    """Stream an answer to the screen and give it back whole, with its cost."""
    chunks = []
    stream = through.completion(
        model=group, messages=messages, tools=[TOOL], stream=True, stream_options={"include_usage": True}
    )
    for chunk in stream:
        chunks.append(chunk)
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    return litellm.stream_chunk_builder(chunks, messages=messages)


def converse(through: litellm.Router, photo: bytes) -> list[Any]:
    """Play the conversation and return the model's answers."""
    url = f"data:image/png;base64,{base64.b64encode(photo).decode()}"
    picture = {"type": "image_url", "image_url": {"url": url}}
    turns: list[Any] = [{"role": "system", "content": PROMPT}]
    answers = []

    def turn(group: str) -> Any:
        answer = ask(through, group, turns)
        answers.append(answer)
        turns.append(answer.choices[0].message)
        return turns[-1]

    print(f"› {PHOTO_QUESTION}  (photo: {len(photo) / 1000:.1f} kB)")
    turns.append({"role": "user", "content": [{"type": "text", "text": PHOTO_QUESTION}, picture]})
    turn("vision")
    print(f"\n\n› {POINTS_QUESTION}")
    turns.append({"role": "user", "content": POINTS_QUESTION})
    for call in turn("chat").tool_calls or ():
        result = get_loyalty_points(**json.loads(call.function.arguments))
        print(f"⚙ {call.function.name} {call.function.arguments} → {json.dumps(result, ensure_ascii=False)}")
        content = json.dumps(result, ensure_ascii=False)
        turns.append({"role": "tool", "tool_call_id": call.id, "content": content})
    turn("chat")
    return answers


def main() -> None:
    """Run the example."""
    litellm.suppress_debug_info = True
    litellm_provider.register()
    with service() as (base_url, empty_key, full_key):
        photo = receipt(Decimal(sys.argv[1] if len(sys.argv) > 1 else "12.500"))
        answers = converse(router(base_url, empty_key, full_key), photo)
    print("\n")
    for n, answer in enumerate(answers, start=1):
        usage = answer.usage
        print(
            f"{n}. {answer.model}: {usage.prompt_tokens} + {usage.completion_tokens} tokens, {usage.cost:.4f}"
        )
    print("Each answer of chat came from chat-reserve, since the first key has no credits.")


if __name__ == "__main__":
    main()
