"""What was due at a moment that has passed is late: never a network that is gone, and never waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from core.rawserver import FIRST, HEAD, PATIENCE, Connection, RawServer, raw_server
from core.support import KEY

from resayil import AsyncClient, Client
from resayil.async_transport import AsyncIO
from resayil.effects import Failure, Head, Send
from resayil.transport import SyncIO


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A server that begins a stream and falls silent."""
    over = threading.Event()

    def serve(connection: Connection) -> None:
        connection.request()
        connection.send(HEAD + FIRST)
        over.wait(PATIENCE)

    with raw_server(serve) as running:
        yield running
        over.set()


def _send(server: RawServer, due: float) -> Send:
    return Send("POST", f"{server.base_url}/chat/completions", {}, b"{}", PATIENCE, due)


async def test_a_request_that_is_too_late(server: RawServer) -> None:
    """Between the flow's look at the clock and the socket a deadline may pass."""
    with Client(KEY, server.base_url) as client:
        outcome = SyncIO(client._pool).send(_send(server, time.monotonic() - 1))  # noqa: SLF001 - the rim's
    assert isinstance(outcome, Failure)
    assert outcome.kind == "timeout"
    async with AsyncClient(KEY, server.base_url) as async_client:
        io = AsyncIO(async_client._pool)  # noqa: SLF001 - the rim's
        outcome = await io.send(_send(server, time.monotonic() - 1))
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.phase) == ("timeout", "connect")


async def test_a_reader_that_comes_back_too_late(server: RawServer) -> None:
    """Who lets the time pass between two events does not wait for the next."""
    with Client(KEY, server.base_url) as client:
        io = SyncIO(client._pool)  # noqa: SLF001 - the rim's
        assert isinstance(io.send(_send(server, time.monotonic() + PATIENCE)), Head)
        assert isinstance(io.read(time.monotonic() + PATIENCE), bytes)
        outcome = io.read(time.monotonic() - 1)
        io.close()
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.phase) == ("timeout", "read")
    async with AsyncClient(KEY, server.base_url) as async_client:
        async_io = AsyncIO(async_client._pool)  # noqa: SLF001 - the rim's
        assert isinstance(await async_io.send(_send(server, time.monotonic() + PATIENCE)), Head)
        assert isinstance(await async_io.read(time.monotonic() + PATIENCE), bytes)
        outcome = await async_io.read(time.monotonic() - 1)
        await async_io.close()
    assert isinstance(outcome, Failure)
    assert (outcome.kind, outcome.phase) == ("timeout", "read")
