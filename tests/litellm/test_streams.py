"""Streamed answers: every order in which the wire may come, and what LiteLLM makes of our chunks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import litellm
import openai
import pytest

from resayil.emulator import Call, Emulator, Reply

Given = dict[str, Any]
Streamed = Callable[..., list[Any]]
Raw = Callable[..., None]

HEAD = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 5, "model": "deepseek-v4-flash"}
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def chunk(delta: object = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of the wire."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {**HEAD, "choices": choices, **more}


TEXT = chunk({"role": "assistant", "content": "أهلاً"})
FINISH = chunk({}, "stop")
ORDERS: dict[str, list[Any]] = {
    "usage after the finish": [TEXT, FINISH, chunk(usage=USAGE), "[DONE]"],
    "usage on the empty finish": [TEXT, chunk({}, "stop", usage=USAGE), "[DONE]"],
    "usage before the finish": [TEXT, chunk(usage=USAGE), FINISH, "[DONE]"],
    "usage on an empty delta": [TEXT, chunk({}, usage=USAGE), FINISH, "[DONE]"],
    "finish and usage on the last content": [
        chunk({"role": "assistant", "content": "أهلاً"}, "stop", usage=USAGE),
        "[DONE]",
    ],
    "usage in every chunk": [
        chunk({"content": "أهلاً"}, usage={**USAGE, "completion_tokens": 3, "total_tokens": 14}),
        chunk({}, "stop", usage=USAGE),
        "[DONE]",
    ],
    "an array as the last delta": [TEXT, chunk([], "stop"), chunk(usage=USAGE), "[DONE]"],
    "no terminator": [TEXT, FINISH, chunk(usage=USAGE)],
}


def rebuilt(chunks: list[Any], call: Given) -> Any:
    """The answer that LiteLLM builds from its own chunks."""
    return litellm.stream_chunk_builder(chunks, messages=call["messages"])


@pytest.mark.parametrize("order", ORDERS)
def test_usage_is_exact_in_every_order(call: Given, raw: Raw, streamed: Streamed, order: str) -> None:
    """Tokens are the service's, to the token, wherever the wire puts them; asked for, they come once."""
    raw(*ORDERS[order])
    chunks = streamed(call, stream_options={"include_usage": True})
    told = [part.usage for part in chunks if getattr(part, "usage", None)]
    assert [(one.prompt_tokens, one.completion_tokens, one.total_tokens) for one in told] == [(11, 7, 18)]
    assert "".join(part.choices[0].delta.content or "" for part in chunks if part.choices) == "أهلاً"
    assert [part.choices[0].finish_reason for part in chunks if part.choices][-2:].count("stop") == 1


def test_a_chunk_without_usage_says_nothing_of_it(call: Given, raw: Raw, streamed: Streamed) -> None:
    """Its usage is there to be asked for, as LiteLLM does, and not in what a proxy sends on."""
    raw(*ORDERS["usage after the finish"])
    text = streamed(call)[0]
    assert text.usage is None
    assert "usage" not in text.model_dump()
    assert "usage" not in text.model_dump_json(exclude_none=True, exclude_unset=True)


def test_usage_is_hidden_unless_asked_for(call: Given, raw: Raw, streamed: Streamed) -> None:
    """Who did not ask for usage sees no chunk of it, although it was asked for upstream."""
    raw(*ORDERS["usage after the finish"])
    chunks = streamed(call)
    assert not [part for part in chunks if getattr(part, "usage", None)]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_logged_usage_is_exact_without_asking(call: Given, raw: Raw, emulator: Emulator) -> None:
    """LiteLLM's own books hold the service's tokens, which the service was asked for."""
    raw(*ORDERS["usage after the finish"])
    chunks = list(litellm.completion(**call, stream=True))
    usage = chunks[-1]._hidden_params["usage"]
    assert (usage.prompt_tokens, usage.completion_tokens) == (11, 7)
    assert emulator.requests[-1].body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_with_the_finish_is_kept(call: Given, raw: Raw, streamed: Streamed, name: str) -> None:
    """Reasoning that shares a chunk with the finish reason is not lost, under either of its names."""
    raw(chunk({name: "أفكر"}), TEXT, chunk({name: " أخيرًا"}, "stop"), "[DONE]")
    answer = rebuilt(streamed(call), call).choices[0]
    assert answer.message.reasoning_content == "أفكر أخيرًا"
    assert (answer.message.content, answer.finish_reason) == ("أهلاً", "stop")


def test_two_parallel_calls_in_fragments(call: Given, raw: Raw, streamed: Streamed) -> None:
    """Fragments of two calls, mixed, become two calls with whole arguments."""
    raw(
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}}]}),
        chunk(
            {
                "tool_calls": [
                    {"index": 1, "id": "b", "function": {"name": "g", "arguments": '{"م"'}},
                    {"index": 0, "function": {"arguments": '{"x": 1'}},
                ]
            }
        ),
        chunk({"tool_calls": [{"index": 1, "function": {"arguments": ': "ك"}'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}, "tool_calls"),
        "[DONE]",
    )
    answer = rebuilt(streamed(call), call).choices[0]
    calls = [(made.id, made.function.name, made.function.arguments) for made in answer.message.tool_calls]
    assert calls == [("a", "f", '{"x": 1}'), ("b", "g", '{"م": "ك"}')]
    assert answer.finish_reason == "tool_calls"


def test_thinking_blocks_keep_their_signature(call: Given, emulator: Emulator, streamed: Streamed) -> None:
    """On the messages dialect the signature of a thinking block reaches the rebuilt answer."""
    events = [
        {"type": "message_start", "message": {"id": "msg_1", "model": "m", "role": "assistant", "content": [],
         "usage": {"input_tokens": 4, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "حسنًا"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "نعم"}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]  # fmt: skip
    body = "".join(f"event: {event['type']}\ndata: {litellm.json.dumps(event)}\n\n" for event in events)
    emulator.fault(200, body=body.encode(), headers={"content-type": "text/event-stream"})
    chunks = streamed(call, api="messages", stream_options={"include_usage": True})
    message = rebuilt(chunks, call).choices[0].message
    assert (message.content, message.reasoning_content) == ("نعم", "حسنًا")
    assert [(block["thinking"], block["signature"]) for block in message.thinking_blocks] == [("حسنًا", "sig")]
    assert [part.usage.completion_tokens for part in chunks if getattr(part, "usage", None)] == [9]


def test_one_id_one_created_one_role(call: Given, streamed: Streamed) -> None:
    """All chunks of a stream say one id, one `created` and one model, and the first alone says the role."""
    chunks = streamed(call, stream_options={"include_usage": True})
    assert len({part.id for part in chunks}) == 1
    assert len({part.created for part in chunks}) == 1
    assert {part.model for part in chunks} == {"deepseek-v4-flash"}
    assert [part.choices[0].delta.role for part in chunks if part.choices][:2] == ["assistant", None]


def test_unknown_fields_of_chunks_are_kept(call: Given, raw: Raw, streamed: Streamed) -> None:
    """Fields that nobody knows reach the caller on a chunk of their own stream, those at its end too."""
    raw(chunk({"content": "x"}, credits_used=3), chunk({}, "stop", balance=97), "[DONE]")
    chunks = streamed(call)
    assert [part.credits_used for part in chunks if hasattr(part, "credits_used")] == [3]
    assert [part.balance for part in chunks if hasattr(part, "balance")] == [97]


def test_the_cost_of_a_stream(call: Given, raw: Raw, streamed: Streamed) -> None:
    """Credits become `usage.cost`, which LiteLLM takes for the cost of the stream."""
    raw(*ORDERS["usage after the finish"])
    chunks = streamed(call, credit_price=0.5, credit_multiplier=2, stream_options={"include_usage": True})
    answer = rebuilt(chunks, call)
    assert answer.usage.cost == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "eof", "after_events": 2}, "StreamInterruptedError"),
        ({"kind": "cut", "after_events": 2}, "StreamInterruptedError"),
        ({"kind": "broken-json", "after_events": 2}, "MalformedResponseError"),
        ({"kind": "error-event", "after_events": 2}, "OverloadedError"),
        ({"kind": "empty"}, "EmptyResponseError"),
        ({"kind": "done-only"}, "EmptyResponseError"),
        ({"kind": "html"}, "UnexpectedContentError"),
    ],
)
def test_what_is_no_whole_answer_raises(
    call: Given, emulator: Emulator, streamed: Streamed, fault: Given, error: str
) -> None:
    """A truncated, broken, empty or failing stream is never a clean `stop`."""
    emulator.fault(**fault)
    with pytest.raises(openai.APIError) as caught:
        streamed(call)
    causes: list[str] = []
    cause: BaseException | None = caught.value
    while cause is not None:
        causes.append(type(cause).__name__)
        cause = getattr(cause, "original_exception", None) or cause.__cause__
    assert error in causes


def test_a_synchronous_stream_opens_at_once(call: Given, emulator: Emulator) -> None:
    """`completion(stream=True)` raises at the call, not at the first chunk."""
    emulator.fault(402)
    with pytest.raises(litellm.exceptions.PaymentRequiredError):
        litellm.completion(**call, stream=True)


def test_leaving_a_stream_closes_its_connection(call: Given, emulator: Emulator) -> None:
    """Closing the wrapper, or dropping a synchronous stream, ends the request on the wire."""
    ended: list[str] = []

    async def leave() -> None:
        emulator.script([Reply("x " * 400)])
        emulator.fault("stall", 3, after_events=5)
        stream = await litellm.acompletion(**call, stream=True)
        async for _ in stream:
            break
        began = time.monotonic()
        await stream.aclose()
        ended.append("closed" if time.monotonic() - began < 1 else "waited")

    asyncio.run(leave())
    assert ended == ["closed"]


def test_a_forced_call_streams_like_it_answers(call: Given, emulator: Emulator, streamed: Streamed) -> None:
    """The same answer, streamed and rebuilt, equals the answer in one piece."""
    answer = Reply("نص", reasoning="فكرة", calls=(Call("f", {"س": 1}, "id1"),))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    emulator.script([answer, answer])
    built = rebuilt(streamed(call, tools=tools), call).choices[0].message
    whole = litellm.completion(**call, tools=tools).choices[0].message
    assert (built.content, built.reasoning_content) == (whole.content, whole.reasoning_content)
    assert [made.function for made in built.tool_calls] == [made.function for made in whole.tool_calls]
