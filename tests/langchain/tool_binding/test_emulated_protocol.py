"""Tools by text: what is a call, what is text, and what is sent of either."""

from __future__ import annotations

import base64
import itertools
import json
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
from tool_binding.support import pay

from langchain_resayil.emulated_tools import MARK, EmulatedReader, EmulatedVoice, read_answer

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
