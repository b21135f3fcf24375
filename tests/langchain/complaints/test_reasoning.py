"""Reasoning kept, streamed and sent back: complaints 1 to 4."""

from __future__ import annotations

from typing import Any

import pytest
from complaints.support import QUESTION, get_points
from fixture_types import MakeModel
from langchain_core.messages import HumanMessage, ToolMessage

from langchain_resayil import ChatResayil
from resayil.emulator import Call, Emulator, Reply


def test_complaint_1_reasoning_is_kept_by_a_call(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 1: reasoning stands in `additional_kwargs` and in the content blocks."""
    emulator.script([Reply("٤٢", reasoning="أفكر")])
    message = either.invoke(QUESTION)
    assert message.additional_kwargs["reasoning_content"] == "أفكر"
    assert message.content_blocks[0] == {
        **message.content_blocks[0],
        "type": "reasoning",
        "reasoning": "أفكر",
    }


def test_complaint_2_reasoning_is_kept_chunk_by_chunk(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 2: each fragment of reasoning is a chunk of its own, before the text."""
    emulator.script([Reply("الجواب", reasoning="أفكر طويلًا جدًا في هذا")])
    chunks = list(either.stream(QUESTION))
    thoughts = [n for n, piece in enumerate(chunks) if piece.additional_kwargs.get("reasoning_content")]
    assert len(thoughts) > 1
    assert max(thoughts) < min(n for n, piece in enumerate(chunks) if piece.text)


@pytest.mark.parametrize(
    ("policy", "back"), [("never", False), ("tool_turns", True), ({"*": "always"}, True)]
)
def test_complaint_3_reasoning_goes_back_by_policy(
    make_model: MakeModel, emulator: Emulator, policy: Any, *, back: bool
) -> None:
    """Complaint 3: on the second turn of a tool call reasoning is there for the models that must have it."""
    emulator.script([Reply(reasoning="أفكر", calls=[Call("get_points", {"customer_id": "1"})]), Reply("نعم")])
    model = make_model(reasoning_replay=policy)
    asked = model.bind_tools([get_points]).invoke(QUESTION)
    model.invoke([HumanMessage(QUESTION), asked, ToolMessage("5", tool_call_id=asked.tool_calls[0]["id"])])
    assert (emulator.requests[-1].body["messages"][1].get("reasoning_content") == "أفكر") is back


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_complaint_4_events_keep_reasoning_before_a_call(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 4: in version 3 of the events reasoning and a tool call stand in one message."""
    emulator.script([Reply(reasoning="أفكر", calls=[Call("get_points", {"customer_id": "12"})])])
    stream: Any = either.bind_tools([get_points]).stream_events(QUESTION, version="v3")
    assert [block["type"] for block in stream.output.content] == ["reasoning", "tool_call"]
    assert str(stream.reasoning) == "أفكر"
