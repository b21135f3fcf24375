"""What a streamed chunk costs: the clients, and the floor that none of them can go below."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from pydantic_core import from_json

from resayil import AsyncClient, Client

BODY = b'{"model":"stub","messages":[{"role":"user","content":"x"}],"stream":true}'
KEY = "sk-bench"


class _Reader:
    """The least that reading a stream takes: split it at line ends, parse what is data."""

    def __init__(self) -> None:
        self.events = 0
        self._tail = b""

    def read(self, piece: bytes) -> None:
        """Read these bytes."""
        *lines, self._tail = (self._tail + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data: {"):
                from_json(line[6:])
                self.events += 1


def floor(base_url: str) -> Callable[[], int]:
    """Bare httpx and a JSON parser: read, split, parse."""
    client = httpx.Client(timeout=30)

    def once() -> int:
        reader = _Reader()
        with client.stream("POST", f"{base_url}/chat/completions", content=BODY) as response:
            for piece in response.iter_bytes():
                reader.read(piece)
        return reader.events

    return once


def client(base_url: str) -> Callable[[], int]:
    """`Client.stream`."""
    client = Client(KEY, base_url)
    return lambda: sum(1 for _ in client.stream("stub", "x"))


def async_floor(base_url: str) -> Callable[[], int]:
    """The floor on an event loop."""

    async def once() -> int:
        reader = _Reader()
        async with (
            httpx.AsyncClient(timeout=30) as client,
            client.stream("POST", f"{base_url}/chat/completions", content=BODY) as response,
        ):
            async for piece in response.aiter_bytes():
                reader.read(piece)
        return reader.events

    return lambda: asyncio.run(once())


def async_client(base_url: str) -> Callable[[], int]:
    """`AsyncClient.stream`."""

    async def once() -> int:
        events = 0
        async with AsyncClient(KEY, base_url) as client:
            async for _ in await client.stream("stub", "x"):
                events += 1
        return events

    return lambda: asyncio.run(once())


CASES: dict[str, Callable[[str], Callable[[], int]]] = {
    "httpx + JSON (floor)": floor,
    "Client.stream": client,
    "httpx async + JSON (floor)": async_floor,
    "AsyncClient.stream": async_client,
}
FLOOR_OF = {"Client.stream": "httpx + JSON (floor)", "AsyncClient.stream": "httpx async + JSON (floor)"}
