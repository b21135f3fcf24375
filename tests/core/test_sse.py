"""Server-sent events, read as the standard says and bounded."""

from __future__ import annotations

import time

import pytest
from core.support import ARABIC, MODEL, Scripted, chunk, client_of, event, sse_reply

from resayil import ResponseTooLargeError
from resayil.sse import ServerSentEvent, SSEDecoder


def _read(*pieces: bytes, limit: int = 1000) -> list[ServerSentEvent]:
    decoder = SSEDecoder(max_event_bytes=limit)
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return [*found, *decoder.close()]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\r\n\r\n", [("", b"a")]),
        (b"data: a\r\r", [("", b"a")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data: a\rdata: b\n\n", [("", b"a\nb")]),
        (b"data: a\r\ndata: b\r\n\r\n", [("", b"a\nb")]),
        (b"data: \n\n", []),
        (b"data:  a\n\n", [("", b" a")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", b"a"), ("", b"b")]),
        (b"event: x\n\ndata: a\n\n", [("", b"a")]),
        (b": c\nid: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n", [("", b"a")]),
        (b"data\n\ndata:\n\ndata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbf: c\n\ndata: a\n\n", [("", b"a")]),
        (b"data: a", [("", b"a")]),
        (b"data: a\n", [("", b"a")]),
        (b"data: a\r", [("", b"a")]),
        ("data: a\u2028b\u0085c\u2029\n\n".encode(), [("", "a\u2028b\u0085c\u2029".encode())]),
        (b"data: a\x0bb\x0cc\x1cd\n\n", [("", b"a\x0bb\x0cc\x1cd")]),
        (b"event: \xff\ndata: a\n\n", [("\ufffd", b"a")]),
        (b"", []),
        (b"\n\n\n", []),
        (b": only a comment", []),
    ],
)
def test_what_an_event_is(data: bytes, expected: list[tuple[str, bytes]]) -> None:
    """Fields, line ends, comments, names, several lines of data, a mark at the start, an open end."""
    assert _read(data) == expected
    assert _read(*(bytes([byte]) for byte in data)) == expected


@pytest.mark.parametrize("pieces", [(b"data: a\n", b""), (b"data: a\r", b"\n"), (b"", b"data: a", b"", b"")])
def test_empty_pieces_change_nothing(pieces: tuple[bytes, ...]) -> None:
    """Neither an empty piece nor one that is only the rest of a line end loses the event before it."""
    assert _read(*pieces) == [("", b"a")]


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"data: a\n", b"data: b\n\n"), ("", b"a\nb")),
        ((b"event: x\n", b"data: a\n\n"), ("x", b"a")),
        ((b"data: a", b"data: b\n\n"), ("", b"adata: b")),
        ((b"data: a\r", b"data: b\n\n"), ("", b"a\nb")),
        ((b"data: a\r", b"\ndata: b\n\n"), ("", b"a\nb")),
    ],
)
def test_a_whole_event_belongs_to_what_stands_before_it(
    pieces: tuple[bytes, ...], expected: ServerSentEvent
) -> None:
    """A piece that would be an event by itself is not, where one has begun."""
    assert _read(*pieces) == [expected]


@pytest.mark.parametrize(
    "pieces",
    [
        (b"data: " + b"x" * 1001,),
        (b"data: " + b"x" * 1001 + b"\n\n",),
        (b"data: x",) * 200,
        (b"data: xxxx\n",) * 400,
    ],
    ids=["unended line", "ended line", "dribbled line", "many lines"],
)
def test_an_event_is_bounded(pieces: tuple[bytes, ...]) -> None:
    """A line or an event without end is refused, however it is dealt out."""
    with pytest.raises(ResponseTooLargeError):
        _read(*pieces)


@pytest.mark.parametrize("more", [b"x" * 600, b"\ndata: " + b"x" * 600 + b"\n"])
def test_no_more_than_the_bound_is_kept(more: bytes) -> None:
    """It is refused as it grows, not when it ends, which may be never."""
    decoder = SSEDecoder(max_event_bytes=1000)
    decoder.feed(b"data: " + b"x" * 600)
    with pytest.raises(ResponseTooLargeError):
        decoder.feed(more)


def test_an_event_may_be_as_large_as_the_bound() -> None:
    """To the byte, with its end and without."""
    assert _read(b"data: " + b"x" * 1000 + b"\n\n") == [("", b"x" * 1000)]
    assert _read(b"data: " + b"x" * 994) == [("", b"x" * 994)]
    assert _read(b"\ndata: " + b"x" * 994) == [("", b"x" * 994)]


def test_the_bound_is_for_one_event() -> None:
    """Any number of events that are small enough pass."""
    assert len(_read(*(b"data: " + b"x" * 900 + b"\n\n" for _ in range(50)))) == 50


def test_n29_a_large_event_is_not_quadratic() -> None:
    """Sixteen megabytes in small pieces take time in proportion."""
    began = time.perf_counter()
    pieces = [b"data: ", *[b"x" * 1000] * 16_000, b"\n\n"]
    assert len(_read(*pieces, limit=2**25)[0][1]) == 16_000_000
    assert time.perf_counter() - began < 3


def test_s25_twenty_thousand_events() -> None:
    """A long answer streams in seconds, every fragment once."""
    pieces = [chunk({"content": ARABIC}), chunk({"content": "م"})] * 10_000
    began = time.perf_counter()
    stream = client_of(Scripted(sse_reply(*pieces, chunk({}, "stop"), event("[DONE]")))).stream(MODEL, "س")
    assert sum(1 for _ in stream.text()) == 20_000
    assert stream.response().text == (ARABIC + "م") * 10_000
    assert time.perf_counter() - began < 8
