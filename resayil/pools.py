"""The pooled connections of a client, what all pools have in common, and what becomes of them in a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator
from typing import Any, Protocol
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


def options_of(settings: Settings) -> dict[str, Any]:
    """What every httpx client of ours is made with."""
    return {
        "auth": _BearerAuth(settings),
        "follow_redirects": False,
        "trust_env": not settings.is_local,
        "timeout": None,
        "limits": httpx.Limits(
            max_connections=settings.max_connections, max_keepalive_connections=100, keepalive_expiry=KEPT
        ),
    }


def proxy_of(settings: Settings) -> httpx.Proxy | None:
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
        forget_in_child(self)

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
        options = options_of(self.settings)
        transport, proxy = self._transport, proxy_of(self.settings)
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


class Pool(Protocol):
    """Connections that a forked child must not use."""

    def forget(self) -> None:
        """Drop them without closing them: they are another process's."""
        ...


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def forget_in_child(pool: Pool) -> None:
    """Let a pool forget its connections in each child that this process forks."""
    _POOLS.add(pool)


def _after_fork() -> None:
    for pool in list(_POOLS):
        pool.forget()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)
