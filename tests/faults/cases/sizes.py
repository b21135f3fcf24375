"""Network lines about packing and size: packed streams, bombs, bodies and events without end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from faults.case import Case, Expect
from faults.cases.checks import (
    first_token_before,
    grew_less_than,
)
from faults.cases.cuts import TYPED
from faults.replies import (
    CHUNKED,
    LAST_CHUNK,
    SSE,
    STREAM_HEAD,
    TOKENS,
    Wire,
    body,
    chunk,
    head,
    streamed,
    to_json,
)
from faults.server import Endless, Hold, Play, Wait

MIB = 1024 * 1024


def zipped(pieces: Iterator[bytes] | list[bytes]) -> Iterator[bytes]:
    """Each piece in gzip, flushed, so that it can be read at once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()


def gzip_stream(wire: Wire) -> list[Play]:
    """A packed stream that pauses before its last event."""
    *first, last = zipped([b"".join(wire.tokens(*TOKENS)), wire.finish() + wire.done()])
    opening = head(200, SSE, CHUNKED, "content-encoding: gzip")
    return [[opening, chunk(first[0]), Wait(0.8), chunk(first[1]), chunk(last), LAST_CHUNK]]


def bomb(mebibytes: int) -> Case:
    """Little that unpacks into much."""

    def plays(wire: Wire) -> list[Play]:
        kind = SSE if wire.verb == "stream" else "application/json"
        opening = head(200, kind, CHUNKED, "content-encoding: gzip")
        start = b"data: " if wire.verb == "stream" else b"{"
        blocks = zipped([start, *([b" " * MIB] * mebibytes)])
        return [[opening, *map(chunk, blocks), Hold()]]

    return sized(
        "N26", mebibytes, plays, "a small packed body that unpacks into more than the cap is refused"
    )


def endless_body(mebibytes: int) -> Case:
    """A body without end."""

    def plays(_: Wire) -> list[Play]:
        start = head(200, "application/json", CHUNKED) + chunk(b"{")
        return [[start, Endless(chunk(b" " * 65536), mebibytes * 16), Hold()]]

    return sized("N27", mebibytes, plays, "a body without end is refused at the cap")


def endless_line(mebibytes: int) -> Case:
    """A line of a stream without end."""

    def plays(wire: Wire) -> list[Play]:
        event = b"data: " + b"x" * 65536
        start = [STREAM_HEAD, chunk(wire.start()), chunk(event)]
        return [[*start, Endless(chunk(b"x" * 65536), mebibytes * 16), Hold()]]

    case = sized("N28", mebibytes, plays, "an event without end is refused at the cap")
    return replace(case, verbs=("stream",))


def sized(name: str, mebibytes: int, plays: object, says: str) -> Case:
    """Too much, in the size the contract names or in a smaller one with smaller caps."""
    small = mebibytes < 256
    settings = {"max_body_bytes": MIB, "max_event_bytes": MIB} if small else {}
    limit = 40 if small else 200
    return Case(
        id=f"{name}-{mebibytes}MiB",
        says=says,
        plays=plays,  # type: ignore[arg-type] # a function of a wire, as above
        expect=Expect(
            error="ResponseTooLargeError",
            core_error=TYPED,
            within=30,
            strict=(grew_less_than(limit * 1024),),
        ),
        settings={"read_timeout": 20.0, "gap_timeout": 20.0, **settings},
        alone=True,
        prove=not small,
    )


def long_event(wire: Wire, size: int) -> Play:
    """One event of so many bytes, in pieces of 16 KiB."""
    event = wire.token("س" * (size // 2))
    pieces = [event[n : n + 16384] for n in range(0, len(event), 16384)]
    return streamed(wire.start(), *pieces, wire.finish() + wire.done())


CASES: list[Case] = [
    Case(
        id="N25",
        says="a packed stream is read as it comes: the first token before the last is sent",
        plays=gzip_stream,
        expect=Expect(strict=(first_token_before(0.7),)),
        verbs=("stream",),
    ),
    Case(
        id="N25-whole",
        says="a packed answer is read",
        plays=lambda wire: [
            [
                body(
                    b"".join(zipped([to_json(wire.answer())])),
                    200,
                    "application/json",
                    "content-encoding: gzip",
                )
            ]
        ],
        expect=Expect(usage=13),
        verbs=("chat",),
    ),
    bomb(64),
    bomb(512),
    endless_body(64),
    endless_body(512),
    endless_line(64),
    endless_line(256),
    Case(
        id="N29",
        says="one event of 16 MB is parsed in time, or refused by the documented cap",
        plays=lambda wire: [long_event(wire, 16_000_000)],
        expect=Expect(error="ResponseTooLargeError", either=True, text="س" * 8_000_000, within=3),
        verbs=("stream",),
        quiet=True,
    ),
    Case(
        id="N29-allowed",
        says="with a higher cap it is parsed in a time that grows with its size, not with its square",
        plays=lambda wire: [long_event(wire, 16_000_000)],
        expect=Expect(text="س" * 8_000_000, within=3),
        settings={"max_event_bytes": 32 * MIB, "max_body_bytes": 64 * MIB},
        verbs=("stream",),
        quiet=True,
    ),
]
