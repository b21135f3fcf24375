"""The replies of the stub, built before they are asked for: both dialects, each kind of content."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
KINDS = ("text", "arabic", "reasoning", "tools")

Stream = tuple[bytes, bytes, bytes]
"""A head, a fragment that is repeated, and a tail."""

WORDS = {"text": " word", "arabic": "مرحبا ", "reasoning": " because", "tools": "word "}
"""What each fragment says."""


def _framed(data: str) -> bytes:
    """An HTTP chunk of its own, as a server that flushes after each event sends it."""
    raw = data.encode()
    return f"{len(raw):x}\r\n".encode() + raw + b"\r\n"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _chat_event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
    return _framed(f"data: {_text({**chunk, 'choices': [choice]})}\n\n")


def _tool(arguments: str, **first: object) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, **first, "function": {"arguments": arguments}}]}


def _chat(kind: str, count: int, *, usage: bool) -> Stream:
    word = WORDS[kind]
    start, tail, finish = {"role": "assistant", "content": ""}, [], "stop"
    match kind:
        case "reasoning":
            fragment = {"reasoning_content": word}
            tail = [_chat_event({"content": "answer"})]
        case "tools":
            call = _tool('{"text": "', id="call_1", type="function")
            call["tool_calls"][0]["function"]["name"] = "save"
            start, fragment, finish = {"role": "assistant", **call}, _tool(word), "tool_calls"
            tail = [_chat_event(_tool('"}'))]
        case _:
            fragment = {"content": word}
    tail.append(_chat_event({}, finish))
    if usage:
        told = {"prompt_tokens": 3, "completion_tokens": count, "total_tokens": count + 3}
        chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "stub"}
        tail.append(_framed(f"data: {_text({**chunk, 'choices': [], 'usage': told})}\n\n"))
    return _chat_event(start), _chat_event(fragment), b"".join([*tail, _framed("data: [DONE]\n\n"), LAST])


def _message_event(type_: str, **fields: object) -> bytes:
    return _framed(f"event: {type_}\ndata: {_text({'type': type_, **fields})}\n\n")


def _messages(kind: str, count: int) -> Stream:
    word = WORDS[kind]
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }
    start, tail, reason = [_message_event("message_start", message=message)], b"", "end_turn"
    match kind:
        case "reasoning":
            block: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
            delta = {"type": "thinking_delta", "thinking": word}
            signed = {"type": "signature_delta", "signature": "c2ln"}
            tail = _message_event("content_block_delta", index=0, delta=signed)
        case "tools":
            block = {"type": "tool_use", "id": "toolu_1", "name": "save", "input": {}}
            opening = {"type": "input_json_delta", "partial_json": '{"text": "'}
            closing = {"type": "input_json_delta", "partial_json": '"}'}
            delta, reason = {"type": "input_json_delta", "partial_json": word}, "tool_use"
            tail = _message_event("content_block_delta", index=0, delta=closing)
        case _:
            block = {"type": "text", "text": ""}
            delta = {"type": "text_delta", "text": word}
    start.append(_message_event("content_block_start", index=0, content_block=block))
    if kind == "tools":
        start.append(_message_event("content_block_delta", index=0, delta=opening))
    tail += _message_event("content_block_stop", index=0)
    if kind == "reasoning":
        text: dict[str, Any] = {"type": "text", "text": "answer"}
        tail += _message_event("content_block_start", index=1, content_block=text)
        tail += _message_event("content_block_stop", index=1)
    ended = {"stop_reason": reason, "stop_sequence": None}
    tail += _message_event("message_delta", delta=ended, usage={"output_tokens": count})
    tail += _message_event("message_stop") + LAST
    return b"".join(start), _message_event("content_block_delta", index=0, delta=delta), tail


@cache
def streamed(dialect: str, kind: str, count: int, *, usage: bool) -> tuple[bytes, bytes]:
    """The bytes up to a stream's first fragment, and those behind it; ``count`` fragments in all."""
    if dialect == "messages":
        head, fragment, tail = _messages(kind, count)
    else:
        head, fragment, tail = _chat(kind, count, usage=usage)
    return EVENT_STREAM + head + fragment, fragment * (count - 1) + tail


@cache
def whole(dialect: str) -> bytes:
    """A reply in one piece."""
    chat = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "system_fingerprint": None,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "مرحبا"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "stub",
        "content": [{"type": "text", "text": "مرحبا"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    data = _text(message if dialect == "messages" else chat).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data
