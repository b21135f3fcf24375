"""The adapter's law: what the core answers goes through LangChain's messages and comes back as it was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal

import pytest
from core.support import ARABIC
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message

from langchain_resayil.answers import OutputVersion, ai_message
from langchain_resayil.chunks import ChunkMaker
from langchain_resayil.convert import read_answer
from langchain_resayil.marks import mark, unmarked
from resayil import (
    ChatResponse,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    ReasoningPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCallDelta,
    Usage,
    UsageReport,
)
from resayil.accumulate import Accumulator
from resayil.credits import Cost
from resayil.jsontext import dumps

VERSIONS: Sequence[OutputVersion] = ("v0", "v1")

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.just(ARABIC)
COST = Cost(Decimal("1.5"), estimated=True)

plain_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
objects = st.dictionaries(words, plain_json, max_size=3)
whole_arguments = objects.map(dumps)
cut_arguments = st.tuples(whole_arguments, st.integers(0, 40)).map(lambda pair: pair[0][: pair[1]])
raw_arguments = (
    whole_arguments | cut_arguments | words | st.sampled_from(["", " ", "[1]", '{"a": 1e999}', "null"])
)


@st.composite
def answers(draw: st.DrawFn) -> list[StreamEvent]:
    """The events of any answer: parts of every kind in any order, each in several fragments."""
    events: list[StreamEvent] = [MessageStart("chatcmpl-1", draw(st.sampled_from(["", "deepseek-v4-pro"])))]
    calls = 0
    for part in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(["text", "reasoning", "call"]))
        if kind == "call":
            name = draw(st.sampled_from(["get_points", "not_offered"]))
            raw = draw(raw_arguments)
            cut = draw(st.integers(0, len(raw)))
            events.append(ToolCallDelta(part, calls, raw[:cut], f"call_{part}", name))
            events.append(ToolCallDelta(part, calls, raw[cut:]))
            calls += 1
        elif kind == "text":
            events += [TextDelta(part, text) for text in draw(st.lists(words, min_size=1, max_size=3))]
        else:
            events += [ReasoningDelta(part, text) for text in draw(st.lists(words, min_size=1, max_size=3))]
            if draw(st.booleans()):
                events.append(ReasoningDelta(part, "", "signed"))
    events.append(UsageReport(Usage(7, 5, cache_read_tokens=2)))
    events.append(MessageEnd(draw(st.sampled_from(["stop", "length", "tool_calls"]))))
    return events


def accumulated(events: list[StreamEvent]) -> ChatResponse:
    """What the core makes of the events."""
    accumulator = Accumulator(frozenset({"get_points"}))
    for event in events:
        accumulator.add([event])
    return accumulator.response("asked-for", Usage(0, 0))


def streamed(events: list[StreamEvent], version: OutputVersion) -> AIMessage:
    """What LangChain makes of their chunks, added up one by one."""
    maker = ChunkMaker(version, lambda: accumulated(events), lambda _: COST)
    chunks = [chunk.message for event in events for chunk in maker.feed(event)]
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    message = message_chunk_to_message(total)
    assert isinstance(message, AIMessage)
    return message


@pytest.mark.parametrize("version", VERSIONS)
@given(events=answers())
def test_an_answer_comes_back_as_it_was(version: OutputVersion, events: list[StreamEvent]) -> None:
    """Core to LangChain to core is the identity for whole answers: parts, order, ids, signatures, Arabic."""
    response = accumulated(events)
    assert read_answer(ai_message(response, version, COST), "it") == response.message.content


@pytest.mark.parametrize("version", VERSIONS)
@given(events=answers())
def test_a_streamed_answer_comes_back_as_it_was(version: OutputVersion, events: list[StreamEvent]) -> None:
    """So it is for streams that LangChain has added up, broken and cut tool calls included."""
    assert read_answer(streamed(events, version), "it") == accumulated(events).message.content


@pytest.mark.parametrize("version", VERSIONS)
@given(events=answers())
def test_stream_and_call_are_one_message(version: OutputVersion, events: list[StreamEvent]) -> None:
    """A stream added up says what a call says: metadata, usage and the calls that can be executed."""
    whole, added = ai_message(accumulated(events), version, COST), streamed(events, version)
    assert added.response_metadata == whole.response_metadata
    assert added.usage_metadata == whole.usage_metadata
    assert added.tool_calls == whole.tool_calls
    assert [call["id"] for call in added.invalid_tool_calls] == [
        call["id"] for call in whole.invalid_tool_calls
    ]
    assert added.text == whole.text
    kinds = [block["type"] for block in whole.content_blocks]
    told = [block["type"].replace("tool_call_chunk", "invalid_tool_call") for block in added.content_blocks]
    assert told == kinds


@given(events=answers())
def test_a_message_survives_being_stored(events: list[StreamEvent]) -> None:
    """A message that went through JSON, as checkpoints do, still comes back as it was."""
    message = ai_message(accumulated(events), "v0", COST)
    stored = AIMessage(**json.loads(json.dumps(message.model_dump(), ensure_ascii=False)))
    assert read_answer(stored, "it") == accumulated(events).message.content


@given(raw=raw_arguments, reason=words)
@settings(max_examples=300)
def test_no_repair_makes_a_call_of_marked_arguments(raw: str, reason: str) -> None:
    """Marked arguments are invalid for LangChain whatever was cut, and the mark comes off without a trace."""
    marked = raw + mark(raw, reason)
    fragment = {"name": "get_points", "args": marked, "id": "call_1", "index": 0, "type": "tool_call_chunk"}
    chunk = AIMessageChunk(content="", tool_call_chunks=[fragment])
    assert not chunk.tool_calls
    assert unmarked(marked) == raw


def test_an_edited_message_keeps_its_edit() -> None:
    """A layout that no longer fits the text is left aside, so an edit is never cut up."""
    parts = (TextPart("a"), ReasoningPart("t"), TextPart("b"))
    response = ChatResponse("", "m", Message("assistant", parts), "stop", Usage(0, 0))
    message = ai_message(response, "v0", COST)
    assert read_answer(message, "it") == parts
    edited = message.model_copy(update={"content": "something else"})
    assert read_answer(edited, "it") == (ReasoningPart("t"), TextPart("something else"))


def test_foreign_blocks_are_left_to_langchain() -> None:
    """Standard blocks of an answer to which somebody added a foreign block are LangChain's own reading."""
    message = AIMessage([{"type": "server_tool_call", "name": "f", "args": {}, "id": "1"}])
    message.response_metadata["model_provider"] = "resayil"
    assert [block["type"] for block in message.content_blocks] == ["server_tool_call"]


def test_fragments_are_blocks_of_their_own() -> None:
    """In the middle of a stream a call is a fragment, never a call made of half its arguments."""
    events: list[StreamEvent] = [
        TextDelta(0, ARABIC),
        ToolCallDelta(1, 0, '{"a": "b', "call_1", "get_points"),
    ]
    maker = ChunkMaker("v0", lambda: accumulated([]), lambda _: COST)
    text, call = (chunk.message for event in events for chunk in maker.feed(event))
    assert [block["type"] for block in (text + call).content_blocks] == ["text", "tool_call_chunk"]
