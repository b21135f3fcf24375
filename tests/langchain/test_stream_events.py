"""Native events: every part of an answer is a block of its own, from a model to a graph's message."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tracers._streaming import _V2StreamingCallbackHandler
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

import resayil
from langchain_resayil import ChatResayil
from langchain_resayil.answers import ai_message
from langchain_resayil.convert import read_answer, read_messages
from langchain_resayil.stream_events import EventMaker
from resayil import MessageEnd, MessageStart, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta, Usage
from resayil.accumulate import Accumulator
from resayil.credits import Cost
from resayil.emulator import Call, Emulator, Reply
from resayil.events import UsageReport

pytestmark = pytest.mark.filterwarnings("ignore:.*(is in beta|is experimental)")

words = st.text('اب «ق\u064b a1"\\{}', min_size=1, max_size=6)
COST = Cost(Decimal("1.5"), estimated=True)


def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def pieces(part: int, kind: str, texts: list[str], index: int) -> list[StreamEvent]:
    """The fragments of one part."""
    match kind:
        case "text":
            return [TextDelta(part, text) for text in texts]
        case "reasoning":
            return [
                *(ReasoningDelta(part, text) for text in texts),
                ReasoningDelta(part, "", f"signed {part}"),
            ]
    first = ToolCallDelta(part, index, "", f"call_{part}", "get_points" if kind == "call" else "unknown")
    return [first, *(ToolCallDelta(part, index, text) for text in ('{"x":', *texts, "1}"))]


@st.composite
def answers(draw: st.DrawFn) -> list[StreamEvent]:
    """Parts of every kind in any order; the fragments of calls that stand side by side take turns."""
    kinds = draw(st.lists(st.sampled_from(["text", "reasoning", "call", "strange"]), max_size=6))
    parts = [
        pieces(n, kind, draw(st.lists(words, min_size=1, max_size=3)), n) for n, kind in enumerate(kinds)
    ]
    events: list[StreamEvent] = [MessageStart("chatcmpl-1", "deepseek-v4-pro")]
    opened: list[list[StreamEvent]] = []
    for kind, part in zip(kinds, parts, strict=True):
        if kind in {"text", "reasoning"} or not draw(st.booleans()):
            events += part
        else:
            events.append(part[0])
            opened.append(part[1:])
    while opened := [part for part in opened if part]:
        events.append(draw(st.sampled_from(opened)).pop(0))
    events += [
        UsageReport(Usage(7, 5, reasoning_tokens=2)),
        MessageEnd(draw(st.sampled_from(["stop", "length"]))),
    ]
    return events


@given(events=answers())
def test_any_answer_keeps_its_blocks(events: list[StreamEvent]) -> None:
    """Events of any answer obey the protocol, and add up to the very message that a call would have given."""
    accumulator = Accumulator(frozenset({"get_points"}))
    for event in events:
        accumulator.add([event])
    response = accumulator.response("asked-for", Usage(0, 0))
    maker = EventMaker(lambda: response, lambda _: COST, uuid4())
    told: list[Any] = [made for event in events for made in maker.feed(event)]
    assert_valid_event_stream(told)
    stream = ChatModelStream()
    for event in told:
        stream.dispatch(event)
    message, called = stream.output_message, ai_message(response, "v1", COST)
    assert message is not None
    assert read_answer(message, "it") == response.message.content
    assert [block["type"] for block in message.content_blocks] == [
        block["type"] for block in called.content_blocks
    ]
    assert message.tool_calls == called.tool_calls
    assert message.usage_metadata == called.usage_metadata
    assert message.response_metadata == called.response_metadata


@pytest.mark.parametrize("version", [None, "v0", "v1"])
def test_a_model_tells_native_events(either: ChatResayil, emulator: Emulator, version: Any) -> None:
    """Thinking, text, a whole and a broken call arrive as four blocks in each output version."""
    calls = [Call("get_points", {"customer_id": "أ"}), Call("get_points", '{"customer_id": ')]
    emulator.script([Reply("سأبحث", reasoning="أفكر", calls=calls)])
    model = either.model_copy(update={"output_version": version})
    stream: Any = model.bind_tools([get_points]).stream_events("x", version="v3")
    events = list(stream)
    assert_valid_event_stream(events)
    assert [block["type"] for block in stream.output.content] == [
        "reasoning", "text", "tool_call", "invalid_tool_call",
    ]  # fmt: skip
    assert stream.output.invalid_tool_calls[0]["args"] == '{"customer_id": '
    assert "not JSON" in stream.output.invalid_tool_calls[0]["error"]
    assert (str(stream.text), str(stream.reasoning)) == ("سأبحث", "أفكر")
    assert sum(event["event"] == "content-block-delta" for event in events) > 4
    finish = events[-1]
    assert finish["usage"]["credits_micro"] == finish["usage"]["total_tokens"] * 1_000_000
    assert finish["metadata"]["finish_reason"] == "tool_calls"
    assert events[0]["metadata"] == {"provider": "resayil", "model": "deepseek-v4-flash"}
    assert events[0]["id"] == stream.output.id


async def test_asynchronous_events_are_the_same(either: ChatResayil, emulator: Emulator) -> None:
    """Both hooks are made of one maker."""
    emulator.script([Reply("نعم", reasoning="أفكر")] * 2)
    stream: Any = await either.astream_events("x", version="v3")
    asynchronous = [event async for event in stream]
    assert_valid_event_stream(asynchronous)
    synchronous: Any = list(either.stream_events("x", version="v3"))
    for events in (asynchronous, synchronous):
        events[0].pop("id")
        for name in ("id", "request_id"):
            events[-1]["metadata"].pop(name)
        finished = [event["content"] for event in events if event["event"] == "content-block-finish"]
        for block in finished:
            block.pop("extras", None)  # a signature is another each time
    assert asynchronous == synchronous


def test_a_call_cut_at_max_tokens_ends_invalid(either: ChatResayil, emulator: Emulator) -> None:
    """Arguments that happen to be whole where the answer was cut are an invalid block."""
    emulator.script([Reply(calls=[Call("get_points", {"customer_id": "1"})], finish_reason="length")])
    stream: Any = either.bind_tools([get_points]).stream_events("x", version="v3")
    assert [block["type"] for block in stream.output.content] == ["invalid_tool_call"]
    assert stream.output.tool_calls == []


def test_an_error_ends_the_events(either: ChatResayil, emulator: Emulator) -> None:
    """A stream that breaks off raises its typed error, and handlers hear of it."""

    class Heard(BaseCallbackHandler):
        error: BaseException | None = None

        def on_llm_error(self, error: BaseException, **_: Any) -> None:
            self.error = error

    heard = Heard()
    emulator.reply("واحد اثنان ثلاثة أربعة")
    emulator.fault("cut", after_events=3)
    stream: Any = either.stream_events("x", config={"callbacks": [heard]}, version="v3")
    with pytest.raises(resayil.StreamInterruptedError):
        list(stream.text)
    assert isinstance(heard.error, resayil.StreamInterruptedError)


class Events(BaseCallbackHandler, _V2StreamingCallbackHandler):
    """What LangGraph's handler for events does: it makes a plain call tell them."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.tokens = 0

    def on_stream_event(self, event: Any, **_: Any) -> None:
        """Keep an event."""
        self.events.append(event)

    def on_llm_new_token(self, *_: Any, **__: Any) -> None:
        """Count what belongs to the other way of streaming."""
        self.tokens += 1


async def test_a_plain_call_tells_its_events(either: ChatResayil, emulator: Emulator) -> None:
    """With such a handler `invoke` and `ainvoke` stream, tell every event once, and answer as ever."""
    emulator.script([Reply("نعم", reasoning="أفكر")] * 2)
    for asynchronous in (False, True):
        handler, run_id = Events(), uuid4()
        config: RunnableConfig = {"callbacks": [handler], "run_id": run_id}
        message = await either.ainvoke("x", config) if asynchronous else either.invoke("x", config)
        assert_valid_event_stream(handler.events)
        assert handler.tokens == 0
        assert message.id == handler.events[0]["id"] == f"lc_run--{run_id}"
        assert message.text == "نعم"
        assert message.response_metadata["credits"] > 0
        assert emulator.requests[-1].body["stream"] is True


def test_a_graph_streams_messages_with_a_checkpointer(either: ChatResayil, emulator: Emulator) -> None:
    """Events of a graph's model come as they are written; the checkpoint holds a message that goes back."""
    emulator.script([Reply("أهلًا بك", reasoning="أفكر"), Reply("نعم")])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [either.invoke(state["messages"])]})
    graph.add_edge(START, "model")
    app: Any = graph.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    run = app.stream_events({"messages": [("user", "مرحبا")]}, thread, version="v3")
    texts = [str(message.text) for message in run.messages]
    assert texts == ["أهلًا بك"]
    kept = app.get_state(thread).values["messages"]
    assert [message.type for message in kept] == ["human", "ai"]
    app.invoke({"messages": [("user", "ثم؟")]}, thread)
    assert emulator.requests[-1].body["messages"][1] == {"role": "assistant", "content": "أهلًا بك"}


def test_a_message_of_events_goes_back_as_it_came(either: ChatResayil, emulator: Emulator) -> None:
    """What events add up to is a history like any other."""
    emulator.script([Reply("نعم", reasoning="أفكر", calls=[Call("get_points", {"customer_id": "أ"})])])
    stream: Any = either.bind_tools([get_points]).stream_events("x", version="v3")
    (turn,) = read_messages([stream.output])
    assert isinstance(stream.output, AIMessage)
    assert (turn.reasoning, turn.text) == ("أفكر", "نعم")
    assert turn.tool_calls[0].arguments == {"customer_id": "أ"}
