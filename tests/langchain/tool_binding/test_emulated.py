"""Tools by text: what is a call, what is text, and conversations that need no role `tool`."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool

from langchain_resayil import ChatResayil, ResayilToolBinding
from langchain_resayil.emulated_tools import MARK, EmulatedReader, EmulatedVoice, read_answer
from langchain_resayil.tool_sources import has_tools
from resayil.emulator import Emulator

Bind = Callable[..., ResayilToolBinding]
Run = Callable[..., list[BaseMessage]]
CALL = '{"tool_calls":[{"name":"pay","arguments":{"amount":12.5,"note":"```\\nعربي"}}]}'
READ = [{"name": "pay", "arguments": {"amount": 12.5, "note": "```\nعربي"}}]

CALLS: dict[str, tuple[str, str]] = {
    "bare": (CALL, ""),
    "bare in white space": (f"\n {CALL}\n\n", ""),
    "fenced": (f"```\n{CALL}\n```", ""),
    "fenced as json": (f"```json\n{CALL}\n```", ""),
    "marked": (f"{MARK}\n{CALL}\n```", ""),
    "marked on one line": (f"{MARK} {CALL}```\n", ""),
    "marked behind text": (f"سأنظر.\n\n{MARK}\n{CALL}\n```", "سأنظر.\n\n"),
    "marked without an end": (f"{MARK}\n{CALL}", ""),
    "spread out": (json.dumps(json.loads(CALL), ensure_ascii=True, indent=2), ""),
}
TEXTS: dict[str, str] = {
    "words": "أهلًا",
    "empty": "",
    "text before": f"Here it is: {CALL}",
    "text behind": f"{CALL} as you wished",
    "fence in text": f"For example:\n```json\n{CALL}\n```",
    "two objects": f"{CALL}{CALL}",
    "other json": '{"total": 12.5}',
    "more keys": '{"tool_calls":[{"name":"pay","arguments":{}}],"answer":"x"}',
    "more keys in the call": '{"tool_calls":[{"name":"pay","arguments":{},"id":"1"}]}',
    "arguments as text": '{"tool_calls":[{"name":"pay","arguments":"{}"}]}',
    "no arguments": '{"tool_calls":[{"name":"pay"}]}',
    "no calls": '{"tool_calls":[]}',
    "a call alone": '{"name":"pay","arguments":{}}',
    "cut": CALL[:-3],
    "a comma too many": '{"tool_calls":[{"name":"pay","arguments":{},}]}',
    "single quotes": "{'tool_calls':[{'name':'pay','arguments':{}}]}",
    "not a number": '{"tool_calls":[{"name":"pay","arguments":{"amount":NaN}}]}',
    "fenced as python": f"```python\n{CALL}\n```",
    "code": "`x`",
}
BROKEN: dict[str, tuple[str, str]] = {
    "cut": (f"{MARK}\n{CALL[:-4]}", "not JSON"),
    "text behind": (f"{MARK}\n{CALL}\n```\nDone!", "text stands behind"),
    "two blocks": (f"{MARK}\n{CALL}\n```\n{MARK}\n{CALL}\n```", "not JSON"),
    "more keys": (f'{MARK}\n{{"tool_calls":[],"x":1}}\n```', "one key"),
    "a call alone": (f'{MARK}\n{{"name":"pay","arguments":{{}}}}\n```', "one key"),
    "no arguments": (f'{MARK}\n{{"tool_calls":[{{"name":"pay"}}]}}\n```', '"arguments" alone'),
    "a name that is none": (
        f'{MARK}\n{{"tool_calls":[{{"name":1,"arguments":{{}}}}]}}\n```',
        "name is no text",
    ),
    "nothing": (f"{MARK}\n```", "empty"),
    "a list": (f"{MARK}\n[]\n```", "list, not an object"),
}


def whole(text: str) -> AIMessage:
    """An answer as it is read in one piece."""
    reader = EmulatedReader()
    shown = [*reader.feed(AIMessage(text)), *reader.close()]
    assert shown == [reader.message()]
    return reader.message()


def cut(text: str, *places: int, blocks: bool = False) -> tuple[AIMessage, list[AIMessage]]:
    """An answer as it is read in a stream, and what was shown before its end."""
    reader = EmulatedReader()
    shown: list[AIMessage] = []
    bounds = [0, *sorted(place for place in places if place < len(text)), len(text)]
    metadata = {"output_version": "v1"} if blocks else {}
    for start, end in itertools.pairwise(bounds):
        piece: Any = [{"type": "text", "text": text[start:end], "index": 0}] if blocks else text[start:end]
        shown += reader.feed(AIMessageChunk(content=piece, id="a", response_metadata=metadata))
    last: Any = [] if blocks else ""
    shown += reader.feed(
        AIMessageChunk(
            content=last, id="a", response_metadata={"finish_reason": "stop"}, chunk_position="last"
        )
    )
    before = list(shown)
    list(reader.close())
    return reader.message(), before


@pytest.mark.parametrize("case", CALLS)
def test_what_is_a_call(case: str) -> None:
    """The whole answer, or a marked block at its end; read to the letter."""
    text, said = CALLS[case]
    assert read_answer(text) == (said, READ)
    message = whole(text)
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("pay", READ[0]["arguments"])]
    assert message.content == said


@pytest.mark.parametrize("case", TEXTS)
def test_what_is_text(case: str) -> None:
    """Everything else is an ordinary answer, unaltered."""
    message = whole(TEXTS[case])
    assert (message.content, message.tool_calls, message.invalid_tool_calls) == (TEXTS[case], [], [])


@pytest.mark.parametrize("case", BROKEN)
def test_a_marked_block_that_is_broken(case: str) -> None:
    """The mark says that a call was meant: it is neither executed nor an answer, and the reason is told."""
    text, told = BROKEN[case]
    message = whole(text)
    assert not message.tool_calls
    [broken] = message.invalid_tool_calls
    assert told in str(broken["error"])
    assert message.text + str(broken["args"]) == text.rstrip()


ANSWERS = [*(text for text, _ in CALLS.values()), *TEXTS.values(), *(text for text, _ in BROKEN.values())]


@example(text=CALLS["bare in white space"][0], places=[1], blocks=False)
@example(text=TEXTS["fence in text"], places=[13], blocks=False)
@settings(deadline=None)
@given(text=st.sampled_from(ANSWERS), places=st.lists(st.integers(0, 120), max_size=6), blocks=st.booleans())
def test_a_stream_says_what_the_whole_says(text: str, places: list[int], *, blocks: bool) -> None:
    """However an answer is cut, its sum has the text and the calls of the whole, in both forms of content."""
    message, _ = cut(text, *places, blocks=blocks)
    expected = whole(text)
    assert message.text == expected.text
    assert [(c["name"], c["args"]) for c in message.tool_calls] == [
        (c["name"], c["args"]) for c in expected.tool_calls
    ]
    assert message.invalid_tool_calls == expected.invalid_tool_calls
    assert message.response_metadata["finish_reason"] == "stop"


@settings(deadline=None)
@given(st.lists(st.integers(0, 120), max_size=9))
def test_no_letter_of_a_call_is_shown(places: list[int]) -> None:
    """Whatever the cuts, a stream shows the text before a marked block, and nothing of the block."""
    _, before = cut(f"سأنظر.\n\n{MARK}\n{CALL}\n```", *places)
    assert "سأنظر.\n\n".startswith("".join(piece.text for piece in before))
    _, before = cut(CALL, *places)
    assert not "".join(piece.text for piece in before)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("مرحبا بك", 8),
        ('{"total": 12.5}', 15),
        ("use `x` and ```y", 16),
        ("```python\nx = 1\n```", 16),
        ("```tool_tip", 11),
        ("see ```tool_", 4),
        ('{"tool', 0),
    ],
)
def test_text_is_shown_as_soon_as_it_can_be_no_call(text: str, seen: int) -> None:
    """Letter by letter, an ordinary answer waits only while it may still become a call."""
    _, before = cut(text, *range(len(text)))
    assert len("".join(piece.text for piece in before)) == seen


@tool
def pay(amount: float, note: str = "") -> str:
    """Pay an amount."""
    return f"paid {amount} {note}"


def test_the_conversation_is_text_alone() -> None:
    """One system message, and of tools only user and assistant turns of one string each."""
    history: list[BaseMessage] = [
        SystemMessage("أنت مساعد."),
        HumanMessage("ادفع"),
        AIMessage(
            "سأدفع.",
            tool_calls=[
                {"type": "tool_call", "id": "c1", "name": "pay", "args": {"amount": 1}},
                {"type": "tool_call", "id": "c2", "name": "pay", "args": {"note": "عربي"}},
            ],
        ),
        ToolMessage("paid 1", tool_call_id="c1"),
        ToolMessage("no amount", tool_call_id="c2", name="pay", status="error"),
        AIMessage("تم."),
        HumanMessage("شكرًا"),
    ]
    head, first, called, results, answer, last = EmulatedVoice([pay]).said(history)
    assert str(head.content).startswith("أنت مساعد.\n\nYou can call tools.")
    assert '{"name":"pay","description":"Pay an amount.","parameters":{' in head.text
    assert [first, answer, last] == [history[1], history[5], history[6]]
    assert called.content == (
        'سأدفع.\n\n```tool_calls\n{"tool_calls":[{"name":"pay","arguments":{"amount":1}},'
        '{"name":"pay","arguments":{"note":"عربي"}}]}\n```'
    )
    assert results == HumanMessage(
        '```tool_results\n{"tool_results":[{"id":"c1","name":"pay","status":"success","content":"paid 1"},'
        '{"id":"c2","name":"pay","status":"error","content":"no amount"}]}\n```'
    )


def test_a_picture_from_a_tool_is_shown() -> None:
    """An image in a result stands in the user message behind its text."""
    picture = {"type": "image", "base64": base64.b64encode(b"x").decode(), "mime_type": "image/png"}
    result = ToolMessage([{"type": "text", "text": "here"}, picture], tool_call_id="c1", name="draw")
    *_, told = EmulatedVoice([pay]).said([HumanMessage("draw"), result])
    assert isinstance(told.content, list)
    assert told.content[1] == picture
    assert '"content":"here"' in told.text


@pytest.mark.parametrize(
    "text", [*(text for text, _ in CALLS.values()), *(text for text, _ in BROKEN.values())]
)
def test_calls_go_back_as_they_can_be_read(text: str) -> None:
    """What is sent back of a call is read as the same call; a broken block goes back as it was written."""
    message = whole(text)
    *_, sent = EmulatedVoice([pay]).said([HumanMessage("go"), message])
    again = whole(sent.text)
    assert [call["args"] for call in again.tool_calls] == [call["args"] for call in message.tool_calls]
    assert [call["error"] for call in again.invalid_tool_calls] == [
        call["error"] for call in message.invalid_tool_calls
    ]


def test_ids_are_new_in_every_turn() -> None:
    """A call's id tells it from every earlier call of the conversation."""
    voice, seen = EmulatedVoice([pay]), []
    messages: list[BaseMessage] = [HumanMessage("go")]
    for _ in range(3):
        reader = voice.reader(messages)
        list(reader.feed(AIMessage(CALL)))
        list(reader.close())
        messages.append(reader.message())
        seen += [call["id"] for call in reader.message().tool_calls]
    assert len(set(seen)) == 3


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
