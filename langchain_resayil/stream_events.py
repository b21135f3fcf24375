"""A streamed answer as the events of LangChain's content-block protocol (``stream_events(version="v3")``).

Each part of an answer is a block of its own, so that thinking, an answer, a call and more thinking stay
four blocks in their order. LangChain's bridge from chunks would join them by their kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from langchain_core.utils.utils import LC_ID_PREFIX

from langchain_resayil.answers import PROVIDER, CostOf, closing, content_blocks, opening, usage_metadata
from resayil import (
    ChatResponse,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from resayil.events import ContentDelta

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

_DELTAS = (TextDelta, ReasoningDelta, ToolCallDelta)


class EventMaker:
    """Feed it the events of one answer.

    Blocks are finished at the end, as LangChain's bridge does it: a signature may follow its text, and only
    then is it known whether a call is whole.

    Args:
        response: Gives the whole answer, once its end has come.
        cost_of: What it costs.
        run_id: The run's, from which LangChain makes the message's id.
    """

    def __init__(
        self, response: Callable[[], ChatResponse], cost_of: CostOf, run_id: UUID | None = None
    ) -> None:
        self._response = response
        self._cost_of = cost_of
        self._message_id = f"{LC_ID_PREFIX}-{run_id}" if run_id else ""
        self._places: dict[int, int] = {}

    def feed(self, event: StreamEvent) -> list[MessagesData]:
        """The protocol's events that an event makes."""
        if isinstance(event, _DELTAS):
            return self._delta(event)
        match event:
            case MessageStart():
                return [self._start(event.model)]
            case MessageEnd():
                return self._end(self._response())
        return []  # usage and unknown fields are told at the end

    def _start(self, model: str) -> MessagesData:
        metadata = {"provider": PROVIDER, **({"model": model} if model else {})}
        return _event("message-start", role="ai", id=self._message_id, metadata=metadata)

    def _delta(self, event: ContentDelta) -> list[MessagesData]:
        place = self._places.get(event.part)
        made = []
        if place is None:
            place = self._places[event.part] = len(self._places)
            made.append(_event("content-block-start", index=place, content=_begun(event)))
        if delta := _difference(event):
            made.append(_event("content-block-delta", index=place, delta=delta))
        return made

    def _end(self, response: ChatResponse) -> list[MessagesData]:
        """Every block as it ended up, then what is known of the whole."""
        blocks = zip(self._places.values(), content_blocks(response.message.content), strict=True)
        cost = self._cost_of(response)
        metadata = {**opening(response.id, response.model), **closing(response, cost)}
        return [
            *(_event("content-block-finish", index=place, content=dict(block)) for place, block in blocks),
            _event("message-finish", usage=usage_metadata(response.usage, cost), metadata=metadata),
        ]


def _event(name: str, **fields: Any) -> MessagesData:
    return cast("MessagesData", {"event": name, **fields})


def _begun(event: ContentDelta) -> Mapping[str, Any]:
    """A block before its first fragment; a call says here who is called."""
    match event:
        case TextDelta():
            return {"type": "text", "text": ""}
        case ReasoningDelta():
            return {"type": "reasoning", "reasoning": ""}
        case ToolCallDelta():
            named = {"id": event.id, "name": event.name, "index": event.index}
            return {"type": "tool_call_chunk", "args": "", **named}


def _difference(event: ContentDelta) -> Mapping[str, Any] | None:
    """A fragment; a signature, and a call's id and name, are no fragments."""
    match event:
        case TextDelta() if event.text:
            return {"type": "text-delta", "text": event.text}
        case ReasoningDelta() if event.text:
            return {"type": "reasoning-delta", "reasoning": event.text}
        case ToolCallDelta() if event.arguments:
            return {"type": "tool-call-delta", "args": event.arguments}
    return None
