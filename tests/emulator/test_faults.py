from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resayil.emulator import FAULTS, Emulator, Fault, Reply

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

TALK = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": "مرحبا"}]}
Outcome = tuple[int, bytes, str]


def streamed(http: httpx.Client, url: str, headers: dict[str, str] | None = None) -> Outcome:
    """Status and bytes of a stream, and the error that ended it."""
    got, status = b"", 0
    try:
        with http.stream("POST", url, json=TALK, headers=headers) as response:
            status = response.status_code
            for part in response.iter_raw():
                got += part
    except httpx.TransportError as error:
        return status, got, type(error).__name__
    return status, got, ""


SEEN: dict[str, Callable[[Outcome], bool]] = {
    "cut": lambda seen: seen[0] == 200 and seen[1].count(b"\n\n") == 3 and seen[2] == "RemoteProtocolError",
    "reset": lambda seen: seen[0] == 200 and seen[1].count(b"\n\n") == 3 and seen[2] == "ReadError",
    "refused": lambda seen: seen == (0, b"", "RemoteProtocolError"),
    "eof": lambda seen: seen[0] == 200 and seen[1].count(b"\n\n") == 3 and seen[2] == "",
    "empty": lambda seen: seen == (200, b"", ""),
    "stall": lambda seen: seen[1].endswith(b"[DONE]\n\n"),
    "dribble": lambda seen: seen[1].endswith(b"[DONE]\n\n"),
    "pings": lambda seen: b": ping\n\n" in seen[1] and seen[1].endswith(b"[DONE]\n\n"),
    "done-only": lambda seen: seen == (200, b"data: [DONE]\n\n", ""),
    "no-done": lambda seen: b'"finish_reason":"stop"' in seen[1] and b"[DONE]" not in seen[1],
    "error-event": lambda seen: seen[1].count(b"\n\n") == 4 and b'"overloaded"' in seen[1],
    "error-200": lambda seen: seen[0] == 200 and seen[1].startswith(b'{"error":'),
    "broken-json": lambda seen: b'{"con\n\n' in seen[1] and seen[1].endswith(b"[DONE]\n\n"),
    "bad-utf8": lambda seen: b"\xff\xfe" in seen[1],
    "html": lambda seen: seen[0] == 200 and seen[1].startswith(b"<!DOCTYPE html>"),
    "html-502": lambda seen: seen[0] == 502 and seen[1].startswith(b"<!DOCTYPE html>"),
    "redirect": lambda seen: seen[0] == 302,
    "redirect-307": lambda seen: seen[0] == 307,
    "unstreamed": lambda seen: seen[1].startswith(b'{"id":"chatcmpl-'),
}


def test_every_fault_is_shown() -> None:
    """The checks above and the table of faults have the same names."""
    assert SEEN.keys() == FAULTS.keys()


@pytest.mark.parametrize("kind", SEEN)
def test_fault_looks_the_same_in_process_and_on_a_socket(resayil_server: Any, kind: str) -> None:
    """Each fault is what it says on both ways to the emulator, and the next request is well again."""
    emulator: Emulator = resayil_server.emulator
    headers = {"authorization": f"Bearer {emulator.key}"}
    events = 3 if SEEN[kind]((200, b"", "")) is False and kind not in ("stall", "dribble") else None
    with (
        httpx.Client(transport=emulator.transport(), headers=headers) as inside,
        httpx.Client(headers=headers) as outside,
    ):
        for http, base in ((inside, emulator.base_url), (outside, resayil_server.base_url)):
            if kind == "dribble":
                emulator.reply("مرحبا")
            emulator.fault(kind, 0.0001 if kind == "dribble" else 0.1, after_events=events)
            assert SEEN[kind](streamed(http, f"{base}/chat/completions"))
            assert streamed(http, f"{base}/chat/completions")[1].endswith(b"[DONE]\n\n")


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_cut_of_a_whole_reply_leaves_half_of_it(resayil_server: Any, kind: str) -> None:
    """A reply with a length breaks off short of it, which the client notices."""
    resayil_server.emulator.fault(kind)
    with httpx.Client() as http, pytest.raises(httpx.TransportError):
        http.get(f"{resayil_server.base_url}/models", headers={"x-api-key": resayil_server.key})


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 504, 529])
def test_status_comes_in_the_dialects_envelope(client: Client, status: int) -> None:
    """A status is told in either dialect's form, with the document's type."""
    client.emulator.fault(status, times=2)
    chat, message = client.chat(), client.message()
    assert (chat.status_code, message.status_code) == (status, status)
    assert chat.json()["error"].keys() == {"code", "message"}
    assert message.json()["type"] == "error"
    assert message.json()["error"].keys() == {"type", "message"}


def test_headers_and_body_can_be_given(client: Client) -> None:
    """Headers are added, and a body as object, text or bytes replaces the dialect's own."""
    client.emulator.fault(429, headers={"Retry-After": "1"}, body={"detail": ["x"]})
    response = client.chat()
    assert (response.headers["retry-after"], response.json()) == ("1", {"detail": ["x"]})
    for body, told in (("<html>", "text/html; charset=utf-8"), ("no", "text/plain"), (b"\xff", None)):
        client.emulator.fault(500, body=body)
        response = client.chat()
        assert response.headers.get("content-type") == told
        assert response.content == (body if isinstance(body, bytes) else str(body).encode())


def test_fault_meets_its_path_and_times(client: Client) -> None:
    """A fault for a path waits for it, and meets as many requests as it says."""
    client.emulator.fault(503, times=2, path="/messages")
    statuses = [ask().status_code for ask in (client.chat, client.message, client.message, client.message)]
    assert statuses == [200, 503, 503, 200]


def test_faults_come_before_the_script(client: Client) -> None:
    """A queued fault leaves the scripted answer for the next request; in a script it keeps its place."""
    client.emulator.reply("first")
    client.emulator.fault(503)
    assert client.chat().status_code == 503
    assert client.said()["content"] == "first"
    client.emulator.script(["one", Fault(500), Fault("empty"), Reply("two")])
    assert client.said()["content"] == "one"
    assert client.chat().status_code == 500
    assert client.chat(stream=True).content == b""
    assert client.said()["content"] == "two"


def test_fault_can_be_asked_for_by_header(client: Client) -> None:
    """The header names a fault with its options; a wrong one is 400 and lists the table."""
    status, got, error = streamed(
        client.http, "/chat/completions", {"x-resayil-fault": "cut; after_events=2"}
    )
    assert (status, got.count(b"\n\n"), error) == (200, 2, "RemoteProtocolError")
    assert client.http.get("/models", headers={"x-resayil-fault": "529"}).status_code == 529
    wrong = client.http.get("/models", headers={"x-resayil-fault": "nonsense"})
    assert wrong.status_code == 400
    assert "stall" in wrong.json()["error"]["message"]


def test_silence_in_mid_stream_lets_the_rest_follow(client: Client) -> None:
    """A stall after some events is a pause, after which the stream is whole."""
    client.emulator.fault("stall", 0.1, after_events=2)
    began = time.monotonic()
    assert streamed(client.http, "/chat/completions")[1].endswith(b"[DONE]\n\n")
    assert 0.1 <= time.monotonic() - began < 0.4


async def test_a_refused_connection_is_the_clients_own_error() -> None:
    """In process, a connection that closes before any byte raises what a socket would, without a reply."""
    emulator = Emulator()
    emulator.fault("refused")
    async with httpx.AsyncClient(transport=emulator.async_transport(), base_url=emulator.base_url) as http:
        with pytest.raises(httpx.RemoteProtocolError):
            await http.get("/models")


def test_unknown_fault_is_refused() -> None:
    """A fault that is not in the table raises when it is queued."""
    with pytest.raises(ValueError, match="error-event"):
        Emulator().fault("nonsense")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("seconds=-1", "seconds from 0, not -1.0"),
        ("seconds=nan", "seconds from 0, not nan"),
        ("seconds=inf", "seconds from 0, not inf"),
        ("after_events=-2", "number from 0, not -2"),
    ],
)
def test_numbers_that_cannot_be_are_refused(client: Client, options: str, why: str) -> None:
    """A fault that would last less than nothing, or for ever, is 400 by header and raises when queued."""
    response = client.http.get("/models", headers={"x-resayil-fault": f"stall; {options}"})
    assert response.status_code == 400
    assert why in response.json()["error"]["message"]
    name, _, value = options.partition("=")
    with pytest.raises(ValueError, match="from 0"):
        client.emulator.script([Fault("stall", **{name: float(value)})])  # type: ignore[arg-type] # either option


def test_messages_stream_breaks_in_its_own_dialect(client: Client) -> None:
    """An error inside a Messages stream is its `error` event, and its pings and end are its own."""
    client.emulator.fault("error-event", after_events=2)
    assert 'event: error\ndata: {"type":"error"' in client.message(stream=True).text
    client.emulator.fault("pings", 0.05, after_events=2)
    assert client.message(stream=True).text.count("event: ping") == 2
    client.emulator.fault("done-only")
    assert client.message(stream=True).text == 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
