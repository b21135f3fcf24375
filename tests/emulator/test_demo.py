from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

EYES, MIND = "qwen3-vl:235b-instruct", "deepseek-v4-pro"
TEXTS: dict[str, dict[str, str]] = {
    "Arabic": {
        "receipt": "مطعم البحر\nسمك مشوي 8.000 د.ك\nشاي 4.500 د.ك\nالمجموع: 12.500 د.ك",
        "first": "كم المجموع في هذا الإيصال؟",
        "second": "رقم عضويتي 7788، كم نقطة ولاء سأحصل عليها؟",
        "total": "12.500 د.ك",
        "ask": "رقم العضوية",
        "mark": "؟",
        "system": "أنت مساعد متجر.",
    },
    "English": {
        "receipt": "Sea Food\nFish 8.000 KWD\nTea 4.500 KWD\nTotal: 12.500 KWD",
        "first": "What is the total on this receipt?",
        "second": "My membership number is 7788, how many loyalty points will I get?",
        "total": "12.500 KWD",
        "ask": "membership number",
        "mark": "?",
        "system": "You are a shop's assistant.",
    },
}
Turns = list[dict[str, Any]]


def whole(client: Client, model: str, turns: Turns, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of a call."""
    return client.said(messages=turns, model=model, tools=tools)


def streamed(client: Client, model: str, turns: Turns, tools: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream's deltas join to."""
    text = client.chat(messages=turns, model=model, tools=tools, stream=True).text
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_content": ""}
    for line in text.splitlines():
        if line.startswith("data: {"):
            delta = json.loads(line.removeprefix("data: "))["choices"][0]["delta"]
            for field in ("content", "reasoning_content"):
                message[field] += delta.get(field) or ""
            for call in delta.get("tool_calls", []):
                if "id" in call:
                    message["tool_calls"] = [call]
                else:
                    message["tool_calls"][0]["function"]["arguments"] += call["function"]["arguments"]
    return message


@pytest.mark.parametrize("ask", [whole, streamed])
@pytest.mark.parametrize("language", TEXTS)
def test_receipt_conversation(
    client: Client,
    ask: Callable[..., dict[str, Any]],
    language: str,
    loyalty: dict[str, Any],
    receipt: Callable[[str], str],
) -> None:
    """Receipt, clarifying question, reasoned tool call with both values, and an answer that quotes all."""
    text = TEXTS[language]
    tools = [{"type": "function", "function": loyalty}]
    image = {"type": "image_url", "image_url": {"url": receipt(text["receipt"])}}
    turns: Turns = [
        {"role": "system", "content": text["system"]},
        {"role": "user", "content": [{"type": "text", "text": text["first"]}, image]},
    ]
    first = ask(client, EYES, turns, tools)
    assert "tool_calls" not in first
    assert text["total"] in first["content"]
    assert text["ask"] in first["content"]
    assert first["content"].endswith(text["mark"])

    turns += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": text["second"]}]
    second = ask(client, MIND, turns, tools)
    assert second["reasoning_content"]
    [call] = second["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"member_id": "7788", "total_kwd": 12.5}

    result = json.dumps({"points": 125, "tier": "gold"})
    turns += [
        {"role": "assistant", "content": None, "tool_calls": second["tool_calls"]},
        {"role": "tool", "tool_call_id": call["id"], "content": result},
    ]
    third = ask(client, MIND, turns, tools)
    assert "tool_calls" not in third
    for quoted in ("125", text["total"], "7788"):
        assert quoted in third["content"]
