"""Replies and streams of the chat dialect.

A whole reply is read as a stream of one chunk, so both give the same response. Tolerated: a delta that
is ``[]`` or null, choices that are empty or null, reasoning under two names or in leading ``<think>``
tags, tool indices that are strings or missing, a second finish, usage on any chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resayil.codecs.envelopes import holds_error
from resayil.codecs.reading import count, details, text_of, word
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
from resayil.tools import parse_arguments

FINISH_REASONS: Mapping[str, str] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
"""The field's words for the service's; other words pass through."""

_CHUNK_FIELDS = frozenset({"id", "object", "created", "model", "choices", "usage"})
_CHOICE_FIELDS = frozenset({"index", "delta", "message", "finish_reason"})
_DELTA_FIELDS = frozenset(
    {"role", "content", "tool_calls", "function_call", "reasoning_content", "reasoning"}
)
_SPOKEN = frozenset({"role", "content"})
_NOTHING: Mapping[str, Any] = {}


def stream(request: ChatRequest) -> OpenAIStream:  # noqa: ARG001 - one signature for both dialects
    """A decoder for the stream that answers a request."""
    return OpenAIStream()


def decode(request: ChatRequest, reply: object) -> list[StreamEvent]:
    """The events of a whole reply.

    Raises:
        MalformedResponseError: there is no answer in it.
    """
    if isinstance(reply, dict):
        match reply.get("choices"):
            case [{"message": dict(message)} as choice, *others]:
                decoder = stream(request)
                chunk = {**reply, "choices": [{**choice, "delta": message}, *others]}
                return [*decoder.take(chunk), *decoder.end()]
    raise MalformedResponseError("The reply holds no choices[0].message.")


def read_usage(usage: Mapping[str, Any]) -> Usage:
    """Tokens as this dialect reports them."""
    prompt = details(usage.get("prompt_tokens_details"))
    completion = details(usage.get("completion_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        total_tokens=count(usage.get("total_tokens"), -1),
        cache_read_tokens=count(prompt.get("cached_tokens")),
        cache_creation_tokens=count(prompt.get("cache_creation_tokens")),
        reasoning_tokens=count(completion.get("reasoning_tokens")),
    )


class OpenAIStream:
    """Decodes the chunks of one streamed answer."""

    def __init__(self) -> None:
        self.done = False
        self._started = False
        self._id = ""
        self._finish: str | None = None
        self._usage: Usage | None = None
        self._seen_extra: dict[str, Any] = {}
        self._end_extra: dict[str, Any] = {}
        self._splitter = ThinkSplitter()
        self._kind: type[TextDelta | ReasoningDelta] | None = None
        self._part = -1
        self._parts = 0
        self._calls: dict[int, _Call] = {}

    def feed(self, name: str, data: bytes) -> list[StreamEvent]:
        """The events in one server-sent event.

        Raises:
            StreamError: the service reports an error inside the stream.
            MalformedResponseError: the event is not a chunk.
        """
        if self.done:
            return []
        if data[:6] == b"[DONE]":
            self.done = True
            return self.end() if self._finish is not None or self._parts else self.close()
        chunk = loads(data)
        if name == "error":
            raise StreamError(chunk)
        if isinstance(chunk, dict):
            return self.take(chunk)
        if chunk is None:
            return []
        raise MalformedResponseError(f"An event of the stream is a JSON {type(chunk).__name__}, not a chunk.")

    def take(self, chunk: Mapping[str, Any]) -> list[StreamEvent]:
        """The events in one chunk.

        Raises:
            StreamError: it reports an error.
            MalformedResponseError: it is not a chunk.
        """
        known = _CHUNK_FIELDS.issuperset(chunk)
        if not known and holds_error(chunk):
            raise StreamError(chunk)
        events: list[StreamEvent] = []
        if not self._started:
            self._started = True
            self._id = word(chunk.get("id"))
            created = count(chunk.get("created")) or None
            events.append(MessageStart(self._id, word(chunk.get("model")), created))
        if not known:
            self._report_extra(chunk, _CHUNK_FIELDS, events)
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict):
                raise MalformedResponseError("A choice of the stream is not an object.")
            if choice.get("index"):
                raise MalformedResponseError("The service sent a second choice, which was not asked for.")
            self._choice(choice, events)
        usage = chunk.get("usage")
        if isinstance(usage, dict):
            report = read_usage(usage)
            if report != self._usage:
                self._usage = report
                events.append(UsageReport(report))
        return events

    def _choice(self, choice: Mapping[str, Any], events: list[StreamEvent]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            text = delta.get("content")
            if (
                self._kind is TextDelta
                and text
                and isinstance(text, str)
                and (len(delta) == 1 or _SPOKEN.issuperset(delta))
            ):
                events.append(TextDelta(self._part, text))  # more of the same text, as nearly every chunk
            else:
                self._delta(delta, events)
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str):
            self._finish = self._finish or FINISH_REASONS.get(finish, finish)
        if not _CHOICE_FIELDS.issuperset(choice):
            extra = {
                key: value for key, value in choice.items() if key not in _CHOICE_FIELDS and value is not None
            }
            self._end_extra.update(extra)

    def _delta(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(reasoning, str) and reasoning:
            events.append(ReasoningDelta(self._open(ReasoningDelta), reasoning))
        content = delta.get("content")
        if content:
            text = content if isinstance(content, str) else _joined(content)
            if self._splitter.decided:
                events.append(TextDelta(self._open(TextDelta), text))
            else:
                self._split(self._splitter.feed(text), events)
        calls = delta.get("tool_calls")
        if calls or delta.get("function_call"):
            if calls and not isinstance(calls, list):
                raise MalformedResponseError(f"The answer's tool_calls are a JSON {type(calls).__name__}.")
            self._flush(events)
            legacy: list[object] = [{"index": 0, "function": delta.get("function_call")}]
            for position, call in enumerate(calls or legacy):
                if isinstance(call, Mapping):
                    self._call(call, position, events)
        if not _DELTA_FIELDS.issuperset(delta):
            self._report_extra(delta, _DELTA_FIELDS, events)

    def _open(self, kind: type[TextDelta | ReasoningDelta]) -> int:
        """The part that a fragment of this kind belongs to; a change of kind opens the next."""
        if kind is not self._kind:
            self._kind = kind
            self._part = self._next_part()
        return self._part

    def _next_part(self) -> int:
        self._parts += 1
        return self._parts - 1

    def _split(self, pieces: list[tuple[bool, str]], events: list[StreamEvent]) -> None:
        for is_reasoning, piece in pieces:
            kind = ReasoningDelta if is_reasoning else TextDelta
            events.append(kind(self._open(kind), piece))

    def _flush(self, events: list[StreamEvent]) -> None:
        if not self._splitter.decided:
            self._split(self._splitter.close(), events)

    def _call(self, call: Mapping[str, Any], position: int, events: list[StreamEvent]) -> None:
        function = call.get("function")
        fields = function if isinstance(function, Mapping) else _NOTHING
        raw = fields.get("arguments")
        arguments = raw if isinstance(raw, str) else "" if raw is None else retold(raw)
        name = _name(fields.get("name")) or None
        draft = self._draft(call.get("index"), word(call.get("id")) or None, name, position)
        first = not draft.fragments
        draft.fragments.append(arguments)
        self._kind = None
        event = ToolCallDelta(draft.part, draft.index, arguments, draft.id if first else None)
        if name and not draft.name:
            event.name = draft.name = name
        events.append(event)

    def _draft(self, index: object, call_id: str | None, name: str | None, position: int) -> _Call:
        """The call that a fragment belongs to.

        By index where there is one; a new id with a new name after finished arguments is another call
        even under the same index, since some servers give every call index 0.
        """
        key = int(index) if isinstance(index, int | str) and str(index).isdigit() else None
        if key is None:
            key = next((n for n, draft in self._calls.items() if call_id and draft.id == call_id), None)
        if key is None:
            key = len(self._calls) if call_id or name or not self._calls else max(self._calls)
        draft = self._calls.get(key)
        if draft and call_id and name and call_id != draft.id and draft.finished:
            key = next((n for n, other in self._calls.items() if other.id == call_id), max(self._calls) + 1)
            draft = self._calls.get(key)
        if draft is None:
            wanted = call_id or f"call_{self._id or 'resayil'}_{key if index is not None else position}"
            draft = self._calls[key] = _Call(self._next_part(), key, wanted)
        return draft

    def _report_extra(
        self, source: Mapping[str, Any], known: frozenset[str], events: list[StreamEvent]
    ) -> None:
        fresh = {
            key: value
            for key, value in source.items()
            if key not in known and value is not None and self._seen_extra.get(key) != value
        }
        if fresh:
            self._seen_extra.update(fresh)
            events.append(Extra(fresh))

    def end(self) -> list[StreamEvent]:
        """The end of the answer, whatever came before."""
        self.done = True
        events: list[StreamEvent] = []
        self._flush(events)
        return [*events, MessageEnd(self._finish, self._end_extra)]

    def close(self) -> list[StreamEvent]:
        """The end of the answer if its finish reason has been seen, else nothing."""
        return [] if self.done or self._finish is None else self.end()


class _Call:
    """A tool call under way."""

    def __init__(self, part: int, index: int, call_id: str) -> None:
        self.part = part
        self.index = index
        self.id = call_id
        self.name = ""
        self.fragments: list[str] = []

    @property
    def finished(self) -> bool:
        arguments = "".join(self.fragments)
        return bool(arguments) and isinstance(parse_arguments(arguments), dict)


def _joined(content: object) -> str:
    """The text of a content array, which some servers answer with."""
    if not isinstance(content, list):
        raise MalformedResponseError(f"The answer's content is a JSON {type(content).__name__}, not text.")
    return "".join(text_of(part.get("text"), "text") for part in content if isinstance(part, Mapping))


def _name(given: object) -> str:
    """A tool's name; one that is no text is shown as it is, and was offered by nobody."""
    return given if isinstance(given, str) else "" if given is None else retold(given)
