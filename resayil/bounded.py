"""A synchronous httpx transport whose reads end by a moment that is set from outside.

httpx bounds the silence between two reads, so a server that sends a byte now and then is waited for
without end; an event loop can cut that short, a thread cannot. Here the socket itself gets the time left.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from resayil.certificates import trust
from resayil.deadline import Bounded


class _Stream(Bounded, httpcore.NetworkStream):
    """A network stream that asks how much time is left before it reads."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        super().__init__()
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self.read_due - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the reply's time is over")
        return self._inner.read(max_bytes, left if timeout is None else min(timeout, left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens such streams."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.connect_tcp(host, port, timeout, local_address, socket_options))


def _through(proxy: httpx.Proxy) -> httpcore.Proxy:
    return httpcore.Proxy(str(proxy.url), proxy.raw_auth, proxy.headers.raw)


class BoundedTransport(httpx.HTTPTransport):
    """httpx's own transport over the streams above.

    httpx has no argument for the backend of its pool, so the pool is made here, in the attribute that the
    base class reads. All else is the base class's, which recorders such as vcrpy hook into.

    Args:
        limits: How many connections there may be.
        proxy: The http or https proxy that they go through.
    """

    def __init__(self, limits: httpx.Limits, proxy: httpx.Proxy | None = None) -> None:
        # The base class would only make another pool.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trust(),
            proxy=None if proxy is None else _through(proxy),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )
