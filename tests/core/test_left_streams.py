"""A stream or a call that is left is let go at once, and its connection serves the next."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from core.rawserver import END, FIRST, HEAD, PATIENCE, Connection, RawServer, plain, raw_server
from core.support import KEY, MODEL, answer

from resayil import APITimeoutError, AsyncClient, Client
from resayil.jsontext import dump_bytes


class Endless:
    """Answers the first request with a stream without end, the others at once; notes when it was left."""

    def __init__(self) -> None:
        self.left = threading.Event()
        self.served = 0

    def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        while connection.request():
            self.served += 1
            if self.served > 1:
                connection.send(plain(dump_bytes(answer("بعدها"))))
                continue
            connection.send(HEAD + FIRST * 5)
            if connection.closed_within():
                self.left.set()
            return


@pytest.fixture
def endless() -> Iterator[tuple[Endless, RawServer]]:
    """A server whose first answer never ends."""
    handler = Endless()
    with raw_server(handler) as server:
        yield handler, server
    HELD.clear()


def _break(client: Client) -> None:
    for number, _ in enumerate(client.stream(MODEL, "س")):
        if number == 2:
            break


def _until(client: Client, kind: type[BaseException]) -> None:
    caught: list[BaseException] = []
    try:
        for number, _ in enumerate(client.stream(MODEL, "س")):
            if number == 2:
                raise kind
    except (ZeroDivisionError, KeyboardInterrupt) as error:
        caught.append(error)
    assert [type(error) for error in caught] == [kind]


def _raise(client: Client) -> None:
    _until(client, ZeroDivisionError)


def _interrupt(client: Client) -> None:
    _until(client, KeyboardInterrupt)


def _close_generator(client: Client) -> None:
    events = iter(client.stream(MODEL, "س"))
    for _ in range(3):
        next(events)
    events.close()  # type: ignore[attr-defined] # a generator


def _close_stream(client: Client) -> None:
    client.stream(MODEL, "س").close()


def _leave_block(client: Client) -> None:
    with client.stream(MODEL, "س") as stream:
        assert stream is not None


def _drop(client: Client) -> None:
    client.stream(MODEL, "س")


def _break_text(client: Client) -> None:
    for _ in client.stream(MODEL, "س").text():
        break


HELD: list[object] = []


def _break_and_keep(client: Client) -> None:
    stream = client.stream(MODEL, "س")
    HELD.append(stream)
    for _ in stream:
        break


LEAVING = (
    _break,
    _break_and_keep,
    _raise,
    _interrupt,
    _close_generator,
    _close_stream,
    _leave_block,
    _drop,
    _break_text,
)


@pytest.mark.parametrize("leave", LEAVING, ids=lambda leave: leave.__name__)
def test_p01_a_stream_that_is_left_frees_its_connection(
    leave: Callable[[Client], None], endless: tuple[Endless, RawServer]
) -> None:
    """However a stream is left, without ``with`` or a collection, a pool of one serves the next call."""
    handler, server = endless
    gc.disable()
    try:
        with Client(KEY, server.base_url, max_connections=1, connect_timeout=1.5) as client:
            leave(client)
            assert handler.left.wait(1.5)
            assert client.chat(MODEL, "س").text == "بعدها"
    finally:
        gc.enable()


async def _abreak(client: AsyncClient) -> None:
    number = 0
    async for _ in await client.stream(MODEL, "س"):
        number += 1
        if number == 3:
            break


async def _araise(client: AsyncClient) -> None:
    async def read() -> None:
        async for _ in await client.stream(MODEL, "س"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()


async def _acancel(client: AsyncClient) -> None:
    started = asyncio.Event()

    async def read() -> None:
        async for _ in await client.stream(MODEL, "س"):
            started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _await_for(client: AsyncClient) -> None:
    async def read() -> None:
        async for _ in await client.stream(MODEL, "س"):
            pass

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read(), 0.1)


async def _aclose_stream(client: AsyncClient) -> None:
    await (await client.stream(MODEL, "س")).aclose()


async def _aleave_block(client: AsyncClient) -> None:
    async with await client.stream(MODEL, "س") as stream:
        assert stream is not None


async def _abreak_text(client: AsyncClient) -> None:
    async for _ in (await client.stream(MODEL, "س")).text():
        break


async def _araise_and_keep(client: AsyncClient) -> None:
    stream = await client.stream(MODEL, "س")
    HELD.append(stream)

    async def read() -> None:
        async for _ in stream:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read()


async def _adrop(client: AsyncClient) -> None:
    await client.stream(MODEL, "س")


ALEAVING = (
    _abreak,
    _adrop,
    _araise_and_keep,
    _araise,
    _acancel,
    _await_for,
    _aclose_stream,
    _aleave_block,
    _abreak_text,
)


@pytest.mark.parametrize("leave", ALEAVING, ids=lambda leave: leave.__name__)
async def test_p01_an_async_stream_that_is_left_frees_its_connection(
    leave: Callable[[AsyncClient], AsyncIterator[None]], endless: tuple[Endless, RawServer]
) -> None:
    """The same on an event loop, by break, exception, cancellation, timeout or closing."""
    handler, server = endless
    async with AsyncClient(KEY, server.base_url, max_connections=1, connect_timeout=1.5) as client:
        await leave(client)  # type: ignore[misc] # a coroutine function
        assert await asyncio.to_thread(handler.left.wait, 1.5)
        assert (await client.chat(MODEL, "س")).text == "بعدها"


def test_p08_a_full_pool_is_told_apart(endless: tuple[Endless, RawServer]) -> None:
    """With its only connection in use, a call fails in time, and not as a slow server's."""
    _, server = endless
    with Client(KEY, server.base_url, max_connections=1, connect_timeout=0.1, max_retries=0) as client:
        stream = client.stream(MODEL, "س")
        with pytest.raises(APITimeoutError) as caught:
            client.chat(MODEL, "س")
        stream.close()
    assert caught.value.phase == "pool"


def test_a_finished_stream_leaves_its_connection_for_the_next_call() -> None:
    """Reading to the end keeps the connection alive: three answers come over one socket."""

    def serve(connection: Connection) -> None:
        while connection.request():
            connection.send(HEAD + FIRST + END)

    with raw_server(serve) as server, Client(KEY, server.base_url) as client:
        for _ in range(3):
            list(client.stream(MODEL, "س"))
    assert len(server.connections) == 1


def test_n10_a_connection_closed_while_idle_is_replaced() -> None:
    """A kept-alive socket that the server closed is not the caller's trouble."""
    closed = threading.Semaphore(0)

    def serve(connection: Connection) -> None:
        connection.request()
        connection.send(plain(dump_bytes(answer())))
        connection.socket.close()
        closed.release()

    responses = []
    with raw_server(serve) as server, Client(KEY, server.base_url) as client:
        for _ in range(3):
            responses.append(client.chat(MODEL, "س"))
            assert closed.acquire(timeout=10)  # a close under the next request would be another matter
    assert [response.text for response in responses] == ["نعم"] * 3
    assert all(response.maybe_billed == 0 for response in responses)


async def test_a_cancelled_call_closes_its_connection() -> None:
    """Cancelling a call that waits for its answer propagates, and lets the connection go."""
    waiting, closed = threading.Event(), threading.Event()

    def serve(connection: Connection) -> None:
        connection.request()
        waiting.set()
        if connection.closed_within():
            closed.set()

    with raw_server(serve) as server:
        async with AsyncClient(KEY, server.base_url) as client:
            task = asyncio.create_task(client.chat(MODEL, "س"))
            assert await asyncio.to_thread(waiting.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(closed.wait, 1.5)
