"""What callgrind counts: one stream read to its end, or calls, from a network in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import httpcore
import httpx
from pydantic_core import from_json

from benchmarks.bodies import streamed, whole
from benchmarks.contender import KEY
from benchmarks.floors import HEADERS, Reader
from resayil import Client

_URL = "http://127.0.0.1/v1"
_PIECE = 65_536
_ASKED = b'{"model":"m","messages":[{"role":"user","content":"x"}]}'


class _Endless(httpcore.NetworkStream):
    """A connection on which the same reply follows each request."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - httpcore's
        return whole("chat")

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Take a request."""

    def close(self) -> None:
        """Nothing is open."""

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002 - httpcore's
        return None


class _Calls(httpcore.NetworkBackend):
    """Opens such connections."""

    def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        return _Endless()


def _on(network: httpcore.NetworkBackend) -> httpx.HTTPTransport:
    transport = httpx.HTTPTransport()
    transport._pool = httpcore.ConnectionPool(network_backend=network)  # noqa: SLF001 - httpx has no argument for it
    return transport


def _memory(chunks: int) -> httpx.HTTPTransport:
    """The stub's stream, in pieces as a socket gives them."""
    reply = b"".join(streamed("chat", "text", chunks, usage=True))
    pieces = [reply[start : start + _PIECE] for start in range(0, len(reply), _PIECE)]
    return _on(httpcore.MockBackend(pieces))


def _bare_stream(chunks: int) -> None:
    with (
        httpx.Client(transport=_memory(chunks)) as bare,
        bare.stream("POST", f"{_URL}/chat/completions", content=_ASKED) as response,
    ):
        reader = Reader()
        for piece in response.iter_bytes():
            reader.read(piece)


def _stream(chunks: int) -> None:
    with Client(KEY, _URL, transport=_memory(chunks)) as client:
        for _ in client.stream("m", "x"):
            pass


def _bare_calls(calls: int) -> None:
    with httpx.Client(transport=_on(_Calls()), headers=HEADERS) as bare:
        for _ in range(calls):
            from_json(bare.post(f"{_URL}/chat/completions", content=_ASKED).content)


def _calls(calls: int) -> None:
    with Client(KEY, _URL, transport=_on(_Calls())) as client:
        for _ in range(calls):
            client.chat("m", "x")


CASES: Mapping[str, Callable[[int], None]] = {
    "bare httpx, a chunk": _bare_stream,
    "Client.stream, a chunk": _stream,
    "bare httpx, a call": _bare_calls,
    "Client.chat, a call": _calls,
}
"""What is counted, each behind its floor."""


if __name__ == "__main__":
    CASES[sys.argv[1]](int(sys.argv[2]))
