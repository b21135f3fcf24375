"""What callgrind counts: one stream, read to its end from a network in memory."""

from __future__ import annotations

import sys

import httpcore
import httpx

from benchmarks.bodies import streamed
from benchmarks.floors import Reader
from resayil import Client

_URL = "http://127.0.0.1/v1"
_PIECE = 65_536


def _memory(chunks: int) -> httpx.HTTPTransport:
    """Httpx's own transport on a network that holds the stub's reply, in pieces as a socket gives them."""
    reply = b"".join(streamed("chat", "text", chunks, usage=True))
    pieces = [reply[start : start + _PIECE] for start in range(0, len(reply), _PIECE)]
    transport = httpx.HTTPTransport()
    # httpx has no argument for the network
    transport._pool = httpcore.ConnectionPool(network_backend=httpcore.MockBackend(pieces))  # noqa: SLF001 - httpx has no argument for it
    return transport


def read(case: str, chunks: int) -> None:
    """Read one stream to its end."""
    transport = _memory(chunks)
    if case == "floor":
        with (
            httpx.Client(transport=transport) as bare,
            bare.stream("POST", f"{_URL}/chat/completions", content=b"{}") as response,
        ):
            reader = Reader()
            for piece in response.iter_bytes():
                reader.read(piece)
    else:
        with Client("sk-bench", _URL, transport=transport) as client:
            for _ in client.stream("m", "x"):
                pass


if __name__ == "__main__":
    read(sys.argv[1], int(sys.argv[2]))
