"""Replies and streams of the messages dialect.

A whole reply is read as the stream it would have been, so both give the same response. The kind of an
event is read from its JSON, since a gateway may leave the ``event:`` line out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resayil.codecs.envelopes import holds_error
from resayil.codecs.reading import count, details, table, text_of, word
from resayil.codecs.stream_error import StreamError
from resayil.codecs.thinking import ThinkSplitter
from resayil.errors import MalformedResponseError
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
from resayil.jsontext import loads, retold
from resayil.messages import ChatRequest, Usage

FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""The field's words for the service's; other words pass through."""

JSON_TOOL = "json_response"
"""Name, or start of the name, of the tool whose forced call is JSON output."""

_MESSAGE_FIELDS = frozenset(
    {"id", "type", "role", "content", "model", "stop_reason", "stop_sequence", "usage", "created"}
)
_NOTHING: Mapping[str, Any] = {}
_IGNORED = frozenset({"ping"})


def json_tool_name(request: ChatRequest) -> str | None:
    """The name of the forced tool of a request, if it asks for JSON output."""
    wanted = request.response_format
    if wanted is None:
        return None
    return JSON_TOOL if wanted.schema is None else f"{JSON_TOOL}_{wanted.name}"


def stream(request: ChatRequest) -> AnthropicStream:
    """A decoder for the stream that answers a request."""
    return AnthropicStream(json_tool_name(request))


def decode(request: ChatRequest, reply: object) -> list[StreamEvent]:
    """The events of a whole reply.

    Raises:
        MalformedResponseError: there is no answer in it.
    """
    content = reply.get("content") if isinstance(reply, Mapping) else None
    if not isinstance(reply, Mapping) or not isinstance(content, list):
        raise MalformedResponseError("The reply holds no list of content blocks.")
    decoder = stream(request)
    events = decoder.take("message_start", {"message": reply})
    for index, block in enumerate(content):
        events += decoder.take("content_block_start", {"index": index, "content_block": block})
        events += decoder.take("content_block_stop", {"index": index})
    events += decoder.take("message_delta", {"delta": reply})
    return [*events, *decoder.end()]


class _Block:
    """A content block under way."""

    def __init__(self, kind: str, part: int, index: int, given: Mapping[str, Any]) -> None:
        self.kind = kind
        self.part = part
        self.index = index
        self.given = given
        self.empty = True


class AnthropicStream:
    """Decodes the events of one streamed answer.

    Args:
        json_tool: The tool whose input is the answer's text, if JSON output was asked for.
    """

    def __init__(self, json_tool: str | None = None) -> None:
        self.done = False
        self._json_tool = json_tool
        self._answered_in_json = False
        self._finish: str | None = None
        self._end_extra: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, _Block] = {}
        self._parts = 0
        self._calls = 0
        self._splitter = ThinkSplitter()
        self._think_part: int | None = None
        self._text_block: _Block | None = None

    def feed(self, name: str, data: bytes) -> list[StreamEvent]:
        """The events in one server-sent event.

        Raises:
            StreamError: the service reports an error inside the stream.
            MalformedResponseError: the event is not one of this dialect.
        """
        if self.done or data.strip() == b"[DONE]":
            return []
        payload = loads(data)
        if name == "error" or holds_error(payload):
            raise StreamError(payload)
        if payload is None:
            return []
        if not isinstance(payload, Mapping):
            raise MalformedResponseError(
                f"An event of the stream is a JSON {type(payload).__name__}, not an object."
            )
        return self.take(word(payload.get("type")) or name, payload)

    def take(self, kind: object, payload: Mapping[str, Any]) -> list[StreamEvent]:
        """The events in one payload."""
        match kind:
            case "content_block_delta":
                return self._delta(payload)
            case "message_start":
                return self._start(table(payload.get("message"), "message"))
            case "content_block_start":
                return self._open(
                    count(payload.get("index")), table(payload.get("content_block"), "content block")
                )
            case "content_block_stop":
                return self._stop(count(payload.get("index")))
            case "message_delta":
                return self._message_delta(payload)
            case "message_stop":
                return self.end() if self._finish is not None or self._parts else self._give_up()
        return [] if kind in _IGNORED else [Extra({str(kind): payload})]

    def _give_up(self) -> list[StreamEvent]:
        self.done = True
        return []

    def _start(self, message: Mapping[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = [
            MessageStart(
                word(message.get("id")), word(message.get("model")), count(message.get("created")) or None
            )
        ]
        extra = {
            key: value for key, value in message.items() if key not in _MESSAGE_FIELDS and value is not None
        }
        if extra:
            events.append(Extra(extra))
        return events + self._report_usage(message.get("usage"))

    def _report_usage(self, usage: object) -> list[StreamEvent]:
        """Usage arrives in pieces: the prompt's at the start, the answer's at the end."""
        if not isinstance(usage, Mapping):
            return []
        self._usage.update((key, value) for key, value in usage.items() if value is not None)
        return [UsageReport(read_usage(self._usage))]

    def _open(self, index: int, block: Mapping[str, Any]) -> list[StreamEvent]:
        kind = str(block.get("type"))
        is_answer = (
            kind == "tool_use" and self._json_tool is not None and block.get("name") == self._json_tool
        )
        if is_answer:
            kind, self._answered_in_json = "json", True
        events = self._flush() if kind != "text" else []
        draft = self._blocks[index] = _Block(kind, self._parts, self._calls, block)
        match kind:
            case "text":
                return events + self._text(draft, block.get("text"))
            case "thinking":
                return events + self._thinking(draft, block.get("thinking"), block.get("signature"))
            case "redacted_thinking":
                return [*events, ReasoningDelta(self._take_part(draft), "", word(block.get("data")) or None)]
            case "tool_use":
                self._calls += 1
                part = self._take_part(draft)
                call_id = word(block.get("id")) or f"call_{part}"
                name = text_of(block.get("name"), "tool name")
                return [*events, ToolCallDelta(part, draft.index, "", call_id, name)]
            case "json":
                return events
        return [*events, Extra({"content_block": block})]

    def _take_part(self, draft: _Block) -> int:
        """A block's part, counted when its first content comes, so that empty blocks open none."""
        if draft.empty:
            draft.empty = False
            draft.part = self._parts
            self._parts += 1
        return draft.part

    def _text(self, draft: _Block, given: object) -> list[StreamEvent]:
        if not given:
            return []
        text = given if isinstance(given, str) else text_of(given, "text")
        if self._splitter.decided:
            return [TextDelta(self._take_part(draft), text)]
        self._text_block = draft
        return self._split(draft, self._splitter.feed(text))

    def _split(self, draft: _Block, pieces: list[tuple[bool, str]]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for is_reasoning, piece in pieces:
            if is_reasoning:
                if self._think_part is None:
                    self._think_part = self._parts
                    self._parts += 1
                events.append(ReasoningDelta(self._think_part, piece))
            else:
                events.append(TextDelta(self._take_part(draft), piece))
        return events

    def _flush(self) -> list[StreamEvent]:
        """What the splitter held back, once no more text of the first block can come."""
        if self._text_block is None or self._splitter.decided:
            return []
        return self._split(self._text_block, self._splitter.close())

    def _thinking(self, draft: _Block, thought: object, signature: object) -> list[StreamEvent]:
        text, signed = text_of(thought, "thinking"), word(signature)
        if not text and not signed:
            return []
        return [ReasoningDelta(self._take_part(draft), text, signed or None)]

    def _delta(self, payload: Mapping[str, Any]) -> list[StreamEvent]:
        delta = payload.get("delta")
        if not isinstance(delta, Mapping):
            return []
        index = payload.get("index") or 0
        if type(index) is not int:
            index = count(index)
        kind = delta.get("type")
        draft = self._blocks.get(index)
        if draft is None:  # a gateway that leaves content_block_start out
            given = {"type": _BLOCK_OF_DELTA.get(kind, "text") if isinstance(kind, str) else "text"}
            opened = self._open(index, given)
            return opened + self._delta(payload)
        match kind:
            case "text_delta":
                return self._text(draft, delta.get("text"))
            case "input_json_delta":
                return self._arguments(draft, text_of(delta.get("partial_json"), "arguments"))
            case "thinking_delta":
                return self._thinking(draft, delta.get("thinking"), None)
            case "signature_delta":
                return self._thinking(draft, "", delta.get("signature"))
        if kind is None and isinstance(delta.get("text"), str):  # the page's own table names delta.text alone
            return self._text(draft, delta["text"])
        return [Extra({str(kind): delta})]

    def _arguments(self, draft: _Block, fragment: str) -> list[StreamEvent]:
        if not fragment:
            return []
        draft.given = _NOTHING
        if draft.kind == "json":
            return [TextDelta(self._take_part(draft), fragment)]
        return [ToolCallDelta(self._take_part(draft), draft.index, fragment)]

    def _stop(self, index: int) -> list[StreamEvent]:
        """Input that came whole with the block's start is told at its end, when no fragments came."""
        draft = self._blocks.get(index)
        if draft is None or draft.kind not in {"tool_use", "json"}:
            return []
        given = draft.given.get("input")
        if isinstance(given, str):
            return self._arguments(draft, given)
        return [] if given is None else self._arguments(draft, retold(given))

    def _message_delta(self, payload: Mapping[str, Any]) -> list[StreamEvent]:
        delta = payload.get("delta")
        if isinstance(delta, Mapping):
            reason = delta.get("stop_reason")
            if reason and isinstance(reason, str):
                self._finish = self._finish or FINISH_REASONS.get(reason, reason)
            if delta.get("stop_sequence") is not None:
                self._end_extra["stop_sequence"] = delta["stop_sequence"]
        return self._report_usage(payload.get("usage"))

    def end(self) -> list[StreamEvent]:
        """The end of the answer, whatever came before."""
        self.done = True
        finish = (
            "stop"
            if self._finish == "tool_calls" and self._answered_in_json and not self._calls
            else self._finish
        )
        return [*self._flush(), MessageEnd(finish, self._end_extra)]

    def close(self) -> list[StreamEvent]:
        """The end of the answer if its stop reason has been seen, else nothing."""
        return [] if self.done or self._finish is None else self.end()


_BLOCK_OF_DELTA: Mapping[str, str] = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "thinking",
    "input_json_delta": "tool_use",
}


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens as this dialect reports them: cached prompt tokens stand apart on the wire."""
    read = count(usage.get("cache_read_input_tokens"))
    created = count(usage.get("cache_creation_input_tokens"))
    more = details(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")) + read + created,
        output_tokens=count(usage.get("output_tokens")),
        cache_read_tokens=read,
        cache_creation_tokens=created,
        reasoning_tokens=count(more.get("reasoning_tokens")) or count(more.get("thinking_tokens")),
    )
