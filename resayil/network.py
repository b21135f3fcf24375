"""asyncio's own streams as httpcore's network.

httpcore goes through anyio, which serves event loops of other kinds too; for each request that costs as much
as a third of all that is done between the client and the socket.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import httpcore


@asynccontextmanager
async def _bounded(
    seconds: float | None, late: type[httpcore.TimeoutException], broken: type[httpcore.NetworkError]
) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:  # ssl.SSLError is one too
        raise broken(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        async with _bounded(timeout, httpcore.ReadTimeout, httpcore.ReadError):
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        self._writer.write(buffer)
        if self._writer.transport.get_write_buffer_size():  # the system has not taken all of it at once
            async with _bounded(timeout, httpcore.WriteTimeout, httpcore.WriteError):
                await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        await asyncio.sleep(0)  # the last words of TLS go out, and nothing else is waited for
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
    ) -> httpcore.AsyncNetworkStream:
        async with _bounded(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            return self._reader.at_eof() or _is_readable(self._writer.get_extra_info("socket"))
        return self._writer.get_extra_info(info)


def _is_readable(connection: Any) -> bool:
    """Whether the system has bytes, or the end, of an idle connection; the loop may not have looked yet."""
    number = connection.fileno()
    if number < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))


def backend() -> httpcore.AsyncNetworkBackend:
    """The network of the running event loop.

    uvloop does not try a host's addresses side by side; there anyio does it, as it does for httpcore.
    """
    if isinstance(asyncio.get_running_loop(), asyncio.BaseEventLoop):
        return AsyncioBackend()
    return cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())  # or its stand-in without anyio


class AsyncioBackend(httpcore.AsyncNetworkBackend):
    """Opens such streams."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection, by whichever of the host's addresses answers first."""
        del local_address, socket_options  # never set here
        async with _bounded(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
            return _Stream(*await asyncio.open_connection(host, port, happy_eyeballs_delay=0.25))
