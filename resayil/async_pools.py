"""The pooled connections of an asynchronous client, a set for each event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import AsyncGenerator

import httpx

from resayil.books import Bookkeeping
from resayil.config import Settings
from resayil.errors import ConfigurationError
from resayil.limiters import Slots
from resayil.pools import KEPT, forget_in_child, options_of, proxy_of


class AsyncPool:
    """The pooled connections of one client, a set for each event loop, and anew in a forked child."""

    def __init__(
        self, settings: Settings, transport: httpx.AsyncBaseTransport | None, slots: Slots, books: Bookkeeping
    ) -> None:
        self.settings = settings
        self.slots, self.books = slots, books
        self._transport = transport
        self._lock = threading.Lock()
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )
        self._keepers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncGenerator[None, None]] = (
            weakref.WeakKeyDictionary()
        )
        self._closed = False
        forget_in_child(self)

    def client(self) -> httpx.AsyncClient:
        """The httpx client of the running loop.

        Raises:
            ConfigurationError: the pool was closed.
        """
        if self._closed:
            raise ConfigurationError("This client was closed; make a new one.")
        loop = asyncio.get_running_loop()
        with self._lock:
            client = self._clients.get(loop)
            if client is None:
                for gone in [other for other in self._clients if other.is_closed()]:
                    del self._clients[gone], self._keepers[gone]  # a keeper holds its loop
                client = self._clients[loop] = self._made()
                self._keepers[loop] = keeper = _until_the_loop_ends(client)
                with contextlib.suppress(StopIteration):  # how a first step that waits for nothing ends
                    keeper.__anext__().send(None)
            return client

    def _made(self) -> httpx.AsyncClient:
        transport = self._transport
        # Behind a proxy httpx's own transport is needed.
        if transport is None and proxy_of(self.settings) is None:
            from resayil.connections import AsyncTransport  # noqa: PLC0415 - as above

            transport = AsyncTransport(self.settings.max_connections, KEPT)
        return httpx.AsyncClient(**options_of(self.settings), transport=transport)

    def forget(self) -> None:
        """Drop the connections without closing them: they are another process's."""
        self._lock = threading.Lock()
        self._clients = weakref.WeakKeyDictionary()
        self._keepers = weakref.WeakKeyDictionary()

    async def close(self) -> None:
        """Close the connections of the running loop, and drop those of loops that are gone."""
        self._closed = True
        loop = asyncio.get_running_loop()
        self._clients.pop(loop, None)
        keeper = self._keepers.pop(loop, None)
        if keeper is not None:
            await keeper.aclose()


async def _until_the_loop_ends(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """A loop closes its asynchronous generators when it shuts down, and with this one its connections."""
    try:
        yield
    finally:
        await client.aclose()
