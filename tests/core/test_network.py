"""Our own network of an event loop: large bodies, TLS, and connections that died while nobody looked."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import threading
from collections.abc import Callable

import httpx
import pytest
from core.rawserver import PATIENCE, Connection, plain, raw_server
from core.support import KEY, MODEL, answer
from faults.certificate import UNTRUSTED, untrusted

from resayil import AsyncClient, Client
from resayil.connections import AsyncTransport
from resayil.jsontext import dump_bytes
from resayil.pools import KEPT

LARGE = bytes(20_000_000)
"""More than the system takes at once."""


async def test_a_large_body_goes_out_as_fast_as_it_is_taken() -> None:
    """A server that begins to read late gets all of it."""
    received: list[int] = []

    def serve(connection: Connection) -> None:
        threading.Event().wait(0.1)
        received.append(len(connection.request().partition(b"\r\n\r\n")[2]))
        connection.send(plain(b"{}"))

    with raw_server(serve) as server:
        async with httpx.AsyncClient(transport=AsyncTransport(1, KEPT), timeout=PATIENCE) as client:
            assert (await client.post(server.base_url, content=LARGE)).status_code == 200
    assert received == [len(LARGE)]


async def test_a_body_that_nobody_takes_is_given_up() -> None:
    """A server that does not read is not waited for without end, and is no silent one."""
    over = threading.Event()

    def serve(_: Connection) -> None:
        over.wait(PATIENCE)

    with raw_server(serve) as server:
        timeout = httpx.Timeout(PATIENCE, write=0.2)
        async with httpx.AsyncClient(transport=AsyncTransport(1, KEPT), timeout=timeout) as client:
            with pytest.raises(httpx.WriteTimeout):
                await client.post(server.base_url, content=LARGE)
        over.set()


async def test_a_certificate_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """An own authority of a company is trusted, sync and async, and its connection is used again."""
    monkeypatch.setenv("SSL_CERT_FILE", str(UNTRUSTED))
    context = untrusted()

    def serve(connection: Connection) -> None:
        with context.wrap_socket(connection.socket, server_side=True) as secured:
            inner = Connection(secured, connection.number)
            while inner.request():
                inner.send(plain(dump_bytes(answer())))

    with raw_server(serve) as server:
        address = server.base_url.replace("http://127.0.0.1", "https://localhost")
        with Client(KEY, address) as client:
            assert [client.chat(MODEL, "س").text for _ in range(2)] == ["نعم"] * 2
        async with AsyncClient(KEY, address) as async_client:
            assert [(await async_client.chat(MODEL, "س")).text for _ in range(2)] == ["نعم"] * 2
    assert len(server.connections) == 2


def _reset(connection: Connection) -> None:
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.socket.close()


def _end(connection: Connection) -> None:
    connection.socket.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("polls", [True, False], ids=["poll", "select"])
@pytest.mark.parametrize("leave", [_reset, _end])
async def test_a_connection_that_the_server_left_is_not_used(
    leave: Callable[[Connection], None],
    polls: bool,  # noqa: FBT001 - parametrised
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ended or reset while idle, seen by the loop or not, with the system's ``poll`` or without."""
    if not polls:
        monkeypatch.delattr(select, "poll")
    idle, left = threading.Semaphore(0), threading.Semaphore(0)

    def serve(connection: Connection) -> None:
        connection.request()
        connection.send(plain(dump_bytes(answer())))
        idle.acquire(timeout=PATIENCE)
        leave(connection)
        left.release()

    with raw_server(serve) as server:
        async with AsyncClient(KEY, server.base_url) as client:
            for looked in (True, False, True):
                assert (await client.chat(MODEL, "س")).attempts == 1
                idle.release()
                assert left.acquire(timeout=PATIENCE)
                if looked:
                    await asyncio.sleep(0.1)
    assert len(server.connections) == 3
