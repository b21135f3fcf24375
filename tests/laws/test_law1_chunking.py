"""Law 1: however the bytes of a stream are cut, its events are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from core.support import MODEL, WIRE, FakeClock
from hypothesis import given
from hypothesis import strategies as st
from laws import answers
from laws import strategies as some

from resayil import ChatRequest, ErrorResponse, ResayilError, StreamEvent, Tool, user
from resayil.codecs import CODECS
from resayil.flow import Bounds, Exchange
from resayil.messages import Dialect
from resayil.retry import RetryPolicy
from resayil.session import Provenance, Session
from resayil.sse import SSEDecoder

GOLDEN = sorted(path for dialect in ("chat", "messages") for path in (WIRE / dialect).glob("*.sse"))
REQUEST = ChatRequest(MODEL, (user("سؤال"),), tuple(Tool(name) for name in ("get_weather", "delete_order")))


def session_of(dialect: Dialect, request: ChatRequest = REQUEST) -> Session:
    """A decoder of one stream, as the client makes it."""
    bounds = Bounds(2**25, 2**16, 300.0, 300.0, None)
    exchange = Exchange("sk-secret-key", RetryPolicy(), bounds, FakeClock().clock(), lambda _: True)
    provenance = Provenance(ErrorResponse(200), 1, 0, ())
    return Session(request, CODECS[dialect].stream(request), provenance, exchange, max_event_bytes=2**23)


def read(dialect: Dialect, pieces: Iterable[bytes]) -> tuple[list[StreamEvent], str]:
    """The events of a stream, and the error that ended it."""
    session, events = session_of(dialect), list[StreamEvent]()
    try:
        for piece in pieces:
            for event in session.feed(piece):
                events.append(replace(event))
            session.check()
        events += [*session.close(), session.end]
    except ResayilError as error:
        return events, repr(error)
    return events, ""


def _dialect(path: Path) -> Dialect:
    return "chat" if path.parent.name == "chat" else "messages"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_golden_streams_have_the_same_events_in_every_cut(path: Path) -> None:
    """A golden stream gives equal events whole, byte by byte, and cut in two at every place."""
    data = path.read_bytes()
    whole = read(_dialect(path), [data])
    assert read(_dialect(path), (data[n : n + 1] for n in range(len(data)))) == whole
    step = max(1, len(data) // 60)
    for place in range(0, len(data), step):
        assert read(_dialect(path), (data[:place], data[place:])) == whole


@given(st.sampled_from(GOLDEN), st.integers(0, 2**32), st.integers(1, 60))
def test_golden_streams_in_random_cuts(path: Path, seed: int, count: int) -> None:
    """A golden stream gives equal events in random cuts."""
    data = path.read_bytes()
    assert read(_dialect(path), some.cuts(data, seed, count)) == read(_dialect(path), [data])


@given(answers.chat_answers(), st.sampled_from(("\n", "\r\n", "\r")), st.integers(0, 2**32))
def test_chat_streams_in_random_cuts(answer: answers.Answer, end: str, seed: int) -> None:
    """Any chat stream, with any line end, gives equal events whole, in bytes and in random cuts."""
    _assert_cuts("chat", answers.framed(answers.chat_stream(answer), end), seed)


@given(answers.messages_answers(), st.sampled_from(("\n", "\r\n", "\r")), st.integers(0, 2**32))
def test_messages_streams_in_random_cuts(answer: answers.Answer, end: str, seed: int) -> None:
    """Any messages stream, with any line end, gives equal events whole, in bytes and in random cuts."""
    _assert_cuts("messages", answers.framed(answers.messages_stream(answer), end), seed)


def _assert_cuts(dialect: Dialect, data: bytes, seed: int) -> None:
    whole = read(dialect, [data])
    assert whole[1] == ""
    assert read(dialect, (bytes([byte]) for byte in data)) == whole
    assert read(dialect, some.cuts(data, seed, 20)) == whole


line_bytes = st.sampled_from(
    (b"\n", b"\r", b"\r\n", b"data: ", b"data:", b"event: x", b":", b"id: 1", b"a", "م".encode())
)


@given(st.lists(line_bytes, max_size=30).map(b"".join), st.integers(0, 2**32))
def test_server_sent_events_in_random_cuts(data: bytes, seed: int) -> None:
    """Any bytes at all give the same server-sent events in every cut."""
    whole = _events([data])
    assert _events(some.cuts(data, seed, 8)) == whole
    assert _events(bytes([byte]) for byte in data) == whole


def _events(pieces: Iterable[bytes]) -> list[tuple[str, bytes]]:
    decoder = SSEDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return [*found, *decoder.close()]
