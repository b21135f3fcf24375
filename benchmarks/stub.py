"""A server of pre-built streams, in a process of its own, so that only the client's time is measured."""

from __future__ import annotations

import json
import multiprocessing
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _event(choice: dict[str, object]) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "stub",
        "choices": [choice],
    }
    data = f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream_body(chunks: int) -> bytes:
    """A chat stream of so many text chunks, each an HTTP chunk of its own."""
    deltas = [_event({"index": 0, "delta": {"content": "مرحبا "}, "finish_reason": None})] * chunks
    end = _event({"index": 0, "delta": {}, "finish_reason": "stop"})
    done = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    return HEAD + b"".join(deltas) + end + done


def whole_body() -> bytes:
    """A chat reply in one piece."""
    reply = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "stub",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "مرحبا"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }
    data = json.dumps(reply, ensure_ascii=False).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def _serve(pipe: Connection, chunks: int) -> None:
    bodies = (whole_body(), stream_body(chunks))
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    pipe.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, bodies), daemon=True).start()


def _answer(connection: socket.socket, bodies: tuple[bytes, bytes]) -> None:
    """Answer each request on a connection, one after another: whole, or streamed where that is asked."""
    waiting = b""
    while received := connection.recv(65_536):
        waiting += received
        head, found, rest = waiting.partition(b"\r\n\r\n")
        if not found:
            continue
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        if len(rest) >= length:
            streamed = re.search(rb'"stream": ?true', rest[:length]) is not None
            waiting = rest[length:]
            connection.sendall(bodies[streamed])


@contextmanager
def serving(chunks: int) -> Iterator[str]:
    """The base URL of a running stub."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, chunks), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.kill()
        process.join()
