"""What no client can go below: a raw socket, and bare httpx, each with a JSON parser behind it."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import httpx
from pydantic_core import from_json

from benchmarks.contender import KEY, TEXT, Contender

HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
"""What the service asks of every client."""


class Reader:
    """The least that reading a stream takes: split it at line ends, parse what is data."""

    def __init__(self) -> None:
        self._tail = b""

    def read(self, piece: bytes) -> list[Any]:
        """The events that these bytes complete."""
        *lines, self._tail = (self._tail + piece).split(b"\n")
        return [from_json(line[6:]) for line in lines if line.startswith(b"data: {")]


class _Floor(Contender):
    """Its streams are lists of events, as the bytes complete them: no call is made for a single event."""

    by_chunk = False
    path: ClassVar[str] = "/chat/completions"

    def __init__(self, url: str, model: str) -> None:
        self._url, self._model = url + self.path, model

    def _body(self, messages: Any, *, stream: bool) -> bytes:
        said = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        asked: dict[str, Any] = {"model": self._model, "messages": said}
        if stream:
            asked["stream"] = True
        return json.dumps(asked, ensure_ascii=False, separators=(",", ":")).encode()


class RawSocket(_Floor):
    """A socket that is read to the end of the reply."""

    name = "raw socket"

    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model)
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))

    def stream(self) -> Iterator[object]:
        """Read to the last chunk; what frames HTTP's chunks stands on lines of its own."""
        body = self._body(TEXT, stream=True)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: stub\r\ncontent-length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        reader, ended = Reader(), False
        while not ended:
            piece = self._socket.recv(65_536)
            ended = piece.endswith(b"\r\n0\r\n\r\n") or not piece
            yield reader.read(piece)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Httpx(_Floor):
    """`httpx.Client`."""

    name = "httpx"

    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model)
        self._client = httpx.Client(timeout=60, headers=HEADERS)

    def chat(self, messages: Any) -> Any:
        """Post, and parse the reply."""
        return from_json(self._client.post(self._url, content=self._body(messages, stream=False)).content)

    def stream(self) -> Iterator[object]:
        """Read, split and parse."""
        reader = Reader()
        with self._client.stream("POST", self._url, content=self._body(TEXT, stream=True)) as response:
            for piece in response.iter_bytes():
                yield reader.read(piece)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncHttpx(_Floor):
    """`httpx.AsyncClient`."""

    name = "httpx async"

    def __init__(self, url: str, model: str) -> None:
        super().__init__(url, model)
        self._client = httpx.AsyncClient(
            timeout=60, headers=HEADERS, limits=httpx.Limits(max_connections=1000)
        )

    async def chat(self, messages: Any) -> Any:
        """As `Httpx.chat`."""
        reply = await self._client.post(self._url, content=self._body(messages, stream=False))
        return from_json(reply.content)

    async def stream(self) -> AsyncIterator[object]:
        """As `Httpx.stream`."""
        return self._events()

    async def _events(self) -> AsyncIterator[object]:
        reader = Reader()
        body = self._body(TEXT, stream=True)
        async with self._client.stream("POST", self._url, content=body) as response:
            async for piece in response.aiter_bytes():
                yield reader.read(piece)

    async def close(self) -> None:
        """As `Httpx.close`."""
        await self._client.aclose()


class HttpxMessages(Httpx):
    """The same on the other dialect."""

    name = "httpx, messages"
    path = "/messages"


class AsyncHttpxMessages(AsyncHttpx):
    """The same on the other dialect."""

    name = "httpx async, messages"
    path = "/messages"


CONTENDERS: list[type[Contender]] = [RawSocket, Httpx, AsyncHttpx, HttpxMessages, AsyncHttpxMessages]
