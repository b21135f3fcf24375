"""What the fault server says in each dialect: heads, whole answers, the events of a stream, errors.

Written from the published forms of both dialects; nothing here comes from the client under test.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from faults.server import Play, Step

Dialect = Literal["chat", "messages"]
Verb = Literal["chat", "stream"]

MODEL = "deepseek-v4-flash"
TOKENS = ("السعر ", "١٢٫٥٠٠ ", "د.ك ", "👩\u200d💻")
TEXT = "".join(TOKENS)
REQUEST_ID = "req-7f3a"

Object = Mapping[str, Any]


def to_json(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def head(status: int = 200, kind: str | None = "application/json", *lines: str) -> bytes:
    """A reply's head: status, content type and further header lines."""
    rows = [f"HTTP/1.1 {status} X", f"x-request-id: {REQUEST_ID}", *lines]
    if kind is not None:
        rows.append(f"content-type: {kind}")
    return ("\r\n".join(rows) + "\r\n\r\n").encode()


def body(content: bytes, status: int = 200, kind: str | None = "application/json", *lines: str) -> bytes:
    """A whole reply of known length."""
    return head(status, kind, f"content-length: {len(content)}", *lines) + content


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


CHUNKED = "transfer-encoding: chunked"
SSE = "text/event-stream"
STREAM_HEAD = head(200, SSE, CHUNKED)
LAST_CHUNK = b"0\r\n\r\n"


def streamed(*events: bytes, then: Sequence[Step] = (LAST_CHUNK,)) -> Play:
    """A chunked stream of these events, one chunk each, and how it ends."""
    return [STREAM_HEAD, *(chunk(event) for event in events), *then]


@dataclass(frozen=True)
class Wire:
    """One dialect, asked for a whole answer or for a stream.

    Attributes:
        dialect: The dialect.
        verb: What was asked for.
        port: Where the server listens.
    """

    dialect: Dialect
    verb: Verb
    port: int = 0

    @property
    def path(self) -> str:
        """Where requests of this dialect go."""
        return "/v1/chat/completions" if self.dialect == "chat" else "/v1/messages"

    # Whole answers.

    def answer(self, text: str = TEXT, finish: str = "stop") -> dict[str, Any]:
        """A whole answer."""
        if self.dialect == "chat":
            message = {"role": "assistant", "content": text}
            return self._completion(message, finish)
        return self._message([{"type": "text", "text": text}], finish)

    def calling(self, *calls: tuple[str, str, str], finish: str = "tool_calls") -> dict[str, Any]:
        """A whole answer that calls tools: id, name, and the arguments' text."""
        if self.dialect == "chat":
            listed = [
                {"id": n, "type": "function", "function": {"name": name, "arguments": raw}}
                for n, name, raw in calls
            ]
            return self._completion({"role": "assistant", "content": None, "tool_calls": listed}, finish)
        blocks = [
            {"type": "tool_use", "id": n, "name": name, "input": json.loads(raw)} for n, name, raw in calls
        ]
        return self._message(blocks, finish)

    def _completion(self, message: Object, finish: str) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1774000000,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
        }

    def _message(self, blocks: Sequence[Object], finish: str) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": list(blocks),
            "stop_reason": _STOP.get(finish, finish),
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 4},
        }

    # The events of a stream.

    def event(self, payload: Object, *, named: bool = True) -> bytes:
        """One event, named where the dialect names its events."""
        name = f"event: {payload['type']}\n".encode() if self.dialect == "messages" and named else b""
        return name + b"data: " + to_json(payload) + b"\n\n"

    def delta(self, delta: object, finish: str | None = None, **more: Any) -> dict[str, Any]:
        """A chunk of the chat dialect."""
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1774000000,
            "model": MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }

    def start_payloads(self) -> list[dict[str, Any]]:
        """What comes before the first token, text being awaited."""
        if self.dialect == "chat":
            return [self.delta({"role": "assistant", "content": ""})]
        block = {"type": "text", "text": ""}
        return [
            self.opening_payload(),
            {"type": "content_block_start", "index": 0, "content_block": block},
        ]

    def opening_payload(self) -> dict[str, Any]:
        """The very first event."""
        if self.dialect == "chat":
            return self.delta({"role": "assistant", "content": ""})
        message = {
            **self._message([], ""),
            "stop_reason": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
        }
        return {"type": "message_start", "message": message}

    def token_payload(self, text: str) -> dict[str, Any]:
        """One token."""
        if self.dialect == "chat":
            return self.delta({"content": text})
        return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}

    def finish_payloads(self, finish: str = "stop", blocks: int = 1) -> list[dict[str, Any]]:
        """The finish reason and the usage."""
        if self.dialect == "chat":
            usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
            last = {**self.delta({}), "choices": [], "usage": usage}
            return [self.delta({}, finish), last]
        stops = [{"type": "content_block_stop", "index": n} for n in range(blocks)]
        delta = {"stop_reason": _STOP.get(finish, finish), "stop_sequence": None}
        return [*stops, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 4}}]

    def done(self) -> bytes:
        """The event after which nothing comes."""
        return b"data: [DONE]\n\n" if self.dialect == "chat" else self.event({"type": "message_stop"})

    def start(self) -> bytes:
        """What comes before the first token."""
        return b"".join(map(self.event, self.start_payloads()))

    def token(self, text: str) -> bytes:
        """The event of one token."""
        return self.event(self.token_payload(text))

    def tokens(self, *texts: str) -> list[bytes]:
        """The start and the events of these tokens."""
        return [self.start(), *(self.token(text) for text in texts)]

    def finish(self, finish: str = "stop", blocks: int = 1) -> bytes:
        """Finish reason and usage."""
        return b"".join(map(self.event, self.finish_payloads(finish, blocks)))

    def events(self, *texts: str, finish: str = "stop") -> list[bytes]:
        """A whole stream of these tokens, the usual ones by default."""
        return [*self.tokens(*(texts or TOKENS)), self.finish(finish), self.done()]

    # Tool calls in a stream: the start of each, fragments of its arguments, the end.

    def call_start(self, index: int, call_id: str, name: str) -> bytes:
        """A call begins."""
        if self.dialect == "chat":
            function = {"name": name, "arguments": ""}
            call = {"index": index, "id": call_id, "type": "function", "function": function}
            return self.event(self.delta({"tool_calls": [call]}))
        block = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
        return self.event({"type": "content_block_start", "index": index, "content_block": block})

    def call_part(self, index: int, fragment: str) -> bytes:
        """A fragment of a call's arguments."""
        if self.dialect == "chat":
            call = {"index": index, "function": {"arguments": fragment}}
            return self.event(self.delta({"tool_calls": [call]}))
        delta = {"type": "input_json_delta", "partial_json": fragment}
        return self.event({"type": "content_block_delta", "index": index, "delta": delta})

    # Plays.

    def good(self, text: str = "") -> Play:
        """A right answer to what was asked."""
        if self.verb == "stream":
            return streamed(*self.events(*((text,) if text else ())))
        return [body(to_json(self.answer(text or TEXT)))]

    def error(self, status: int, code: str, message: str, *lines: str, other: bool = False) -> Play:
        """An error reply in this dialect's envelope, or in the other's."""
        return [body(to_json(self.envelope(code, message, other=other)), status, "application/json", *lines)]

    def envelope(self, code: str, message: str, *, other: bool = False) -> dict[str, Any]:
        """An error in this dialect's form, or in the other's."""
        if (self.dialect == "chat") != other:
            return {"error": {"code": code, "message": message}}
        return {"type": "error", "error": {"type": code, "message": message}}

    def error_event(
        self, code: str, message: str, *, other: bool = False, named: bool | None = None
    ) -> bytes:
        """An error as an event of a stream."""
        given = self.dialect == "messages" if named is None else named
        name = b"event: error\n" if given else b""
        return name + b"data: " + to_json(self.envelope(code, message, other=other)) + b"\n\n"


_STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
