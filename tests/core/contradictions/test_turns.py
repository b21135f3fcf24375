"""How a conversation's turns are told, and told again where refused: rows C7–C9 of the table."""

from __future__ import annotations

from core.contradictions.support import HISTORY, told
from core.support import MODEL, Scripted, client_of, emulator_of, json_reply


def test_c07_a_tool_turn_is_native_first() -> None:
    """Role tool on chat, a tool_result block on messages."""
    transport, client = told()
    client.chat(MODEL, HISTORY)
    assert transport.bodies[0]["messages"][3] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "٤١ درجة",
    }
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    client_of(transport, api="messages").chat(MODEL, HISTORY)
    assert transport.bodies[0]["messages"][2] == {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "٤١ درجة"}],
    }


def test_c07_a_refused_tool_turn_is_said_in_text_and_remembered() -> None:
    """A 422 that names the role is answered by plain text turns, at once, and only once per model."""
    emulator = emulator_of("tool-role-422")
    client = client_of(emulator.transport())
    first, second = (client.chat(MODEL, HISTORY) for _ in range(2))
    assert [request.status for request in emulator.requests] == [422, 200, 200]
    assert "plain text" in " ".join(first.adaptations)
    assert second.adaptations == first.adaptations
    turns = emulator.requests[1].body["messages"]
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert "٤١ درجة" in turns[3]["content"]
    assert "call_1" in turns[3]["content"]
    assert "الكويت" in turns[2]["content"]


def test_c08_a_refused_system_turn_is_folded_into_the_first_user_turn() -> None:
    """System goes out as system; refused, it heads the first user turn, and the model's way is remembered."""
    emulator = emulator_of("system-role-422")
    client = client_of(emulator.transport())
    responses = [client.chat(MODEL, HISTORY[:2]) for _ in range(2)]
    assert [request.status for request in emulator.requests] == [422, 200, 200]
    assert emulator.requests[0].body["messages"][0]["role"] == "system"
    assert emulator.requests[1].body["messages"] == [{"role": "user", "content": "كن موجزًا\n\nما الطقس؟"}]
    assert all("system" in " ".join(response.adaptations) for response in responses)


def test_c09_system_turns_are_hoisted_on_messages() -> None:
    """Several system turns, wherever they stand, are one top-level text."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    turns = [
        {"role": "system", "content": "أ"},
        {"role": "user", "content": "س"},
        {"role": "system", "content": "ب"},
    ]
    client_of(transport, api="messages").chat(MODEL, turns)
    assert transport.bodies[0]["system"] == "أ\n\nب"
    assert transport.bodies[0]["messages"] == [{"role": "user", "content": "س"}]
