"""A server that plays faults: raw bytes on a loopback socket, to do what no HTTP library would.

Each request is answered by the next *play*, a list of steps; the last play serves all further requests. A
play that ends without `Close`, `Reset` or `Hold` leaves the connection open for the next request.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache


@dataclass(frozen=True)
class Wait:
    """Let so many seconds pass."""

    seconds: float


@dataclass(frozen=True)
class Dribble:
    """Send the bytes one by one, with a gap in seconds between them."""

    data: bytes
    gap: float


@dataclass(frozen=True)
class Endless:
    """Send the same bytes again and again, at most so many times; stops when the client goes."""

    data: bytes
    times: int
    gap: float = 0.0


@dataclass(frozen=True)
class Reset:
    """Break the connection off with a RST."""


@dataclass(frozen=True)
class Close:
    """End the connection politely, with a FIN."""


@dataclass(frozen=True)
class Hold:
    """Say nothing more until the client goes."""


Step = bytes | Wait | Dribble | Endless | Reset | Close | Hold
Play = Sequence[Step]


@dataclass
class Seen:
    """One request as it arrived.

    Attributes:
        link: Number of the connection that it came on.
        head: Request line and headers, as bytes.
        body: The body, as bytes.
        at: Monotonic time at which its last byte had come.
        answered: Monotonic time just before the last step of its reply, which no client can have seen.
    """

    link: int
    head: bytes
    body: bytes
    at: float
    answered: float | None = None

    @property
    def method(self) -> str:
        """The method."""
        return self.head.split(b" ", 1)[0].decode("ascii", "replace")

    @property
    def headers(self) -> dict[str, str]:
        """The headers by lower-case name."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(":") for line in lines if line)
        return {name.strip().lower(): value.strip() for name, _, value in pairs}


@dataclass
class Log:
    """What the server has seen and done.

    Attributes:
        requests: Requests, in order of arrival.
        links: Connections so far.
        open: Numbers of the connections that stand.
        busy: Numbers of the connections whose reply is not finished.
        strange: Bytes that were no HTTP request.
        sent: Bytes of replies that were given to sockets.
        closed: Monotonic time at which each connection went, by number.
    """

    requests: list[Seen] = field(default_factory=list)
    links: int = 0
    open: set[int] = field(default_factory=set)
    busy: set[int] = field(default_factory=set)
    strange: list[bytes] = field(default_factory=list)
    sent: int = 0
    closed: dict[int, float] = field(default_factory=dict)


class _Link(asyncio.Protocol):
    """One connection: reads requests, plays replies."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._number = 0
        self._buffer = bytearray()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.transports.add(transport)
        self._number = self._server.log.links
        self._server.log.links += 1
        self._server.log.open.add(self._number)
        self._task = asyncio.get_running_loop().create_task(self._serve(transport))

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data
        self._arrived.set()

    def pause_writing(self) -> None:
        """The socket is full."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The socket takes bytes again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """The client, or a step of the play, has ended the connection."""
        log = self._server.log
        log.open.discard(self._number)
        log.busy.discard(self._number)
        log.closed[self._number] = time.monotonic()
        self._server.transports.discard(self._transport)
        if self._task is not None:
            self._task.cancel()

    async def _serve(self, transport: asyncio.Transport) -> None:
        log = self._server.log
        with suppress(asyncio.CancelledError):
            async for seen in self._requests():
                log.requests.append(seen)
                log.busy.add(self._number)
                for step in self._server.next_play(seen):
                    seen.answered = time.monotonic()
                    await self._perform(step, transport)
                log.busy.discard(self._number)

    async def _requests(self) -> AsyncIterator[Seen]:
        while True:
            head = await self._until(b"\r\n\r\n")
            length = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            if not head.split(b"\r\n", 1)[0].endswith(b"HTTP/1.1"):
                self._server.log.strange.append(head)
            while len(self._buffer) < length:
                await self._more()
            body = bytes(self._buffer[:length])
            del self._buffer[:length]
            yield Seen(self._number, head, body, time.monotonic())

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._buffer.find(mark)) < 0:
            await self._more()
        head = bytes(self._buffer[:end])
        del self._buffer[: end + len(mark)]
        return head

    async def _more(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    async def _perform(self, step: Step, transport: asyncio.Transport) -> None:
        match step:
            case bytes():
                await self._write(step, transport)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Dribble(data, gap):
                for byte in data:
                    await self._write(bytes([byte]), transport)
                    await asyncio.sleep(gap)
            case Endless(data, times, gap):
                for _ in range(times):
                    await self._write(data, transport)
                    await asyncio.sleep(gap)  # without a gap, other connections get their turn
            case Reset():
                raw = transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
                await asyncio.Event().wait()
            case Close():
                transport.close()
                await asyncio.Event().wait()
            case Hold():
                await asyncio.Event().wait()

    async def _write(self, data: bytes, transport: asyncio.Transport) -> None:
        await self._writable.wait()
        if transport.is_closing():
            await asyncio.Event().wait()  # until the loop has told that the client is gone
        transport.write(data)
        self._server.log.sent += len(data)


class FaultServer:
    """Serves plays on a port of its own.

    Args:
        plays: One play for each request; the last serves all further ones.
    """

    def __init__(self, plays: Sequence[Play]) -> None:
        self.log = Log()
        self.port = 0
        self.transports: set[asyncio.BaseTransport | None] = set()
        self._plays: list[Play] = list(plays)
        self._next = 0
        self._choose: Callable[[Seen], Play] | None = None

    def play(self, *plays: Play) -> None:
        """Answer the requests from now on with these plays."""
        self._plays, self._next, self._choose = list(plays), 0, None

    def answer_by(self, choose: Callable[[Seen], Play]) -> None:
        """Answer each request from now on by what it holds."""
        self._choose = choose

    def next_play(self, seen: Seen) -> Play:
        """The play that answers this request."""
        if self._choose is not None:
            return self._choose(seen)
        play = self._plays[min(self._next, len(self._plays) - 1)]
        self._next += 1
        return play

    def url(self, scheme: str = "http") -> str:
        """The base URL."""
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    def settled(self, seconds: float, *, closed: bool = False) -> bool:
        """Whether every reply is finished or let go, or every connection closed, within so many seconds."""
        end = time.monotonic() + seconds
        while self.log.open if closed else self.log.busy:
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def link(self) -> asyncio.Protocol:
        """A protocol for a new connection."""
        return _Link(self)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """One loop, in a thread of its own, for all servers of this process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="fault-servers", daemon=True).start()
    return loop


@contextmanager
def served(*plays: Play, tls: ssl.SSLContext | None = None) -> Iterator[FaultServer]:
    """A server that plays these, for as long as the block lasts."""
    server = FaultServer(plays)
    loop = _loop()

    async def start() -> asyncio.Server:
        return await loop.create_server(server.link, "127.0.0.1", 0, ssl=tls)

    async def stop() -> None:
        listening.close()
        for transport in list(server.transports):
            if isinstance(transport, asyncio.Transport):
                transport.abort()

    listening = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
