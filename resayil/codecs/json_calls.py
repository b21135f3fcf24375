"""JSON output as a forced tool call, for chat servers that refuse ``response_format``.

The answer's call is told as the text that it stands for, so nobody above sees the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resayil.codecs.anthropic import JSON_TOOL_DESCRIPTION
from resayil.codecs.anthropic_replies import json_tool_name
from resayil.events import MessageEnd, StreamEvent, TextDelta, ToolCallDelta
from resayil.messages import ChatRequest, ToolChoice
from resayil.tools import Tool

if TYPE_CHECKING:
    from resayil.codecs import Codec, StreamDecoder

SAID = "JSON output was asked for as a forced tool call"

_ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


def by_call(codec: Codec) -> Codec:
    """The codec, with JSON output asked for as a forced tool call and read from it."""

    def encode(request: ChatRequest, **settings: Any) -> dict[str, Any]:
        return codec.encode(as_call(request), **settings)

    def decode(request: ChatRequest, reply: object) -> list[StreamEvent]:
        return Retelling(request).retold(codec.decode(as_call(request), reply))

    def stream(request: ChatRequest) -> JSONCallStream:
        return JSONCallStream(codec.stream(as_call(request)), Retelling(request))

    def adaptations(request: ChatRequest) -> tuple[str, ...]:
        said = codec.adaptations(as_call(request))
        return said if request.response_format is None else (*said, SAID)

    return codec._replace(encode=encode, decode=decode, stream=stream, adaptations=adaptations)


def as_call(request: ChatRequest) -> ChatRequest:
    """The request with a tool whose arguments are the answer; beside other tools, any may be called."""
    wanted, name = request.response_format, json_tool_name(request)
    if wanted is None or name is None:
        return request
    tool = Tool(name, JSON_TOOL_DESCRIPTION, wanted.schema or _ANY_OBJECT, wanted.strict)
    choice = request.tool_choice
    if choice in {None, "auto", "none"}:
        choice = "required" if request.tools and choice != "none" else ToolChoice(name)
    return replace(request, tools=(*request.tools, tool), tool_choice=choice, response_format=None)


class Retelling:
    """Tells the call that is the answer as text, and that the answer then stopped.

    Args:
        request: What was asked.
    """

    def __init__(self, request: ChatRequest) -> None:
        self._name = json_tool_name(request)
        self._answers: set[int] = set()
        self._calls = False

    def retold(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """The events, retold."""
        return [told for event in events for told in self._told(event)]

    def _told(self, event: StreamEvent) -> list[StreamEvent]:
        if isinstance(event, ToolCallDelta):
            if event.name == self._name:
                self._answers.add(event.part)
            if event.part in self._answers:
                return [TextDelta(event.part, event.arguments)] if event.arguments else []
            self._calls = True
        elif isinstance(event, MessageEnd) and event.finish_reason == "tool_calls" and not self._calls:
            return [MessageEnd("stop", event.extra)]
        return [event]


class JSONCallStream:
    """Decodes a stream, and tells the call that is the answer as text."""

    def __init__(self, decoder: StreamDecoder, retelling: Retelling) -> None:
        self._decoder = decoder
        self._retelling = retelling

    @property
    def done(self) -> bool:
        """The terminal event has been seen."""
        return self._decoder.done

    def feed(self, name: str, data: bytes) -> list[StreamEvent]:
        """The events in one server-sent event."""
        return self._retelling.retold(self._decoder.feed(name, data))

    def close(self) -> list[StreamEvent]:
        """The end of the answer if it is whole, else nothing."""
        return self._retelling.retold(self._decoder.close())
