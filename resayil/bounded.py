"""A synchronous httpx transport whose reads end by a moment that is set from outside.

httpx bounds the silence between two reads, so a server that sends a byte now and then is waited for
without end; an event loop can cut that short, a thread cannot. Here the socket itself gets the time left.
"""

from __future__ import annotations

import math
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import httpcore
import httpx

_heads = threading.local()
"""When the head of the reply that a thread waits for is due: its stream is not known before it has come."""


def head_due(moment: float | None) -> None:
    """Bound this thread's wait for a reply's head by a monotonic time; ``None`` ends the wait."""
    _heads.due = moment


def body_due(response: httpx.Response, moment: float) -> None:
    """Bound the reads of a reply's body by a monotonic time, where the transport is this one."""
    stream = response.extensions.get("network_stream")
    if isinstance(stream, _Stream):
        stream.due = moment


class _Stream(httpcore.NetworkStream):
    """A network stream that asks how much time is left before it reads."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self.due = math.inf

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        due: float | None = getattr(_heads, "due", None)  # the head's, while one is waited for
        left = (self.due if due is None else due) - time.monotonic()
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


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Httpcore's exceptions under httpx's names, which are the same words."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


@runtime_checkable
class _Closing(Protocol):
    def close(self) -> None: ...


class _Body(httpx.SyncByteStream):
    """The body of a reply, read from the pool."""

    def __init__(self, inner: Iterable[bytes]) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._inner

    def close(self) -> None:
        if isinstance(self._inner, _Closing):
            self._inner.close()


class BoundedTransport(httpx.BaseTransport):
    """Connections in a pool, as httpx keeps them, read through the bounded streams above."""

    def __init__(self, limits: httpx.Limits) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        with _as_httpx():
            reply = self._pool.handle_request(
                httpcore.Request(
                    method=request.method,
                    url=url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        body = cast("Iterable[bytes]", reply.stream)  # a synchronous pool's body is never asynchronous
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Body(body), extensions=reply.extensions
        )

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()
