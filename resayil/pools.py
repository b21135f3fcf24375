"""The pooled connections of a client, by thread and by event loop, and what becomes of them in a fork."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Generator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from resayil.books import Bookkeeping
from resayil.config import Settings
from resayil.errors import ConfigurationError
from resayil.limiters import Slots

KEPT = 4.0
"""Seconds that an idle connection may be used again: fewer than the five after which many servers close it,
so that no request meets the closing."""


class _BearerAuth(httpx.Auth):
    """Adds the key at the last moment, so that no request object of ours holds it as text."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["authorization"] = f"Bearer {self._settings.secret}"
        yield request


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "auth": _BearerAuth(settings),
        "follow_redirects": False,
        "trust_env": not settings.is_local,
        "timeout": None,
        "limits": httpx.Limits(
            max_connections=settings.max_connections, max_keepalive_connections=100, keepalive_expiry=KEPT
        ),
    }


def _proxy(settings: Settings) -> httpx.Proxy | None:
    """The proxy that the environment names for the base URL.

    Raises:
        ConfigurationError: it cannot be used; it is not shown, since it may hold a password.
    """
    parts = urlsplit(settings.base_url)
    if settings.is_local or proxy_bypass(parts.netloc):
        return None
    found = getproxies()
    named = found.get(parts.scheme) or found.get("all") or ""
    try:
        return httpx.Proxy(named if "://" in named else f"http://{named}") if named else None
    except (ValueError, httpx.InvalidURL):
        raise ConfigurationError(
            f"The proxy that the environment names for {parts.scheme}:// is no http, https or socks5 address."
        ) from None


class SyncPool:
    """The pooled connections of one client, made at first use and anew in a forked child.

    They are closed with the client, when nobody holds it any more, or at the interpreter's exit.
    """

    def __init__(
        self, settings: Settings, transport: httpx.BaseTransport | None, slots: Slots, books: Bookkeeping
    ) -> None:
        self.settings = settings
        self.slots, self.books = slots, books
        self._transport = transport
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._inherited: list[httpx.Client | None] = []
        self._finalizer: weakref.finalize[[], SyncPool] | None = None
        self._closed = False
        _forget_in_child(self)

    def client(self) -> httpx.Client:
        """The httpx client.

        Raises:
            ConfigurationError: the pool was closed.
        """
        if self._closed:
            raise ConfigurationError("This client was closed; make a new one.")
        with self._lock:
            if self._client is None:
                self._client = self._made()
                self._finalizer = weakref.finalize(self, self._client.close)
            return self._client

    def _made(self) -> httpx.Client:
        options = _options(self.settings)
        transport, proxy = self._transport, _proxy(self.settings)
        # Behind a SOCKS proxy httpx's own transport is needed.
        if transport is None and (proxy is None or proxy.url.scheme in {"http", "https"}):
            from resayil.bounded import BoundedTransport  # noqa: PLC0415 - httpcore waits for a request

            transport = BoundedTransport(options["limits"], proxy)
        return httpx.Client(**options, transport=transport)

    def forget(self) -> None:
        """Drop the connections without closing them: they are another process's."""
        self._lock = threading.Lock()
        self._inherited.append(self._client)  # kept, so that nothing closes or complains of its sockets
        self._client = None
        if self._finalizer is not None:
            self._finalizer.detach()

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        if self._finalizer is not None:
            self._finalizer()


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
        _forget_in_child(self)

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
        if transport is None and _proxy(self.settings) is None:
            from resayil.connections import AsyncTransport  # noqa: PLC0415 - as above

            transport = AsyncTransport(self.settings.max_connections, KEPT)
        return httpx.AsyncClient(**_options(self.settings), transport=transport)

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


_POOLS: weakref.WeakSet[SyncPool | AsyncPool] = weakref.WeakSet()


def _forget_in_child(pool: SyncPool | AsyncPool) -> None:
    _POOLS.add(pool)


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool.forget()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)
