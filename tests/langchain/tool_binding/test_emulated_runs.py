"""Tools by text: conversations with services that know neither tools nor role `tool`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from tool_binding.support import Bind, Run, pay

from langchain_resayil import ChatResayil, ResayilToolBinding
from langchain_resayil.emulated_tools import MARK
from langchain_resayil.tool_sources import has_tools
from resayil.emulator import Emulator

QUIRKS = [
    {"oddities": ["tools-ignored"]},
    {"profile": "march-2026"},
    {"oddities": ["system-role-422", "tools-ignored"]},
]


@pytest.fixture(params=QUIRKS, ids=["tools-ignored", "march-2026", "no system role"])
def toolless(request: pytest.FixtureRequest) -> Emulator:
    """A service without tools."""
    return Emulator(**request.param)


def on(emulator: Emulator, **settings: Any) -> ChatResayil:
    """A model on an emulator."""
    return ChatResayil(
        model="deepseek-v4-pro",
        api_key=emulator.key,
        base_url=emulator.base_url,
        http_transport=emulator.transport(),
        http_async_transport=emulator.async_transport(),
        **settings,
    )


def test_a_service_without_tools_calls_them(bind: Bind, run: Run, toolless: Emulator, question: str) -> None:
    """The receipt's loyalty call completes in every face, where tools are ignored and on the old server."""
    called, result, answer = run(bind(on=on(toolless), tool_calling="emulated"), question)
    assert isinstance(called, AIMessage)
    assert [call["args"] for call in called.tool_calls] == [{"member_id": "7788", "total_kwd": 12.5}]
    assert not called.text
    assert result.text == '{"member": "7788", "points": 125}'
    assert "125" in answer.text
    for request in toolless.requests:
        assert {turn["role"] for turn in request.body["messages"]} <= {"system", "user", "assistant"}
        assert all(isinstance(turn["content"], str) for turn in request.body["messages"])
        assert "tools" not in request.body


def test_native_tools_stay_unused_where_they_are_ignored(
    bind: Bind, toolless: Emulator, question: str
) -> None:
    """`auto` does not guess from a server that ignores tools: the answer is text, nothing was executed."""
    messages = bind(on=on(toolless)).with_transcript().invoke(question)["messages"]
    assert [message.type for message in messages] == ["ai"]


def test_the_receipt_conversation_on_the_old_server(bind: Bind, receipt_picture: dict[str, Any]) -> None:
    """Photo, clarifying turn, call, answer: the whole conversation where there is neither tool nor array."""
    emulator = Emulator("march-2026", ["response-format-ignored"])
    eyes = Emulator()
    photo = HumanMessage([{"type": "text", "text": "كم المجموع في هذا الإيصال؟"}, receipt_picture])
    seen = on(eyes, vision_model="qwen3-vl:235b-instruct").invoke([photo])
    assert "12.500" in seen.text
    turns = [
        HumanMessage(photo.text),
        AIMessage(seen.text),
        HumanMessage("رقم عضويتي 7788، كم نقطة ولاء سأحصل عليها؟"),
    ]
    *_, answer = bind(on=on(emulator), tool_calling="emulated").with_transcript().invoke(turns)["messages"]
    assert "125" in answer.text
    assert "7788" in answer.text


def test_the_history_goes_on_natively(bind: Bind, toolless: Emulator, question: str) -> None:
    """What an emulated run leaves is an ordinary history, which any model takes, such a server's too."""
    history = bind(on=on(toolless), tool_calling="emulated").with_transcript().invoke(question)["messages"]
    turns = [HumanMessage(question), *history, HumanMessage("شكرًا")]
    assert bind(on=on(toolless, history_images="note")).model.invoke(turns).text
    assert bind().invoke(turns).text


def test_the_model_is_told_of_a_broken_block(bind: Bind, run: Run, emulator: Emulator) -> None:
    """One repair turn, in text: the reason goes back in a result, and the second try is executed."""
    good = '```tool_calls\n{"tool_calls":[{"name":"pay","arguments":{"amount":"٢٫٥"}}]}\n```'
    emulator.script([f"{MARK}\n{{broken\n```", good, "done"])
    messages = run(bind(pay, tool_calling="emulated"), "go")
    assert [m.text for m in messages if isinstance(m, ToolMessage)][1] == "paid 2.5 "
    assert "not JSON" in emulator.requests[1].body["messages"][-1]["content"]
    assert emulator.requests[1].body["messages"][-2]["content"] == f"{MARK}\n{{broken\n```"
    assert messages[-1].text == "done"


def test_thoughts_stay_out_of_the_protocol(bind: Bind, run: Run, question: str) -> None:
    """Reasoning is kept beside an emulated call, in both forms of content, and is not taken for its text."""
    for version in ("v0", "v1"):
        model = on(Emulator(oddities=["tools-ignored"]), output_version=version)
        called = run(bind(on=model, tool_calling="emulated"), question)[0]
        kinds = [block["type"] for block in called.content_blocks]
        assert kinds == ["reasoning", "tool_call"], version


@pytest.mark.parametrize(
    ("profile", "emulates"),
    [({"tool_calling": False}, True), ({"tool_calling": True}, False), ({}, False), (None, False)],
)
def test_auto_goes_by_what_is_known(model: ChatResayil, profile: Any, emulates: bool) -> None:  # noqa: FBT001 - pytest names its arguments
    """A profile without tools is emulated; silence is not."""
    told = model.model_copy(update={"profile": profile, "model": "somebody/unknown"})
    assert ResayilToolBinding(told, [pay]).emulates is emulates
    assert ResayilToolBinding(told, [pay], tool_calling="emulated").emulates
    assert not ResayilToolBinding(told, [pay], tool_calling="native").emulates


def test_the_catalogue_counts_where_the_profile_is_silent(
    model: ChatResayil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A category of tools, or a list of abilities, says it; an id that nobody knows says nothing."""
    from langchain_resayil import tool_sources  # noqa: PLC0415 - only this test reaches inside
    from resayil.models import ModelInfo  # noqa: PLC0415 - the same

    known = {
        "caller": ModelInfo("caller", "tools"),
        "able": ModelInfo("able", extra={"capabilities": ["completion", "tools"]}),
        "unable": ModelInfo("unable", extra={"capabilities": ["completion"]}),
        "silent": ModelInfo("silent", "chat"),
    }
    monkeypatch.setattr(tool_sources, "SNAPSHOT", known)
    told = {
        name: has_tools(model.model_copy(update={"model": name, "profile": None})) for name in [*known, "x"]
    }
    assert told == {"caller": True, "able": True, "unable": False, "silent": None, "x": None}


def test_two_calls_in_one_block(bind: Bind, run: Run, emulator: Emulator) -> None:
    """Both are executed, and both results go back in one user turn."""
    calls = [{"name": "pay", "arguments": {"amount": n}} for n in (1, 2)]
    emulator.script([json.dumps({"tool_calls": calls}), "done"])
    messages = run(bind(pay, tool_calling="emulated"), "go")
    assert [m.text for m in messages if isinstance(m, ToolMessage)] == ["paid 1.0 ", "paid 2.0 "]
    assert [turn["role"] for turn in emulator.requests[1].body["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_an_ordinary_answer_streams(bind: Bind, emulator: Emulator) -> None:
    """Without a call the pieces are the model's own, as many as it sent."""
    emulator.reply("أهلًا بك", chunks=["أه", "لًا", " بك"])
    texts = [piece.text for piece in bind(tool_calling="emulated").stream("hi") if piece.text]
    assert texts == ["أه", "لًا", " بك"]

    async def collect() -> list[str]:
        emulator.reply("أهلًا بك", chunks=["أه", "لًا", " بك"])
        return [p.text async for p in bind(tool_calling="emulated").astream("hi") if p.text]

    assert asyncio.run(collect()) == ["أه", "لًا", " بك"]
