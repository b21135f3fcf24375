"""What a user queues: answers, calls and faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from resayil.emulator.values import Answer, Json, JsonObject, RecordedRequest, ToolCall, dumps


@dataclass(frozen=True, slots=True)
class Call:
    """An answer that is one tool call; `arguments` as text goes out unchanged, malformed or not."""

    name: str
    arguments: JsonObject | str
    id: str | None = None
    text: str | None = None
    reasoning: str | None = None

    def made(self) -> ToolCall:
        """The call with its arguments as text."""
        raw = self.arguments if isinstance(self.arguments, str) else dumps(self.arguments)
        return ToolCall(self.name, raw, self.id or "")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in words; `chunks` says how its stream is cut."""

    text: str = ""
    reasoning: str | None = None
    finish_reason: str = "stop"
    usage: Mapping[str, int] | None = None
    chunks: Sequence[str] | None = None
    calls: Sequence[Call] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong; `kind` is a status or a name of the table of faults."""

    kind: str | int
    seconds: float | None = None
    times: int = 1
    path: str | None = None
    headers: Mapping[str, str] | None = None
    body: Json = None
    after_events: int | None = None


Scripted: TypeAlias = str | Reply | Call | Fault | Callable[[RecordedRequest], "str | Reply | Call | Fault"]


def answer(item: str | Reply | Call) -> Answer:
    """The scripted item as an answer; a plain ending is left to the request's own limits."""
    if isinstance(item, str):
        return Answer(item)
    if isinstance(item, Call):
        return Answer(item.text or "", item.reasoning or "", (item.made(),))
    return Answer(
        item.text or "".join(item.chunks or ()),
        item.reasoning or "",
        tuple(call.made() for call in item.calls),
        finish="" if item.finish_reason == "stop" else item.finish_reason,
        usage=item.usage,
        chunks=None if item.chunks is None else tuple(item.chunks),
    )
