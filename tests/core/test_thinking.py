"""Leading think tags, and everything that only looks like them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from core.support import WEATHER, chunk, event, streamed

from resayil import TextPart, ToolCallPart
from resayil.codecs.thinking import ThinkSplitter

CASES = {
    "<think>أفكر</think>نعم": ("أفكر", "نعم"),
    " \n<think>أفكر</think>\n\nنعم": ("أفكر", "\n\nنعم"),
    "<think></think>نعم": ("", "نعم"),
    "<think>أفكر": ("أفكر", ""),
    "<think>a</think>b</think>c": ("a", "b</think>c"),
    "<think>a<b </thin>c</think>d": ("a<b </thin>c", "d"),
    "<think>a<think>b</think>c": ("a<think>b", "c"),
    "<think>a</thi": ("a</thi", ""),
    "نعم <think>x</think>": ("", "نعم <think>x</think>"),
    "<thinking>x": ("", "<thinking>x"),
    "<th": ("", "<th"),
    " ": ("", " "),
    "": ("", ""),
    "<THINK>x</THINK>": ("", "<THINK>x</THINK>"),
}


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_splitting(text: str, size: int) -> None:
    """Only a tag at the very start makes reasoning; cut anywhere, not a character is lost or doubled."""
    splitter = ThinkSplitter()
    pieces = [piece for at in range(0, len(text), size) for piece in splitter.feed(text[at : at + size])]
    pieces += splitter.close()
    reasoning, said = ("".join(piece for kind, piece in pieces if kind is wanted) for wanted in (True, False))
    assert (reasoning, said) == CASES[text]
    assert all(piece for _, piece in pieces)


def test_text_is_not_held_back_longer_than_needed() -> None:
    """The first fragment that cannot begin a tag goes out at once, and so does all that follows."""
    splitter = ThinkSplitter()
    assert splitter.feed("<thi") == []
    assert splitter.feed("s") == [(False, "<this")]
    assert splitter.decided
    assert splitter.feed("<think>") == [(False, "<think>")]


def _chat(*said: str | dict[str, Any]) -> Iterator[bytes]:
    for one in said:
        if isinstance(one, str):
            yield chunk({"content": one})
        else:
            function = {"name": WEATHER.name, "arguments": '{"city":"الكويت"}'}
            yield chunk({"tool_calls": [{"index": 0, "id": "c", "function": function}]})
    yield chunk({}, "tool_calls")


def _messages(*said: str | dict[str, Any]) -> Iterator[bytes]:
    yield event({"type": "message_start", "message": {}})
    for index, one in enumerate(said):
        text = {"type": "text", "text": one}
        call = {"type": "tool_use", "id": "c", "name": WEATHER.name, "input": one}
        block = text if isinstance(one, str) else call
        yield event({"type": "content_block_start", "index": index, "content_block": block})
        yield event({"type": "content_block_stop", "index": index})
    yield event({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    yield event({"type": "message_stop"})


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_call_behind_what_might_be_a_tag(api: str) -> None:
    """What was held back is text before the call, and what follows the call is text of its own."""
    say = _chat if api == "chat" else _messages
    answer = streamed(*say("<thi", {"city": "الكويت"}, "<think>"), api=api, tools=[WEATHER])
    call = ToolCallPart("c", WEATHER.name, {"city": "الكويت"})
    assert answer.message.content == (TextPart("<thi"), call, TextPart("<think>"))
