"""Tool calls and results that a client told in plain words.

One article sends a tool's result back as a new assistant message, and a client whose server refuses tool
turns has only words.  A model understands such a history; so that the emulator does too, these turns are read
back into what they tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from resayil.emulator.values import ToolCall, Turn

CALL = re.compile(
    r"^\[?tool call (?P<id>[^\]\s]+)\]?:?\s+(?P<name>[\w.-]+)\s+(?P<arguments>\{.*\})\s*$",
    re.IGNORECASE | re.MULTILINE,
)
RESULT = re.compile(
    r"^\[?(?:result of tool call (?P<id>[^\]\s]+)|tool result|نتيجة الأداة)(?P<failed> failed)?\]?:?\s*"
    r"(?P<text>.*?)(?=\n\n\[?result of tool call |\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


def understood(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The same turns, with what was told in words as calls and results."""
    read: list[Turn] = []
    for turn in turns:
        read.extend(_read(turn, read))
    return tuple(read)


def _read(turn: Turn, earlier: list[Turn]) -> list[Turn]:
    if turn.role == "assistant" and not turn.calls and (calls := _calls(turn.text)):
        return [replace(turn, text=CALL.sub("", turn.text).strip(), calls=calls)]
    spoken = turn.role in ("user", "assistant") and not turn.calls and not turn.pictures
    last = earlier[-1] if earlier else None
    if not spoken or last is None or not (last.calls or last.role == "tool"):
        return [turn]
    if turn.text.lstrip("[").lower().startswith(("result of", "tool result", "نتيجة الأداة")):
        return [
            Turn("tool", found["text"].strip(), call_id=found["id"] or "", failed=bool(found["failed"]))
            for found in RESULT.finditer(turn.text)
        ]
    if turn.role == "assistant" and last.calls:
        return [Turn("tool", turn.text, call_id=last.calls[0].id)]
    return [turn]


def _calls(text: str) -> tuple[ToolCall, ...]:
    found = CALL.finditer(text)
    return tuple(ToolCall(call["name"], call["arguments"], call["id"]) for call in found)
