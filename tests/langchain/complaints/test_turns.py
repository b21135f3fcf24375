"""What a turn says to the service: complaints 19, 21 and 25."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from complaints.support import QUESTION, WHOLE_CALL, get_points, said
from fixture_types import MakeModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_resayil import ChatResayil
from resayil import ResayilWarning
from resayil.emulator import Call, Emulator


def test_complaint_19_a_picture_in_a_tool_message(
    make_model: MakeModel, emulator: Emulator, png: bytes
) -> None:
    """Complaint 19: the picture follows in a user message, in order, and the answer says so."""
    image = {"type": "image", "base64": base64.b64encode(png).decode(), "mime_type": "image/png"}
    asked = AIMessage("", tool_calls=[{"name": "scan", "args": {}, "id": "c"}])
    result = ToolMessage([{"type": "text", "text": "تم"}, image], tool_call_id="c")
    model = make_model(model="qwen3-vl:235b-instruct")
    answer = model.invoke([HumanMessage("x"), asked, result])
    assert [turn["role"] for turn in emulator.requests[-1].body["messages"]] == [
        "user",
        "assistant",
        "tool",
        "user",
    ]
    assert emulator.requests[-1].body["messages"][3]["content"][1]["type"] == "image_url"
    assert answer.response_metadata["adaptations"] == [
        "images of tool results were sent in a user message after them"
    ]


@pytest.mark.parametrize("choice", ["any", "get_points", True])
def test_complaint_21_a_thinking_model_without_forced_choice(
    make_model: MakeModel, emulator: Emulator, choice: Any
) -> None:
    """Complaint 21: a refused forced choice is sent as a free one, with a warning, and the answer says so."""
    emulator.fault(400, body={"error": {"message": "tool_choice is not supported in thinking mode"}})
    emulator.script([Call("get_points", {"customer_id": "12"})])
    with pytest.warns(ResayilWarning, match="no forced tool choice"):
        answer = (
            make_model(model="deepseek-v4-pro").bind_tools([get_points], tool_choice=choice).invoke(QUESTION)
        )
    assert said(answer) == WHOLE_CALL
    assert answer.response_metadata["adaptations"] == ["the forced tool choice was sent as auto"]


def test_complaint_25_an_assistant_turn_always_has_content(model: ChatResayil, emulator: Emulator) -> None:
    """Complaint 25: beside tool calls `content` is an empty text: there, and never null."""
    asked = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c"}])
    model.invoke([HumanMessage("x"), asked, ToolMessage("1", tool_call_id="c")])
    assert emulator.requests[-1].body["messages"][1]["content"] == ""
