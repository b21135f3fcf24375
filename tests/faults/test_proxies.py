"""Behind a proxy of the environment: the clocks hold, the proxy sees no key, and its failures are typed."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from faults.certificate import UNTRUSTED, untrusted
from faults.outcome import KEY
from faults.replies import MODEL, STREAM_HEAD, TEXT, Wire, chunk, head, streamed
from faults.server import Close, Dribble, Play, _loop, served

from resayil import APIConnectionError, APITimeoutError, AsyncClient, Client, ConfigurationError

CHAT, STREAM = Wire("chat", "chat"), Wire("chat", "stream")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass
class Tunnels:
    """A proxy that opens tunnels, and keeps what it sees."""

    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One tunnel."""
        request = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(request)
        host, _, port = request.split(b" ")[1].decode().rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                self.seen += data
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
def tunnels(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tunnels]:
    """A proxy that the environment names, with a password."""
    proxy, loop = Tunnels(), _loop()
    listening = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(proxy.serve, "127.0.0.1", 0), loop
    ).result(10)
    proxy.port = listening.sockets[0].getsockname()[1]
    _name(monkeypatch, HTTPS_PROXY=f"http://user:word@127.0.0.1:{proxy.port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(UNTRUSTED))
    yield proxy
    loop.call_soon_threadsafe(listening.close)


def _name(monkeypatch: pytest.MonkeyPatch, **proxies: str) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)


def ask(url: str, **settings: Any) -> str:
    """A streamed answer."""
    with Client(KEY, url, max_retries=0, **settings) as client:
        return "".join(client.stream(MODEL, "?").text())


def aask(url: str, **settings: Any) -> str:
    """The same, awaited."""

    async def read() -> str:
        async with AsyncClient(KEY, url, max_retries=0, **settings) as client:
            return "".join([text async for text in (await client.stream(MODEL, "?")).text()])

    return asyncio.run(read())


both = pytest.mark.parametrize("ask", [ask, aask], ids=["Client", "AsyncClient"])


@both
def test_a_tunnel_is_used_and_sees_no_key(tunnels: Tunnels, ask: Callable[..., str]) -> None:
    """The call goes through the proxy with its password, and what the proxy passes on is encrypted."""
    with served(STREAM.good(), tls=untrusted()) as server:
        assert ask(server.url("https")) == TEXT
        assert server.log.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert "proxy-authorization" not in server.log.requests[0].headers
    password = base64.b64encode(b"user:word")
    assert [password in request for request in tunnels.asked] == [True]
    assert len(tunnels.seen) > 500
    assert KEY.encode() not in bytes(tunnels.seen) + b"".join(tunnels.asked)


DRIBBLES: dict[str, Play] = {
    "N06": [Dribble(head(200, "text/event-stream", "x-long: " + "x" * 400), 0.05)],
    "N07": [STREAM_HEAD, chunk(STREAM.start()), Dribble(chunk(b": " + b"p" * 400 + b"\n"), 0.05)],
}


@both
@pytest.mark.parametrize("line", DRIBBLES)
def test_n06_n07_the_deadline_holds_through_a_tunnel(
    tunnels: Tunnels, ask: Callable[..., str], line: str
) -> None:
    """A server that dribbles behind a proxy is left at the call's deadline."""
    with served(DRIBBLES[line], tls=untrusted()) as server:
        began = time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            ask(server.url("https"), deadline=1.0)
        assert time.monotonic() - began < 4
    assert caught.value.phase == "deadline"
    assert tunnels.asked


@both
def test_n09_pings_through_a_tunnel_are_no_content(tunnels: Tunnels, ask: Callable[..., str]) -> None:
    """The content-gap clock holds behind a proxy, too."""
    pings = [chunk(b": ping\n\n"), *([Dribble(chunk(b": ping\n\n"), 0.03)] * 30)]
    with (
        served(streamed(*STREAM.tokens("نعم"), then=pings), tls=untrusted()) as server,
        pytest.raises(APITimeoutError) as caught,
    ):
        ask(server.url("https"), gap_timeout=0.5)
    assert (caught.value.phase, caught.value.partial_text) == ("gap", "نعم")
    assert tunnels.asked


@both
@pytest.mark.parametrize("play", [[b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", Close()], [Close()]])
def test_a_proxy_that_refuses_is_typed(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., str], play: Play
) -> None:
    """A refusal of the proxy is an error of the connection; no password is told."""
    with served(play) as proxy:
        _name(monkeypatch, HTTPS_PROXY=f"http://user:word@127.0.0.1:{proxy.port}")
        with pytest.raises(APIConnectionError) as caught:
            ask("https://service.invalid/v1")
    assert "word" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"


@both
def test_an_exempted_host_is_called_directly(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., str]
) -> None:
    """NO_PROXY is heeded."""
    _name(monkeypatch, HTTPS_PROXY="http://127.0.0.1:9", NO_PROXY="127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(UNTRUSTED))
    with served(STREAM.good(), tls=untrusted()) as server:
        assert ask(server.url("https")) == TEXT


@both
@pytest.mark.parametrize("named", ["ftp://user:word@x", "http://user:word@x:y"])
def test_a_proxy_that_is_none_is_typed(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[..., str], named: str
) -> None:
    """At the first call, before anything is sent, and without what the environment says."""
    _name(monkeypatch, HTTPS_PROXY=named)
    with pytest.raises(ConfigurationError, match="proxy") as caught:
        ask("https://service.invalid/v1")
    assert "word" not in str(caught.value)
