"""The core's events as LiteLLM's chunks.

LiteLLM drops a usage report that follows the finish reason and then counts tokens itself, loses reasoning
that comes with a finish reason, and takes an end without one for a good end. So usage goes out before the
finish, alone, and the finish last, alone; an answer that is not whole never gets here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices, Usage

from litellm_provider.replies import corrections, facts, foreign, thinking, usage
from litellm_provider.requests import Call
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
from resayil.messages import ChatResponse


class Chunk(ModelResponseStream):
    """LiteLLM's chunk, short where it is put into a text, and with a usage that may be ``None``.

    LiteLLM writes each chunk into two debug messages, read or not; `str` and `repr` show all of it. And it
    asks each for its usage eight times over, which costs pydantic a search where there is no such field.
    """

    usage: Usage | None = None  # type: ignore[assignment] # LiteLLM's class sets it without declaring it

    def __format__(self, _spec: str) -> str:
        return f"chunk of {self.id}: {[choice.delta.content for choice in self.choices]}"


class ChunkMaker:
    """Feed it the events of one answer; it gives LiteLLM's chunks, all with one id and one ``created``.

    Args:
        call: What was asked.
        response: Gives the whole answer, once its end has come.
    """

    def __init__(self, call: Call, response: Callable[[], ChatResponse]) -> None:
        self._call = call
        self._model = call.model
        self._response = response
        # On the messages dialect reasoning may be signed; then it goes in blocks too.
        self._signed = call.settings.get("api") == "messages"
        self._id = ""
        self._created = 0
        self._role: str | None = "assistant"
        self._extra: dict[str, Any] = {}
        self._indexes: dict[int, int] = {}
        self._blank: Chunk | None = None

    def feed(self, event: StreamEvent) -> list[Chunk]:
        """The chunks that an event makes."""
        match event:
            case TextDelta():
                return [self._plain("content", event.text)]
            case ReasoningDelta():
                return [self._reasoning(event)]
            case ToolCallDelta():
                self._indexes[event.part] = event.index
                return [self._fragment(event)]
            case MessageStart():
                self._begin(event)
            case Extra():
                self._extra.update(event.data)
            case MessageEnd():
                return list(self._end(event))
            case UsageReport():
                pass  # the last one is told at the end
        return []

    def _begin(self, event: MessageStart) -> None:
        self._id = event.id
        self._model = event.model or self._model
        # LiteLLM stamps chunks of its own with the second in which the first of ours reaches it.
        self._created = int(time.time())

    def _plain(self, field: str, text: str) -> Chunk:
        """A chunk of text alone: a copy of a blank one, which costs a quarter of making it anew."""
        if self._role or self._extra:
            return self._chunk(**{field: text})
        blank = self._blank = self._blank or self._chunk()
        choice = blank.choices[0]
        delta = choice.delta.model_copy(update={field: text})
        chunk = blank.model_copy(update={"choices": [choice.model_copy(update={"delta": delta})]})
        chunk._hidden_params = {}  # noqa: SLF001 - LiteLLM writes into it, and a copy has the blank one's
        return chunk

    def _reasoning(self, event: ReasoningDelta) -> Chunk:
        if not self._signed:
            return self._plain("reasoning_content", event.text)
        block = thinking(event.text, event.signature)
        return self._chunk(reasoning_content=event.text, thinking_blocks=[block])

    def _fragment(self, event: ToolCallDelta) -> Chunk:
        function = {"name": event.name, "arguments": event.arguments}
        call = {"index": event.index, "id": event.id, "type": "function", "function": function}
        return self._chunk(tool_calls=[call])

    def _chunk(self, **delta: Any) -> Chunk:
        extra, self._extra = foreign(self._extra), {}
        role, self._role = self._role, None
        return self._made(
            [StreamingChoices(finish_reason=None, index=0, delta=Delta(role=role, **delta))], extra
        )

    def _made(self, choices: list[StreamingChoices], extra: Mapping[str, Any]) -> Chunk:
        return Chunk(id=self._id or None, created=self._created, model=self._model, choices=choices, **extra)

    def _end(self, event: MessageEnd) -> Iterator[Chunk]:
        """The corrections of broken calls, the facts of the answer, its usage, and the finish."""
        response = self._response()
        fixes = corrections(response, offered=self._call.offered)
        for (part, index), fix in zip(self._indexes.items(), fixes, strict=True):
            if fix:
                yield self._fragment(ToolCallDelta(part, index, fix))
        self._extra.update(event.extra)
        known = facts(response, self._call)
        last = self._chunk()
        last.provider_specific_fields = known
        last._hidden_params["provider_specific_fields"] = known  # noqa: SLF001 - as above
        yield last
        yield self._made([], {"usage": usage(response.usage, response.model, self._call.price)})
        finish = StreamingChoices(finish_reason=event.finish_reason or "stop", index=0, delta=Delta())
        yield self._made([finish], {})
