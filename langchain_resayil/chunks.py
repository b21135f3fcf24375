"""A streamed answer as LangChain's chunks.

LangChain adds chunks up: strings are joined, numbers summed, floats refused. So every string and number is
said once, usage once, and the fragments of a tool call carry its index, with id and name on the first alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_resayil.answers import (
    PROVIDER,
    CostOf,
    OutputVersion,
    closing,
    layout,
    opening,
    reasoning_block,
    usage_metadata,
)
from langchain_resayil.convert import REASONING
from langchain_resayil.marks import mark
from resayil import (
    ChatResponse,
    InvalidToolCall,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallPart,
)
from resayil.tools import JSON_SPACE


class ChunkMaker:
    """Feed it the events of one answer.

    Args:
        version: The form of the content: one string, or standard blocks whose ``index`` is their part's.
        response: Gives the whole answer, once its end has come.
        cost_of: What it costs.
    """

    def __init__(self, version: OutputVersion, response: Callable[[], ChatResponse], cost_of: CostOf) -> None:
        self._response = response
        self._cost_of = cost_of
        self._blocks = version == "v1"
        self._metadata = {"model_provider": PROVIDER, **({"output_version": "v1"} if self._blocks else {})}
        self._model = ""
        self._calls: dict[int, _Call] = {}

    def feed(self, event: StreamEvent) -> list[ChatGenerationChunk]:
        """The chunks that an event makes."""
        if type(event) is TextDelta and not self._blocks:  # the hot path
            return [_text(event.text)]
        return [ChatGenerationChunk(message=message) for message in self._messages(event)]

    def _messages(self, event: StreamEvent) -> list[AIMessageChunk]:
        match event:
            case TextDelta():
                block = {"type": "text", "text": event.text, "index": event.part}
                return [self._chunk([block] if self._blocks else event.text)]
            case ReasoningDelta():
                return self._reasoning(event)
            case ToolCallDelta():
                call = self._calls.setdefault(event.part, _Call(event.part, event.index))
                call.fragments.append(event.arguments)
                return [self._fragment(call, event.arguments, event.id, event.name)]
            case MessageStart():
                self._model = event.model
                return [self._chunk([] if self._blocks else "", opening(event.id, event.model))]
            case MessageEnd():
                return self._end(self._response())
        return []  # usage and unknown fields are told at the end

    def _end(self, response: ChatResponse) -> list[AIMessageChunk]:
        """The corrections of broken calls, then the last chunk."""
        said = {} if self._model else {"model_name": response.model}
        cost = self._cost_of(response)
        last = self._chunk([] if self._blocks else "", {**closing(response, cost), **said})
        last.chunk_position = "last"
        last.usage_metadata = usage_metadata(response.usage, cost)
        if not self._blocks:
            last.additional_kwargs = layout(response.message)
        return [*self._corrections(response), last]

    def _chunk(self, content: str | list[Any], metadata: Mapping[str, Any] | None = None) -> AIMessageChunk:
        # LangChain writes into this dict, so each chunk has its own.
        return AIMessageChunk(content=content, response_metadata={**self._metadata, **(metadata or {})})

    def _reasoning(self, event: ReasoningDelta) -> list[AIMessageChunk]:
        if self._blocks:
            return [self._chunk([{**reasoning_block(event.text, event.signature), "index": event.part}])]
        if not event.text:
            return []
        return [
            AIMessageChunk(
                content="", additional_kwargs={REASONING: event.text}, response_metadata=dict(self._metadata)
            )
        ]

    def _fragment(
        self, call: _Call, arguments: str, call_id: str | None = None, name: str | None = None
    ) -> AIMessageChunk:
        fragment = ToolCallChunk(
            name=name, args=arguments, id=call_id, index=call.index, type="tool_call_chunk"
        )
        return AIMessageChunk(
            content=[{**fragment, "index": call.part}] if self._blocks else "",
            tool_call_chunks=[fragment],
            response_metadata=dict(self._metadata),
        )

    def _corrections(self, response: ChatResponse) -> list[AIMessageChunk]:
        made = [part for part in response.message.content if isinstance(part, ToolCallPart | InvalidToolCall)]
        fixes = [
            (call, _correction(call, part)) for call, part in zip(self._calls.values(), made, strict=True)
        ]
        return [self._fragment(call, fix) for call, fix in fixes if fix]


_MESSAGE = AIMessageChunk(content="")
_CHUNK = ChatGenerationChunk(message=_MESSAGE)


def _text(text: str) -> ChatGenerationChunk:
    """A chunk of plain text, copied from a checked one: to check a string anew costs three times as much."""
    message, chunk = copy(_MESSAGE), copy(_CHUNK)
    vars(message).update(
        content=text,
        additional_kwargs={},
        response_metadata={"model_provider": PROVIDER},
        tool_calls=[],
        invalid_tool_calls=[],
        tool_call_chunks=[],
    )
    vars(chunk).update(text=text, message=message)
    return chunk


class _Call:
    """A tool call under way."""

    def __init__(self, part: int, index: int) -> None:
        self.part = part
        self.index = index
        self.fragments: list[str] = []


def _correction(call: _Call, part: ToolCallPart | InvalidToolCall) -> str:
    """The fragment after which LangChain reads the call as the core does."""
    raw = "".join(call.fragments)
    if isinstance(part, InvalidToolCall):
        return mark(raw, part.error)
    return "{}" if raw and not raw.strip(JSON_SPACE) else ""
