"""The one place where deltas are joined into a response."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from resayil.events import (
    Extra,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from resayil.messages import ChatResponse, Message, Part, PartialToolCall, ReasoningPart, TextPart, Usage
from resayil.tools import read_call

_DELTAS = (TextDelta, ReasoningDelta, ToolCallDelta)  # a union would be built anew for every event


_JOINED = 1024
"""Fragments that are joined into one: each string costs fifty bytes beside its text."""


@dataclass(slots=True)
class _Draft:
    """A part under way; fragments stay in lists until the end."""

    kind: type[TextDelta | ReasoningDelta | ToolCallDelta]
    fragments: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    signature: str | None = None
    id: str = ""
    name: str = ""

    def take(self, event: TextDelta | ReasoningDelta | ToolCallDelta) -> None:
        if len(self.fragments) == _JOINED:
            self.joined.append("".join(self.fragments))
            self.fragments.clear()
        if isinstance(event, TextDelta):
            self.fragments.append(event.text)
        elif isinstance(event, ReasoningDelta):
            self.fragments.append(event.text)
            if event.signature:
                self.signature = (self.signature or "") + event.signature
        else:
            self.fragments.append(event.arguments)
            self.id = self.id or event.id or ""
            self.name = self.name or event.name or ""

    @property
    def text(self) -> str:
        return "".join((*self.joined, *self.fragments))


class Accumulator:
    """Takes the events of one answer and gives the response they make.

    Args:
        offered: Names of the offered tools; a call of any other is invalid. ``None``: not known.
    """

    def __init__(self, offered: frozenset[str] | None = None) -> None:
        self._offered = offered
        self._drafts: dict[int, _Draft] = {}
        self._start = MessageStart()
        self._extra: dict[str, Any] = {}
        self.usage: Usage | None = None
        self.end: MessageEnd | None = None
        """The last event, once the answer is whole."""

    def add(self, events: Iterable[StreamEvent]) -> None:
        """Take events, in their order."""
        for event in events:
            if isinstance(event, _DELTAS):
                draft = self._drafts.get(event.part)
                if draft is None:
                    draft = self._drafts[event.part] = _Draft(type(event))
                draft.take(event)
            elif isinstance(event, UsageReport):
                self.usage = event.usage
            elif isinstance(event, Extra):
                self._extra.update(event.data)
            elif isinstance(event, MessageStart):
                self._start = event
            else:
                self.end = event
                self._extra.update(event.extra)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(draft.text for draft in self._drafts.values() if draft.kind is TextDelta)

    @property
    def output_text(self) -> str:
        """Everything the model wrote so far: text, reasoning, and arguments."""
        return "".join(draft.text for draft in self._drafts.values())

    @property
    def partial_tool_calls(self) -> tuple[PartialToolCall, ...]:
        """The tool calls so far, as text."""
        return tuple(
            PartialToolCall(draft.id, draft.name, draft.text)
            for draft in self._drafts.values()
            if draft.kind is ToolCallDelta
        )

    def message(self) -> Message:
        """The assistant message made of all parts."""
        finish = self.end.finish_reason if self.end else None
        calls = [part for part, draft in self._drafts.items() if draft.kind is ToolCallDelta]
        cut = calls[-1] if calls and finish == "length" else None
        return Message(
            "assistant", tuple(self._part(n, draft, cut=n == cut) for n, draft in self._drafts.items())
        )

    def _part(self, part: int, draft: _Draft, *, cut: bool) -> Part:
        if draft.kind is TextDelta:
            return TextPart(draft.text)
        if draft.kind is ReasoningDelta:
            return ReasoningPart(draft.text, draft.signature)
        return read_call(draft.id or f"call_{part}", draft.name, draft.text, offered=self._offered, cut=cut)

    def response(self, model: str, usage: Usage, **about: Any) -> ChatResponse:
        """The response; ``model`` and ``usage`` serve where the service gave none.

        Args:
            model: The model that was asked for.
            usage: An estimate.
            about: What is known of the answer besides its content, by the response's fields.
        """
        return ChatResponse(
            id=self._start.id,
            model=self._start.model or model,
            message=self.message(),
            finish_reason=self.end.finish_reason if self.end else None,
            usage=self.usage or usage,
            created=self._start.created,
            extra=self._extra,
            **about,
        )
