"""Streams as LangChain adds them up: each rule of its merging that could spoil an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from fixture_types import Join
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessageChunk

from langchain_resayil import ChatResayil
from langchain_resayil.marks import unmarked
from resayil import StreamInterruptedError
from resayil.emulator import Call, Emulator, Reply

QUESTION = "كم نقطة لديّ؟"
ARABIC_ARGUMENTS = {"العميل": "أحمد", "الفرع": "حَوَلّي"}


def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def told(model: ChatResayil, *, tools: bool = False, **options: Any) -> list[AIMessageChunk]:
    """The chunks of one stream."""
    asked = model.bind_tools([get_points]) if tools else model
    return [chunk for chunk in asked.stream(QUESTION, **options) if isinstance(chunk, AIMessageChunk)]


def test_metadata_is_said_once(either: ChatResayil, emulator: Emulator, joined: Join) -> None:
    """Strings do not double (`stopstop`), floats do not clash: each of them stands on one chunk only."""
    emulator.reply("مرحبًا بك في الكويت")
    chunks = told(either)
    for name in ("finish_reason", "model_name", "id", "credits", "request_id"):
        assert sum(name in chunk.response_metadata for chunk in chunks) == 1, name
    assert {chunk.response_metadata["model_provider"] for chunk in chunks} == {"resayil"}
    metadata = joined(chunks).response_metadata
    assert metadata["finish_reason"] == "stop"
    assert metadata["model_name"] == "deepseek-v4-flash"
    assert metadata["model_provider"] == "resayil"
    assert (metadata["attempts"], metadata["maybe_billed"], metadata["adaptations"]) == (1, 0, [])
    assert isinstance(metadata["credits"], float)
    assert metadata["credits_estimated"] is True
    assert metadata["usage_estimated"] is False


def test_no_chunk_shares_what_can_be_written_to(either: ChatResayil, emulator: Emulator) -> None:
    """LangChain and its users write into a chunk's lists and dicts; no other chunk may see it."""
    emulator.reply("مرحبًا بك في الكويت")
    chunks = told(either)
    assert len(chunks) > 3
    held = [id(value) for chunk in chunks for _, value in chunk if isinstance(value, dict | list)]
    assert len(set(held)) == len(held) > 3 * len(chunks)


def test_usage_is_said_once(either: ChatResayil, joined: Join) -> None:
    """Usage stands on the last chunk alone, so that LangChain's sum is the service's figure."""
    chunks = told(either)
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert joined(chunks).usage_metadata == chunks[-1].usage_metadata


def test_the_last_chunk_is_marked_by_us(either: ChatResayil) -> None:
    """`chunk_position` is ours, on the last chunk; LangChain adds no empty one of its own."""
    assert [chunk.chunk_position for chunk in told(either)][-2:] == [None, "last"]


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_fragments_of_parallel_calls_join(
    either: ChatResayil, emulator: Emulator, joined: Join, version: str
) -> None:
    """Indices are numbers, id and name come once, and one chunk holds one fragment of a call."""
    calls = [("get_points", {"customer_id": str(n)}) for n in range(3)]
    emulator.calls(calls)
    chunks = told(either.model_copy(update={"output_version": version}), tools=True)
    for chunk in chunks:
        assert len(chunk.tool_call_chunks) <= 1
        assert all(isinstance(fragment["index"], int) for fragment in chunk.tool_call_chunks)
    message = joined(chunks)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == calls
    assert len({call["id"] for call in message.tool_calls}) == 3
    assert [block["type"] for block in message.content_blocks] == ["tool_call"] * 3


def test_arabic_arguments_are_never_escaped(either: ChatResayil, emulator: Emulator, joined: Join) -> None:
    """Arabic arguments stand as Arabic in every chunk, in the sum and in what is sent back."""
    emulator.script([Call("get_points", ARABIC_ARGUMENTS)])
    chunks = told(either, tools=True)
    message = joined(chunks)
    raw = "".join(fragment["args"] or "" for chunk in chunks for fragment in chunk.tool_call_chunks)
    assert json.loads(raw) == ARABIC_ARGUMENTS
    assert "أحمد" in raw
    assert message.tool_calls[0]["args"] == ARABIC_ARGUMENTS
    either.invoke(
        [
            ("user", QUESTION),
            message,
            {"role": "tool", "content": "٥", "tool_call_id": message.tool_calls[0]["id"] or ""},
        ]
    )
    assert "\\u" not in json.dumps(emulator.requests[-1].body, ensure_ascii=False)
    assert "أحمد" in json.dumps(emulator.requests[-1].body, ensure_ascii=False)


BROKEN = [
    '{"customer_id": "12',
    '{"customer_id": 12',
    '{"customer_id"',
    "{",
    '{"a": [1, {"b": "c\\',
    "[1]",
    "null",
    '{"a": 1}}',
]


@pytest.mark.parametrize("version", ["v0", "v1"])
@pytest.mark.parametrize("raw", BROKEN)
def test_broken_arguments_never_become_a_call(
    make_model: Callable[..., ChatResayil], emulator: Emulator, joined: Join, raw: str, version: str
) -> None:
    """LangChain would repair cut JSON into a call with other arguments; here it stays invalid and whole."""
    emulator.script([Call("get_points", raw)] * 2)
    model = make_model(output_version=version)
    message = joined(told(model, tools=True))
    invoked = model.bind_tools([get_points]).invoke(QUESTION)
    assert (message.tool_calls, invoked.tool_calls) == ([], [])
    assert [unmarked(call["args"] or "") for call in message.invalid_tool_calls] == [raw]
    assert [call["args"] for call in invoked.invalid_tool_calls] == [raw]
    assert invoked.invalid_tool_calls[0]["error"]


def test_a_call_cut_at_max_tokens_is_no_call(either: ChatResayil, emulator: Emulator, joined: Join) -> None:
    """Arguments that happen to be whole where the answer was cut are not trusted either."""
    emulator.script([Reply(calls=[Call("get_points", {"customer_id": "1"})], finish_reason="length")])
    message = joined(told(either, tools=True))
    assert message.response_metadata["finish_reason"] == "length"
    assert message.tool_calls == []
    assert len(message.invalid_tool_calls) == 1


def test_a_tool_that_was_not_offered_is_no_call(
    either: ChatResayil, emulator: Emulator, joined: Join
) -> None:
    """A name that was not offered is an invalid call, in a stream as in a call."""
    emulator.script([Call("transfer_money", {})] * 2)
    streamed, invoked = joined(told(either, tools=True)), either.bind_tools([get_points]).invoke(QUESTION)
    for message in (streamed, invoked):
        assert message.tool_calls == []
        assert [call["name"] for call in message.invalid_tool_calls] == ["transfer_money"]


def test_a_broken_call_is_sent_back_as_it_came(model: ChatResayil, emulator: Emulator, joined: Join) -> None:
    """The note that keeps LangChain from repairing a call never reaches the service."""
    emulator.script([Call("get_points", '{"customer_id": "12', id="call_7")])
    message = joined(told(model, tools=True))
    result = {"role": "tool", "content": "broken", "tool_call_id": "call_7"}
    model.invoke([("user", QUESTION), message, result])
    call = emulator.requests[-1].body["messages"][1]["tool_calls"][0]
    assert call == {
        "id": "call_7",
        "type": "function",
        "function": {"name": "get_points", "arguments": '{"customer_id": "12'},
    }


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_reasoning_is_kept(either: ChatResayil, emulator: Emulator, joined: Join, version: str) -> None:
    """Reasoning is apart from the text in streams and calls, and a standard block in both output versions."""
    emulator.script([Reply("الجواب ٤٢", reasoning="أفكر أولًا")] * 2)
    model = either.model_copy(update={"output_version": version})
    for message in (joined(told(model)), model.invoke(QUESTION)):
        assert message.text == "الجواب ٤٢"
        assert [block["type"] for block in message.content_blocks] == ["reasoning", "text"]
        assert message.content_blocks[0].get("reasoning") == "أفكر أولًا"
        if version == "v0":
            assert message.content == "الجواب ٤٢"
            assert message.additional_kwargs["reasoning_content"] == "أفكر أولًا"


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_signed_reasoning_is_replayed(
    make_model: Callable[..., ChatResayil], emulator: Emulator, joined: Join, version: str
) -> None:
    """With `reasoning_replay`, thinking goes back with its signature, as the messages dialect wants it."""
    emulator.script([Reply("نعم", reasoning="أفكر")])
    model = make_model(api="messages", reasoning_replay="always", output_version=version)
    message = joined(told(model))
    model.invoke([("user", QUESTION), message, ("user", "ثم؟")])
    thinking, text = emulator.requests[-1].body["messages"][1]["content"]
    assert (thinking["type"], thinking["thinking"]) == ("thinking", "أفكر")
    assert thinking["signature"].startswith("emulated-")
    assert text == {"type": "text", "text": "نعم"}


def test_reasoning_stays_at_home_by_default(either: ChatResayil, emulator: Emulator) -> None:
    """Without `reasoning_replay`, no reasoning of the history is sent."""
    emulator.script([Reply("نعم", reasoning="أفكر")])
    either.invoke([("user", QUESTION), either.invoke(QUESTION), ("user", "ثم؟")])
    assert "أفكر" not in json.dumps(emulator.requests[-1].body, ensure_ascii=False)


def test_usage_that_was_not_reported_is_estimated(joined: Join) -> None:
    """A stream without usage still tells tokens, marked as an estimate."""
    emulator = Emulator(oddities=["no-stream-usage", "delta-array"])
    model = ChatResayil(
        model="mistral", api_key=emulator.key, base_url=emulator.base_url, http_transport=emulator.transport()
    )
    message = joined(told(model))
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0
    assert message.response_metadata["usage_estimated"] is True


def test_invoke_can_use_a_stream(either: ChatResayil, emulator: Emulator) -> None:
    """`streaming=True` and `invoke(…, stream=True)` say the same as a plain call."""
    emulator.script(
        [
            Reply(
                "مرحبًا",
                usage={"prompt_tokens": 3, "completion_tokens": 2, "input_tokens": 3, "output_tokens": 2},
            )
        ]
        * 3
    )
    streaming = either.model_copy(update={"streaming": True})
    streaming.model_fields_set.add("streaming")
    answers = [either.invoke(QUESTION), either.invoke(QUESTION, stream=True), streaming.invoke(QUESTION)]
    assert [answer.text for answer in answers] == ["مرحبًا"] * 3
    assert [request.body.get("stream", False) for request in emulator.requests] == [False, True, True]
    own = {"id", "request_id"}
    told_of = [{k: v for k, v in answer.response_metadata.items() if k not in own} for answer in answers]
    assert told_of[0] == told_of[1] == told_of[2]


async def test_async_streams_say_the_same(either: ChatResayil, emulator: Emulator, joined: Join) -> None:
    """The asynchronous stream gives the same chunks."""
    emulator.script([Reply("واحد اثنان", reasoning="أفكر")] * 2)
    sync = joined(either.stream(QUESTION))
    async_ = joined([chunk async for chunk in either.astream(QUESTION)])
    assert (async_.content, async_.additional_kwargs.keys()) == (sync.content, sync.additional_kwargs.keys())
    assert async_.usage_metadata == sync.usage_metadata


def test_leaving_a_stream_early_closes_it(model: ChatResayil, emulator: Emulator) -> None:
    """After a break the next call works, on the same client."""
    emulator.reply("نص طويل " * 50)
    stream: Iterator[Any] = model.stream(QUESTION)
    with closing(stream):  # type: ignore[type-var] # a generator, which LangChain types as an iterator
        next(stream)
    assert model.invoke(QUESTION).text


def test_callbacks_hear_every_token(model: ChatResayil, emulator: Emulator) -> None:
    """Handlers of LangChain get each chunk once."""

    class Heard(BaseCallbackHandler):
        def __init__(self) -> None:
            self.tokens: list[str] = []

        def on_llm_new_token(self, token: str, **_: Any) -> None:  # type: ignore[override] # fewer words
            self.tokens.append(token)

    emulator.reply("أهلًا وسهلًا")
    heard = Heard()
    list(model.stream(QUESTION, config={"callbacks": [heard]}))
    assert "".join(heard.tokens) == "أهلًا وسهلًا"


def test_an_error_inside_a_stream_keeps_what_came(model: ChatResayil, emulator: Emulator) -> None:
    """A stream that breaks off raises, with the text that was delivered."""
    emulator.reply("واحد اثنان ثلاثة أربعة")
    emulator.fault("cut", after_events=3)
    with pytest.raises(StreamInterruptedError) as caught:
        list(model.stream(QUESTION))
    assert "واحد".startswith(caught.value.partial_text[:2])
    assert caught.value.partial_text
