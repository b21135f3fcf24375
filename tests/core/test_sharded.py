"""Many requests at once: small pools, filled one after another, never more connections than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from resayil import AsyncClient
from resayil.emulator import Emulator
from resayil.emulator.server import Server
from resayil.sharded import SHARD, ShardedTransport


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A service that takes a moment for each answer."""
    with Emulator().serve() as running:
        yield running


@pytest.mark.parametrize(("calls", "allowed"), [(60, 30), (60, 1000), (5, 2)])
async def test_no_more_connections_than_allowed(server: Server, calls: int, allowed: int) -> None:
    """Calls beyond the allowed connections wait for a place, and all are answered."""
    transport = ShardedTransport(allowed)
    async with httpx.AsyncClient(transport=transport) as client:
        headers = {"authorization": f"Bearer {server.key}"}
        asked = (client.get(f"{server.base_url}/models", headers=headers) for _ in range(calls))
        replies = await asyncio.gather(*asked)
        held = [len(pool._pool.connections) for pool in transport._pools]  # noqa: SLF001 - what is counted
    assert [reply.status_code for reply in replies] == [200] * calls
    assert sum(held) <= allowed
    assert max(held) <= SHARD
    assert transport._busy == [0] * len(held)  # noqa: SLF001 - every place was given back


async def test_one_after_another_is_one_connection(server: Server) -> None:
    """Calls that do not overlap use the first pool's one connection."""
    transport = ShardedTransport(1000)
    async with AsyncClient(server.key, server.base_url, transport=transport) as client:
        for _ in range(5):
            await client.chat("deepseek-v4-flash", "مرحبا")
            async for _ in await client.stream("deepseek-v4-flash", "مرحبا"):
                pass
    assert len(transport._pools) == 1  # noqa: SLF001 - what is counted


async def test_a_place_comes_back_after_a_failure() -> None:
    """A connection that cannot be made leaves no place taken."""
    transport = ShardedTransport(10)
    async with httpx.AsyncClient(transport=transport) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:9/")
    assert transport._busy == [0]  # noqa: SLF001 - what is counted
