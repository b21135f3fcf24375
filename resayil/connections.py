"""An asynchronous httpx transport for many requests at once.

httpcore's pool looks at all of its connections for each request, and asks the system about each idle one, so
three hundred requests at once cost three hundred times three hundred looks. Here a request takes the
connection that became free last, and looks at no other; so few requests at a time share few connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Self

import httpcore
import httpx

from resayil.certificates import trust
from resayil.network import backend


class Connections:
    """Idle connections, and a place for each that is in use.

    Args:
        most: Connections in use at once; further requests wait for a place, the first come first.
        kept: Seconds for which an idle one may be used again.
    """

    def __init__(self, most: int, kept: float) -> None:
        self._kept = kept
        self._context = trust()
        self._network = backend()
        self._room = asyncio.Semaphore(most)
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()
        self._busy: set[httpcore.AsyncHTTPConnection] = set()

    @property
    def connections(self) -> list[httpcore.AsyncHTTPConnection]:
        """All that are open, or being opened."""
        return [*self._idle, *self._busy]

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send one request over a connection that is free, or over a new one."""
        await self._enter(request.extensions.get("timeout", {}).get("pool"))
        connection, stale = self._take(request.url.origin)
        try:
            await _close(stale)
            response = await connection.handle_async_request(request)
        except BaseException:
            await self.give_back(connection)
            raise
        body = _Lent(response.stream, self, connection)  # type: ignore[arg-type] # an asynchronous one's
        return httpcore.Response(
            response.status, headers=response.headers, content=body, extensions=response.extensions
        )

    async def _enter(self, patience: float | None) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            async with asyncio.timeout(patience):
                await self._room.acquire()
        except TimeoutError:
            raise httpcore.PoolTimeout(f"no connection became free in {patience:g} s") from None

    def _take(
        self, origin: httpcore.Origin
    ) -> tuple[httpcore.AsyncHTTPConnection, list[httpcore.AsyncHTTPConnection]]:
        """A connection to use, and those that turned out to be closed or another host's."""
        stale: list[httpcore.AsyncHTTPConnection] = []
        while self._idle:
            connection = self._idle.pop()
            usable = connection.is_available() and not connection.has_expired()
            if usable and connection.can_handle_request(origin):
                break
            stale.append(connection)
        else:
            connection = httpcore.AsyncHTTPConnection(
                origin, self._context, keepalive_expiry=self._kept, network_backend=self._network
            )
        self._busy.add(connection)
        return connection, stale

    async def give_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """Let another request have this connection, and close those that nobody has wanted for long."""
        self._busy.discard(connection)
        self._room.release()
        if not connection.is_closed():
            self._idle.append(connection)
        stale = []
        while self._idle and self._idle[0].has_expired():
            stale.append(self._idle.popleft())
        await _close(stale)

    async def aclose(self) -> None:
        """Close all connections."""
        open_ones = self.connections
        self._idle.clear()
        self._busy.clear()
        await _close(open_ones)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


async def _close(connections: list[httpcore.AsyncHTTPConnection]) -> None:
    for connection in connections:
        await connection.aclose()


class _Lent(httpx.AsyncByteStream):
    """The body of a reply, which gives its connection back when it is closed."""

    def __init__(
        self,
        inner: httpx.AsyncByteStream,
        pool: Connections,
        connection: httpcore.AsyncHTTPConnection,
    ) -> None:
        self._inner = inner
        self._pool = pool
        self._connection: httpcore.AsyncHTTPConnection | None = connection

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        """Close it, once or more often."""
        connection, self._connection = self._connection, None
        try:
            await self._inner.aclose()
        finally:
            if connection is not None:
                await self._pool.give_back(connection)


class AsyncTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport over these connections.

    httpx has no argument for the pool, so it is put into the attribute that the base class reads. All else is
    the base class's, which recorders such as vcrpy hook into.

    Args:
        max_connections: Connections in use at once.
        kept: Seconds for which an idle one may be used again.
    """

    def __init__(self, max_connections: int, kept: float) -> None:
        # The base class would only make another pool.
        self._pool = Connections(max_connections, kept)  # type: ignore[assignment] # as above
