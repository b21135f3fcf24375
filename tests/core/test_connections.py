"""Many requests at once: never more connections than allowed, few where few are needed, none left behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import httpx
import pytest

from resayil import AsyncClient
from resayil.connections import AsyncTransport
from resayil.emulator import Emulator
from resayil.emulator.server import Server
from resayil.pools import KEPT


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A service that takes a moment for each answer."""
    with Emulator().serve() as running:
        yield running


def held(transport: AsyncTransport) -> int:
    """Connections of a transport."""
    return len(transport._pool.connections)  # noqa: SLF001 - what is counted


@pytest.mark.parametrize(("calls", "allowed"), [(60, 30), (60, 1000), (5, 2)])
async def test_no_more_connections_than_allowed(server: Server, calls: int, allowed: int) -> None:
    """Calls beyond the allowed connections wait for a place, and all are answered."""
    transport = AsyncTransport(allowed, KEPT)
    async with httpx.AsyncClient(transport=transport) as client:
        headers = {"authorization": f"Bearer {server.key}"}
        asked = (client.get(f"{server.base_url}/models", headers=headers) for _ in range(calls))
        replies = await asyncio.gather(*asked)
        assert held(transport) <= allowed
    assert [reply.status_code for reply in replies] == [200] * calls


async def test_one_after_another_is_one_connection(server: Server) -> None:
    """Calls that do not overlap use one connection, streams too."""
    transport = AsyncTransport(1000, KEPT)
    async with AsyncClient(server.key, server.base_url, transport=transport) as client:
        for _ in range(5):
            await client.chat("deepseek-v4-flash", "مرحبا")
            async for _ in await client.stream("deepseek-v4-flash", "مرحبا"):
                pass
        assert held(transport) == 1
    assert held(transport) == 0


async def test_a_connection_that_was_closed_while_idle_is_not_used(server: Server) -> None:
    """Whoever closed it, the next call has a new one."""
    transport = AsyncTransport(10, KEPT)
    async with AsyncClient(server.key, server.base_url, transport=transport) as client:
        await client.chat("deepseek-v4-flash", "مرحبا")
        await transport._pool.connections[0].aclose()  # noqa: SLF001 - as a late end of a reply does
        for _ in range(2):
            assert (await client.chat("deepseek-v4-flash", "مرحبا")).attempts == 1


async def test_a_place_comes_back_after_a_failure() -> None:
    """A connection that cannot be made leaves no place taken, and nothing behind."""
    transport = AsyncTransport(1, KEPT)
    async with httpx.AsyncClient(transport=transport) as client:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:9/")
    assert held(transport) == 0


async def test_waiting_for_a_place_ends(server: Server) -> None:
    """Who waits longer than the pool's time is told so, and takes no place with it."""
    transport = AsyncTransport(1, KEPT)
    async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(5, pool=0.05)) as client:
        async with client.stream("GET", f"{server.base_url}/models"):
            with pytest.raises(httpx.PoolTimeout):
                await client.get(f"{server.base_url}/models")
        assert (await client.get(f"{server.base_url}/models")).status_code == 401


async def test_a_reply_closed_twice_frees_one_place(server: Server) -> None:
    """Its connection is lent to one request at a time all the same."""
    transport = AsyncTransport(1, KEPT)
    async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(5, pool=0.05)) as client:
        async with client.stream("GET", f"{server.base_url}/models") as reply:
            assert isinstance(reply.stream, httpx.AsyncByteStream)
        await reply.stream.aclose()
        async with client.stream("GET", f"{server.base_url}/models"):
            with pytest.raises(httpx.PoolTimeout):
                await client.get(f"{server.base_url}/models")


async def test_a_cancelled_request_leaves_its_place(server: Server) -> None:
    """A request that is cancelled on its way gives its place to the next one."""
    server.emulator.fault("stall", seconds=5.0)
    transport = AsyncTransport(1, KEPT)
    async with AsyncClient(server.key, server.base_url, transport=transport) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.chat("deepseek-v4-flash", "مرحبا"), 0.2)
        assert (await client.chat("deepseek-v4-flash", "مرحبا")).text


async def test_old_connections_are_closed_by_the_way(server: Server) -> None:
    """After a burst, the connections that nobody wants any more are closed while others are used."""
    transport = AsyncTransport(1000, 0.3)
    async with httpx.AsyncClient(transport=transport) as client:
        await asyncio.gather(*(client.get(f"{server.base_url}/models") for _ in range(8)))
        assert held(transport) > 1
        began = time.monotonic()
        while time.monotonic() - began < 0.5:
            await client.get(f"{server.base_url}/models")
            await asyncio.sleep(0.05)
        assert held(transport) == 1


async def test_another_host_gets_a_connection_of_its_own(server: Server) -> None:
    """A connection is never used for another host than the one it was opened to."""
    transport = AsyncTransport(10, KEPT)
    async with httpx.AsyncClient(transport=transport) as client:
        with Emulator().serve() as other:
            for base_url in (server.base_url, other.base_url, server.base_url):
                assert (await client.get(f"{base_url}/models")).status_code == 401
            assert len(other.emulator.requests) == 1


def test_a_loop_of_another_make_is_served_too(server: Server) -> None:
    """On uvloop, which LiteLLM's proxy runs on, calls and streams are answered."""
    uvloop = pytest.importorskip("uvloop", reason="uvloop is missing: its loop was not tried")

    async def ask() -> tuple[str, str]:
        async with AsyncClient(server.key, server.base_url) as client:
            answer = await client.chat("deepseek-v4-flash", "مرحبا")
            stream = await client.stream("deepseek-v4-flash", "مرحبا")
            return answer.text, "".join([text async for text in stream.text()])

    whole, streamed = uvloop.run(ask())
    assert whole == streamed
    assert whole
