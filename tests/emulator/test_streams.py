from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resayil.emulator import Emulator

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

Events = Callable[[str], list[dict[str, Any]]]
ARABIC = "كيف يمكنني متابعة طلبي؟"


def _joined(events: list[dict[str, Any]], field: str = "content") -> str:
    choices = [choice for event in events for choice in event["choices"]]
    return "".join(choice["delta"].get(field) or "" for choice in choices)


def test_chat_stream_equals_the_call(client: Client, events: Events) -> None:
    """The joined deltas are the call's content, with the role first, one finish, and [DONE] last."""
    whole = client.said(ARABIC)["content"]
    text = client.chat(ARABIC, stream=True).text
    chunks = events(text)
    assert _joined(chunks) == whole
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]] == ["stop"]
    assert text.endswith("data: [DONE]\n\n")
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_stream_has_many_pieces_that_are_not_words(client: Client, events: Events) -> None:
    """An unscripted answer streams in at least ten pieces, and Arabic words arrive broken."""
    pieces = [
        chunk["choices"][0]["delta"].get("content") for chunk in events(client.chat(ARABIC, stream=True).text)
    ]
    words = set(client.said(ARABIC)["content"].split())
    assert len(pieces) >= 10
    assert sum(piece in words for piece in pieces if piece) < len(pieces) / 4


def test_bytes_are_cut_inside_letters(client: Client) -> None:
    """Some pieces of the body are no UTF-8 of their own; all of them together are."""
    body = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": ARABIC}]}
    with client.http.stream("POST", "/chat/completions", json=body) as response:
        parts = list(response.iter_raw())
    assert b"".join(parts).decode()
    assert any(part[-1] >= 0x80 for part in parts)


def test_usage_comes_only_when_asked(client: Client, events: Events) -> None:
    """With include_usage a last chunk has usage and no choice, equal to the call's; without it none has."""
    asked = events(client.chat("hi", stream=True, stream_options={"include_usage": True}).text)
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"] == client.chat("hi").json()["usage"]
    assert not any("usage" in chunk for chunk in events(client.chat("hi", stream=True).text))


def test_tool_call_streams_in_fragments(client: Client, events: Events, weather: dict[str, Any]) -> None:
    """Name and id come once, arguments in fragments, and two calls keep their index."""
    tools = [{"type": "function", "function": weather}]
    chunks = events(client.chat("Weather in Paris and London?", tools=tools, stream=True).text)
    deltas = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    joined = ["".join(c["function"]["arguments"] for c in deltas if c["index"] == index) for index in (0, 1)]
    assert [json.loads(text) for text in joined] == [{"location": "Paris"}, {"location": "London"}]
    assert sum("id" in call for call in deltas) == 2
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_reasoning_streams_before_the_text(client: Client, events: Events) -> None:
    """A thinking model's reasoning arrives whole before the first piece of its text."""
    chunks = events(client.chat(ARABIC, model="deepseek-v4-pro", stream=True).text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    kinds = [key for delta in deltas for key in delta if key == "reasoning_content" or delta.get("content")]
    kinds = [kind for kind in kinds if kind != "role"]
    assert kinds == sorted(kinds, reverse=True)
    assert (
        _joined(chunks, "reasoning_content")
        == client.said(ARABIC, model="deepseek-v4-pro")["reasoning_content"]
    )


def test_messages_stream_has_every_event_type(client: Client, weather: dict[str, Any]) -> None:
    """A thinking model's tool call shows each event and delta type of the dialect, named and in order."""
    tools = [{"name": "get_weather", "input_schema": weather["parameters"]}]
    text = client.message("Weather in Paris?", model="deepseek-v4-pro", tools=tools, stream=True).text
    names = [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]
    payloads = [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")
    ]
    assert names == [payload["type"] for payload in payloads]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert "ping" in names
    deltas = {payload["delta"]["type"] for payload in payloads if payload["type"] == "content_block_delta"}
    assert deltas == {"thinking_delta", "signature_delta", "input_json_delta"}
    assert payloads[-2]["delta"]["stop_reason"] == "tool_use"
    assert payloads[-2]["usage"]["output_tokens"] > 0


def test_messages_stream_equals_the_call(client: Client, events: Events) -> None:
    """The joined text deltas are the call's text, and the usage is the same."""
    whole = client.message(ARABIC).json()
    told = events(client.message(ARABIC, stream=True).text)
    text = "".join(event["delta"].get("text", "") for event in told if event["type"] == "content_block_delta")
    assert text == whole["content"][0]["text"]
    assert told[0]["message"]["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    assert told[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]


def test_query_asks_for_a_stream_too(client: Client) -> None:
    """`?stream=true`, as one article has it, streams as the body's field does."""
    body = {"model": "mistral", "messages": [{"role": "user", "content": "hi"}]}
    response = client.http.post("/chat/completions", params={"stream": "true"}, json=body)
    assert response.headers["content-type"].startswith("text/event-stream")


def test_first_bytes_are_out_before_the_last_are_made() -> None:
    """In process, the first piece is read while the stream still has waits ahead of it."""
    emulator = Emulator(chunk_delay=0.02)
    body = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-api-key": emulator.key}
    began = time.monotonic()
    with (
        httpx.Client(transport=emulator.transport(), base_url=emulator.base_url, headers=headers) as http,
        http.stream("POST", "/chat/completions", json=body) as response,
    ):
        pieces = response.iter_raw()
        next(pieces)
        assert time.monotonic() - began < 0.1
        assert sum(1 for _ in pieces) >= 10
    assert time.monotonic() - began > 0.2


async def test_async_streams_run_beside_each_other() -> None:
    """Two async streams interleave: neither blocks the loop while it waits."""
    emulator = Emulator(chunk_delay=0.005)
    order: list[int] = []
    mark = order.append

    async def read(number: int, http: httpx.AsyncClient) -> None:
        body = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        async with http.stream("POST", "/chat/completions", json=body) as response:
            async for _ in response.aiter_raw():
                mark(number)

    headers = {"x-api-key": emulator.key}
    transport = emulator.async_transport()
    async with httpx.AsyncClient(transport=transport, base_url=emulator.base_url, headers=headers) as http:
        await asyncio.gather(read(1, http), read(2, http))
    assert order != sorted(order)


def test_silence_beyond_the_read_timeout_is_a_timeout() -> None:
    """In process, a stall longer than the read timeout raises httpx's own error."""
    emulator = Emulator()
    emulator.fault("stall", 30)
    url, headers = f"{emulator.base_url}/models", {"x-api-key": emulator.key}
    with (
        httpx.Client(transport=emulator.transport(), timeout=0.05) as http,
        pytest.raises(httpx.ReadTimeout),
    ):
        http.get(url, headers=headers)


async def test_silence_beyond_the_read_timeout_is_an_async_timeout() -> None:
    """The same holds for the async transport."""
    emulator = Emulator()
    emulator.fault("stall", 30)
    url, headers = f"{emulator.base_url}/models", {"x-api-key": emulator.key}
    async with httpx.AsyncClient(transport=emulator.async_transport(), timeout=0.05) as ahttp:
        with pytest.raises(httpx.ReadTimeout):
            await ahttp.get(url, headers=headers)
