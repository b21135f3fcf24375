"""The emulator on a real socket: the same replies, played by an ASGI application under uvicorn.

Starlette and uvicorn are imported here and nowhere else; nothing of this module is needed in process.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, assert_never

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from resayil.emulator import page
from resayil.emulator.page_trail import Trace, Trail
from resayil.emulator.values import BANNER, Cut, HttpReply, HttpRequest, Step, Wait

if TYPE_CHECKING:
    from resayil.emulator.emulator import Emulator

PATIENCE = 10.0
READING_TIME = 0.05
KEPT = 75
"""Seconds until an idle connection is closed, as is usual for what stands in front of a service."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class BrokenOffError(ConnectionError):
    """The reply ends here, and the server in charge has to drop the connection."""


class _Connection(H11Protocol):
    """A connection that can be found by its client's address, so that a cut can break it."""

    open_ones: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own narrowing
        """Remember the connection."""
        super().connection_made(transport)
        if self.client:
            self.open_ones[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self.client:
            self.open_ones.pop(self.client, None)
        super().connection_lost(exc)


class Application:
    """The ASGI application: reads a request, asks the emulator, plays the reply."""

    def __init__(self, emulator: Emulator, trail: Trail) -> None:
        """Serve this emulator, and leave a trail for its page."""
        self._emulator = emulator
        self._trail = trail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        asked = HttpRequest(
            request.method,
            request.url.path,
            dict(request.query_params),
            {name.lower(): value for name, value in request.headers.items()},
            await request.body(),
        )
        trace = self._trail.begin(asked)
        try:
            reply = await asyncio.to_thread(self._emulator.handle, asked)
            trace.answered(reply)
            if reply.delay:
                await asyncio.sleep(reply.delay)
            await _Player(scope, send, reply, trace).play()
        finally:
            trace.end()


class _Player:
    """Plays one reply on one connection."""

    def __init__(self, scope: Scope, send: Send, reply: HttpReply, trace: Trace) -> None:
        client = scope.get("client")
        self._connection = _Connection.open_ones.get((client[0], client[1])) if client else None
        self._send = send
        self._reply = reply
        self._trace = trace

    async def play(self) -> None:
        """Send the head, then each step; a cut ends everything."""
        if self._reply.status:
            headers = [
                (name.encode(), value.encode("latin-1")) for name, value in self._reply.headers.items()
            ]
            start = {"type": "http.response.start", "status": self._reply.status, "headers": headers}
            await self._send(start)
        steps = iter(self._reply.steps)
        while (step := await self._next(steps)) is not None:
            match step:
                case Wait():
                    await asyncio.sleep(step.seconds)
                case Cut():
                    await self._break(step)
                    return
                case bytes():
                    if self._connection is not None and self._connection.is_closing():
                        self._trace.left()
                        break
                    self._trace.add(step)
                    await self._send({"type": "http.response.body", "body": step, "more_body": True})
                case _:
                    assert_never(step)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, steps: Iterator[Step]) -> Step | None:
        return await asyncio.to_thread(next, steps, None) if self._reply.blocking else next(steps, None)

    async def _break(self, cut: Cut) -> None:
        """Close the connection, or reset it; bytes already given to it go out first."""
        self._trace.broke(cut)
        if self._connection is None:
            raise BrokenOffError
        if cut.hard and self._reply.status:
            await asyncio.sleep(READING_TIME)
            self._connection.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE
            )
        self._connection.close()


class Server:
    """A running emulator: where it listens, and the emulator behind it."""

    def __init__(self, emulator: Emulator, host: str, port: int) -> None:
        """Name the place."""
        self.emulator = emulator
        self.host = host
        self.port = port

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for clients; it ends in /v1."""
        return f"{self.origin}/v1"

    @property
    def key(self) -> str:
        """The default key."""
        return self.emulator.key

    @property
    def banner(self) -> str:
        """What to print when it starts."""
        return f"{BANNER}\nListening on {self.base_url}, key {self.key}"


class _Uvicorn(uvicorn.Server):
    """Tells when it is ready, and leaves the process's signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.ready.set()


def app(emulator: Emulator) -> ASGIApp:
    """The emulator as an ASGI application, with its page."""
    trail = Trail()
    return Starlette(routes=[*page.routes(emulator, trail), Mount("/", app=Application(emulator, trail))])


@contextmanager
def serving(emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> Generator[Server]:
    """Serve on a socket, in a thread of its own, until the block ends.

    Raises:
        RuntimeError: The server did not start.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        running = _Uvicorn(_config(emulator))
        thread = threading.Thread(
            target=running.run, args=([listener],), name="resayil-emulator", daemon=True
        )
        thread.start()
        try:
            if not running.ready.wait(PATIENCE):
                raise RuntimeError("The emulator did not start within ten seconds.")
            yield Server(emulator, host, int(listener.getsockname()[1]))
        finally:
            running.should_exit = running.force_exit = True
            thread.join(PATIENCE)


def _config(emulator: Emulator) -> uvicorn.Config:
    return uvicorn.Config(
        app(emulator),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=KEPT,
    )
