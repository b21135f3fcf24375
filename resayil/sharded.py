"""An asynchronous httpx transport of several small pools, for many requests at once.

httpcore's pool looks at all of its connections for each request, and asks the system about each idle one, so
three hundred requests at once cost three hundred times three hundred looks. Small pools, filled one after
another, keep that short, and few requests at a time still share few connections.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import httpx

SHARD = 25
"""Requests under way that one pool takes before the next one is used."""


class _Counted(httpx.AsyncByteStream):
    """The body of a reply, which gives its place back when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, busy: list[int], shard: int) -> None:
        self._inner = inner
        self._busy = busy
        self._shard: int | None = shard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._inner:
            yield piece

    async def aclose(self) -> None:
        """Close it, once or more often."""
        if self._shard is not None:
            self._busy[self._shard] -= 1
            self._shard = None
        await self._inner.aclose()


class ShardedTransport(httpx.AsyncBaseTransport):
    """Connections in pools of a few each.

    Args:
        max_connections: Connections of all pools together.
    """

    def __init__(self, max_connections: int) -> None:
        self._context = httpx.create_ssl_context()
        whole, rest = divmod(max_connections, SHARD)
        self._sizes = [SHARD] * whole + ([rest] if rest else [])
        self._pools: list[httpx.AsyncHTTPTransport] = []
        self._busy: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request through the first pool that has a place."""
        shard = self._place()
        self._busy[shard] += 1
        try:
            response = await self._pools[shard].handle_async_request(request)
        except BaseException:
            self._busy[shard] -= 1
            raise
        body = cast("httpx.AsyncByteStream", response.stream)  # an asynchronous pool's body is no other
        response.stream = _Counted(body, self._busy, shard)
        return response

    def _place(self) -> int:
        for shard, busy in enumerate(self._busy):
            if busy < self._sizes[shard]:
                return shard
        if len(self._pools) == len(self._sizes):  # all are full: wait where the fewest do
            return min(range(len(self._sizes)), key=self._busy.__getitem__)
        size = self._sizes[len(self._pools)]
        limits = httpx.Limits(max_connections=size, max_keepalive_connections=size)
        self._pools.append(httpx.AsyncHTTPTransport(verify=self._context, limits=limits, trust_env=False))
        self._busy.append(0)
        return len(self._pools) - 1

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools:
            await pool.aclose()
