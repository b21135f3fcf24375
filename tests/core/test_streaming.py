"""A stream is a stream: what has come is given at once, once and to its end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from core.rawserver import END, FIRST, HEAD, PATIENCE, SECOND, Connection, chunked, raw_server
from core.support import KEY, MODEL, Scripted, async_client_of, chunk, client_of, event, sse_reply

from resayil import (
    APITimeoutError,
    AsyncClient,
    Client,
    EmptyResponseError,
    MessageEnd,
    StreamInterruptedError,
    TextDelta,
    UsageReport,
)


class Handshake:
    """Sends the first event, and the second only after the test says that it saw the first."""

    def __init__(self, *, ready: bytes = FIRST) -> None:
        self.seen = threading.Event()
        self.in_time: list[bool] = []
        self._ready = ready

    def __call__(self, connection: Connection) -> None:
        """Serve one stream."""
        connection.request()
        connection.send(HEAD + self._ready)
        self.in_time.append(self.seen.wait(PATIENCE))
        connection.send(SECOND + END)


def test_the_first_event_does_not_wait_for_the_second() -> None:
    """On a real socket a fragment is delivered while the server still holds back the next."""
    handshake = Handshake()
    texts: list[str] = []
    with raw_server(handshake) as server, Client(KEY, server.base_url) as client:
        for text in client.stream(MODEL, "س").text():
            texts.append(text)
            handshake.seen.set()
    assert texts == ["أول", "ثانٍ"]
    assert handshake.in_time == [True]


async def test_the_first_event_does_not_wait_for_the_second_async() -> None:
    """The same on an event loop."""
    handshake = Handshake()
    texts: list[str] = []
    with raw_server(handshake) as server:
        async with AsyncClient(KEY, server.base_url) as client:
            async for text in (await client.stream(MODEL, "س")).text():
                texts.append(text)
                handshake.seen.set()
    assert texts == ["أول", "ثانٍ"]
    assert handshake.in_time == [True]


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    """Half of the next event behind it does not hold the first one back."""
    handshake = Handshake(ready=FIRST + chunked(b'data: {"choices": [{"del'))
    with raw_server(handshake) as server, Client(KEY, server.base_url) as client:
        stream = iter(client.stream(MODEL, "س"))
        assert next(event for event in stream if isinstance(event, TextDelta)).text == "أول"
        handshake.seen.set()
        stream.close()  # type: ignore[attr-defined] # a generator
    assert handshake.in_time == [True]


def test_a_stream_is_read_once() -> None:
    """After its end a second loop is empty and the response still there; after a break it is an error."""
    pieces = (chunk({"content": "نعم"}), chunk({}, "stop"), event("[DONE]"))
    client = client_of(Scripted(sse_reply(*pieces)))
    stream = client.stream(MODEL, "س")
    assert len(list(stream)) > 2
    assert list(stream) == []
    assert stream.response().text == "نعم"
    left = client.stream(MODEL, "س")
    for _ in left:
        break
    with pytest.raises(StreamInterruptedError):
        list(left)
    with pytest.raises(StreamInterruptedError, match="not been read to its end"):
        left.response()


async def test_an_async_stream_is_read_once() -> None:
    """The same on an event loop."""
    pieces = (chunk({"content": "نعم"}), chunk({}, "stop"), event("[DONE]"))
    stream = await async_client_of(Scripted(sse_reply(*pieces))).stream(MODEL, "س")
    assert len([event async for event in stream]) > 2
    assert [event async for event in stream] == []
    assert stream.response().text == "نعم"


def test_an_estimate_of_usage_comes_before_the_end() -> None:
    """Where the service reports no usage, the stream carries a marked estimate, and the end comes last."""
    stream = client_of(Scripted(sse_reply(chunk({"content": "نعم"}), chunk({}, "stop")))).stream(MODEL, "س")
    *_, report, end = list(stream)
    assert isinstance(report, UsageReport)
    assert report.usage.estimated
    assert end == MessageEnd("stop")


@pytest.mark.parametrize("pieces", [(), (b": ping\n\n",) * 3, (b"\n",), (event("[DONE]"),), (event("null"),)])
def test_an_empty_stream_is_never_an_answer(pieces: tuple[bytes, ...]) -> None:
    """Nothing, comments, blank lines, a terminator or a null alone: an error, on either dialect."""
    for api in ("chat", "messages"):
        with pytest.raises(EmptyResponseError):
            client_of(Scripted(sse_reply(*pieces)), api=api).stream(MODEL, "س")


class Dribble:
    """Sends a head that never ends, byte by byte."""

    def __call__(self, connection: Connection) -> None:
        """Serve one connection."""
        connection.request()
        connection.send(b"HTTP/1.1 200 OK\r\nx-slow: ")
        while not connection.closed_within(0.02):
            connection.send(b"x")


async def test_n06_a_head_that_dribbles_is_bounded() -> None:
    """A server that sends a byte now and then is not waited for without end, sync or async."""
    clocks: Any = {"read_timeout": 0.2, "connect_timeout": 0.1, "max_retries": 0}
    with raw_server(Dribble()) as server:
        with Client(KEY, server.base_url, **clocks) as client, pytest.raises(APITimeoutError):
            client.chat(MODEL, "س")
        async with AsyncClient(KEY, server.base_url, **clocks) as async_client:
            with pytest.raises(APITimeoutError):
                await async_client.chat(MODEL, "س")


async def test_s21_what_follows_the_end_is_ignored() -> None:
    """Data behind [DONE] changes nothing, and is read away, so that the connection can be used again."""
    pieces = (chunk({"content": "نعم"}, "stop"), event("[DONE]"), chunk({"content": "زيادة"}), b": more\n\n")
    stream = client_of(Scripted(sse_reply(*pieces))).stream(MODEL, "س")
    assert "".join(stream.text()) == "نعم"
    async_stream = await async_client_of(Scripted(sse_reply(*pieces))).stream(MODEL, "س")
    assert "".join([text async for text in async_stream.text()]) == "نعم"
