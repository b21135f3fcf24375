"""Clients from their making to their closing, over threads, loops and processes."""

from __future__ import annotations

import asyncio
import gc
import ssl
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certifi
import pytest
from core.rawserver import HEAD, Connection, chunked, plain, raw_server
from core.support import (
    KEY,
    MODEL,
    WIRE,
    Scripted,
    Told,
    answer,
    async_client_of,
    chunk,
    client_of,
    emulator_of,
    json_reply,
)

from resayil import APIConnectionError, AsyncClient, Client, ConfigurationError, EmptyResponseError
from resayil.certificates import trust
from resayil.jsontext import dump_bytes
from resayil.pools import _after_fork


def _answering(connection: Connection) -> None:
    while connection.request():
        connection.send(plain(dump_bytes(answer())))


def _hanging(connection: Connection) -> None:
    connection.request()
    connection.send(HEAD + chunked(chunk({"content": "م"})))
    connection.closed_within()


def test_p05_a_closed_client_says_so_at_once() -> None:
    """Nothing is sent, nothing is tried again, and closing twice does no harm."""
    transport = Scripted(json_reply(answer()))
    with client_of(transport, max_retries=5) as client:
        client.chat(MODEL, "س")
    client.close()
    for call in (lambda: client.chat(MODEL, "س"), lambda: client.stream(MODEL, "س"), client.models):
        with pytest.raises(ConfigurationError, match="closed"):
            call()
    assert len(transport.requests) == 1


async def test_p05_a_closed_async_client_says_so_at_once() -> None:
    """The same on an event loop, used before or not."""
    async with async_client_of(Scripted(json_reply(answer()))) as client:
        pass
    await client.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.chat(MODEL, "س")


def test_a_client_that_was_never_used_closes() -> None:
    """Making a client opens nothing."""
    client_of(Scripted(json_reply(answer()))).close()


def test_two_event_loops_one_after_another() -> None:
    """One client serves three runs of asyncio: each loop has connections of its own."""
    with raw_server(_answering) as server:
        client = AsyncClient(KEY, server.base_url)

        async def ask(*, last: bool) -> str:
            text = (await client.chat(MODEL, "س")).text
            if last:
                await client.aclose()
            return text

        assert [asyncio.run(ask(last=last)) for last in (False, False, True)] == ["نعم"] * 3
    assert len(server.connections) == 3


def test_loops_that_are_gone_are_not_kept() -> None:
    """A client that outlives a hundred loops holds on to one of them at most."""
    client = async_client_of(Scripted(json_reply(answer())))
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def ask() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await client.chat(MODEL, "س")

    for _ in range(100):
        asyncio.run(ask())
    gc.collect()
    assert sum(found() is not None for found in loops) <= 1


async def test_two_event_loops_at_once() -> None:
    """And two loops in two threads at the same time."""
    with raw_server(_answering) as server:
        client = AsyncClient(KEY, server.base_url)

        def elsewhere() -> str:
            async def ask() -> str:
                return (await client.chat(MODEL, "س")).text

            return asyncio.run(ask())

        here, there = await asyncio.gather(client.chat(MODEL, "س"), asyncio.to_thread(elsewhere))
        assert (here.text, there) == ("نعم", "نعم")
        await client.aclose()


def test_p04_threads_share_a_client_without_cross_talk() -> None:
    """Eight threads of twenty-five calls each get their own answers."""

    def serve(connection: Connection) -> None:
        while request := connection.request():
            asked = request.rpartition(b'"content":"')[2].partition(b'"')[0].decode()
            connection.send(plain(dump_bytes(answer(asked))))

    with raw_server(serve) as server, Client(KEY, server.base_url) as client, ThreadPoolExecutor(8) as pool:
        asked = [f"سؤال {number}" for number in range(200)]
        assert list(pool.map(lambda text: client.chat(MODEL, text).text, asked)) == asked


FORK = """
import os, sys
from resayil import Client
client = Client("sk-forked", sys.argv[1])
assert client.chat("m", "قبل").text == "نعم"
child = os.fork()
text = client.chat("m", "بعد").text
if not child:
    os._exit(0 if text == "نعم" else 1)
print(text, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system does not fork")
def test_p07_a_forked_child_has_connections_of_its_own() -> None:
    """Parent and child both go on after a fork, and the child opens a socket of its own."""
    lock = threading.Lock()
    asked: dict[int, int] = {}

    def serve(connection: Connection) -> None:
        while connection.request():
            with lock:
                asked[connection.number] = asked.get(connection.number, 0) + 1
            connection.send(plain(dump_bytes(answer())))

    with raw_server(serve) as server:
        program = [sys.executable, "-W", "error", "-c", FORK, server.base_url]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("نعم 0\n", "")
    assert sorted(asked.values()) == [1, 2]


async def test_p07_after_a_fork_both_clients_begin_anew() -> None:
    """What a child does first is to forget its parent's connections, and calls go on."""
    emulator = emulator_of()
    client, async_client = client_of(emulator.transport()), async_client_of(emulator.async_transport())
    for _ in range(2):
        _after_fork()
        assert client.chat(MODEL, "س").text
        assert (await async_client.chat(MODEL, "س")).text


EXIT = """
import sys
from resayil import Client
stream = Client("sk-leaving", sys.argv[1]).stream("m", "س")
print(next(iter(stream)).type)
"""


def test_p10_leaving_with_an_open_stream_is_quiet() -> None:
    """An interpreter that ends in the middle of a stream exits with 0, without a word, at once."""
    with raw_server(_hanging) as server:
        program = [sys.executable, "-W", "error", "-X", "dev", "-c", EXIT, server.base_url]
        done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=10)
    assert (done.returncode, done.stdout, done.stderr) == (0, "message_start\n", "")


def test_p06_broken_off_streams_leave_no_connections() -> None:
    """Sixty streams left after one event do not pile up sockets."""
    with (
        raw_server(_hanging) as server,
        Client(KEY, server.base_url, max_connections=3, connect_timeout=1) as client,
    ):
        for _ in range(60):
            for _ in client.stream(MODEL, "س"):
                break
    assert len(server.connections) == 60


def test_an_empty_reply_is_typed() -> None:
    """A 200 with nothing in it is an error on both ways of asking."""
    client = client_of(Scripted(Told(200, {"content-type": "application/json"})))
    with pytest.raises(EmptyResponseError):
        client.chat(MODEL, "س")
    with pytest.raises(EmptyResponseError):
        client.stream(MODEL, "س")


def test_clients_read_the_certificates_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All clients share one context; another file of certificates, named later, is read."""
    assert trust() is trust()
    (tmp_path / "other.pem").write_bytes(Path(certifi.where()).read_bytes())
    before = trust()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    assert trust() is not before


def test_n33_a_certificate_that_nobody_trusts() -> None:
    """Nothing is sent, nothing is tried again, and the message says certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE.parent / "faults" / "untrusted.pem")

    def serve(connection: Connection) -> None:
        context.wrap_socket(connection.socket, server_side=True).close()

    with raw_server(serve) as server:
        address = server.base_url.replace("http://127.0.0.1", "https://localhost")
        client = Client(KEY, address, max_retries=2)
        with client, pytest.raises(APIConnectionError, match="certificate") as caught:
            client.chat(MODEL, "س")
    assert (caught.value.attempts, caught.value.phase) == (1, "certificate")
    assert len(server.connections) == 1
