"""Network lines: connections that fail, stall, are cut, or bring something else than an answer."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from faults.case import Case, Expect
from faults.cases.checks import (
    billed,
    field,
    first_token_before,
    grew_less_than,
    message_has,
    message_lacks,
    one_idempotency_key,
    sent_less_than,
)
from faults.replies import (
    CHUNKED,
    LAST_CHUNK,
    SSE,
    STREAM_HEAD,
    TEXT,
    TOKENS,
    Wire,
    body,
    chunk,
    head,
    streamed,
    to_json,
)
from faults.server import Close, Dribble, Endless, Hold, Play, Reset, Step, Wait

TYPED = "ResayilError"
MIB = 1024 * 1024
TWO = TOKENS[0] + TOKENS[1]
ONCE, THRICE = (1, 1), (3, 3)


def two_tokens(wire: Wire, *then: Step) -> Play:
    """Two tokens, or half of a whole answer, and then this."""
    if wire.verb == "chat":
        content = to_json(wire.answer())
        return [head(200, "application/json", CHUNKED), chunk(content[:60]), *then]
    return streamed(*wire.tokens(*TOKENS[:2]), then=then)


def to_the_end(wire: Wire, *then: Step) -> Play:
    """Two tokens on a connection whose end is the body's end, and then this."""
    return [head(200, SSE, "connection: close"), *wire.tokens(*TOKENS[:2]), *then]


def dribbled(wire: Wire, *, in_head: bool) -> Play:
    """A right answer of which sixty bytes come one by one."""
    data = b"".join(step for step in wire.good() if isinstance(step, bytes))
    start = 0 if in_head else data.index(b"\r\n\r\n") + 4
    return [data[:start], Dribble(data[start : start + 60], 0.05), data[start + 60 :]]


PAGE = b"<!DOCTYPE html><html><head><title>Hotel Wi-Fi \x1b[31m</title></head><body>" + b"<p>Sign in</p>" * 80


def portal(*_: Wire) -> list[Play]:
    """A captive portal's page."""
    return [[body(PAGE, 200, "text/html; charset=utf-8")]]


def redirect(status: int, *, away: bool) -> Case:
    """A redirect, to another origin or in a circle."""

    def plays(wire: Wire) -> list[Play]:
        origin = f"http://localhost:{wire.port}" if away else ""
        return [[body(b"", status, None, f"location: {origin}{wire.path}")], wire.good()]

    name = "N22" if away else "N23" if status == 307 else "N23b"
    return Case(
        id=f"{name}-{status}",
        says="a redirect is never followed: no key, no prompt and no GET go anywhere",
        plays=plays,
        expect=Expect(error="UnexpectedContentError", strict=(message_has("redirects"),)),
    )


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


CONNECTION: list[Case] = [
    Case(
        id="N01-refused",
        says="a closed port is a typed connection error after at most three attempts",
        plays=lambda _: [[Close()]],
        expect=Expect(error="APIConnectionError", attempts=(0, 0)),
        address="closed",
        next_call=False,
    ),
    Case(
        id="N01-dns",
        says="a name that does not resolve is a typed connection error after at most three attempts",
        plays=lambda _: [[Close()]],
        expect=Expect(error="APIConnectionError", attempts=(0, 0)),
        address="dns",
        next_call=False,
    ),
    Case(
        id="N02",
        says="a fresh connection closed before any byte is tried again, under the same idempotency key",
        plays=lambda wire: [[Close()], wire.good()],
        expect=Expect(attempts=(2, 2), strict=(billed(1), one_idempotency_key)),
    ),
    Case(
        id="N03",
        says="a server that always closes is given up after three attempts, not five or nine",
        plays=lambda _: [[Close()]],
        expect=Expect(error="APIConnectionError", attempts=THRICE, strict=(billed(3),)),
    ),
    Case(
        id="N04-head",
        says="a reset behind the head is typed and never sent again",
        plays=lambda _: [[STREAM_HEAD, Wait(0.1), Reset()]],
        expect=Expect(error=TYPED),
        verbs=("stream",),
    ),
    Case(
        id="N04-start",
        says="a reset before the first token is typed and never sent again",
        plays=lambda wire: [streamed(wire.start(), then=[Wait(0.1), Reset()])],
        expect=Expect(error=TYPED, partial=""),
        verbs=("stream",),
    ),
    Case(
        id="N05",
        says="silence after the request was sent is a typed timeout and never sent again",
        plays=lambda _: [[Hold()]],
        expect=Expect(error="APITimeoutError", within=2, fields={"phase": "read"}),
        settings={"read_timeout": 0.5},
    ),
    Case(
        id="N05-opted-in",
        says="with resend_after_timeout it is sent at most three times",
        plays=lambda _: [[Hold()]],
        expect=Expect(error="APITimeoutError", attempts=THRICE, within=7, strict=(billed(3),)),
        settings={"read_timeout": 0.5, "resend_after_timeout": True},
    ),
    Case(
        id="N06",
        says="a head that dribbles in is ended by the call's deadline",
        plays=lambda wire: [dribbled(wire, in_head=True)],
        expect=Expect(
            error="APITimeoutError", core_success=True, strict=(field("phase", "deadline".__eq__),)
        ),
        settings={"deadline": 0.7},
    ),
    Case(
        id="N07",
        says="a body that dribbles in is ended by the call's deadline",
        plays=lambda wire: [dribbled(wire, in_head=False)],
        expect=Expect(
            error="APITimeoutError", core_success=True, strict=(field("phase", "deadline".__eq__),)
        ),
        settings={"deadline": 0.7},
    ),
    Case(
        id="N08",
        says="silence after two tokens is a typed timeout that holds them",
        plays=lambda wire: [two_tokens(wire, Hold())],
        expect=Expect(error="APITimeoutError", partial=TWO, within=2.5),
        settings={"read_timeout": 0.6},
    ),
    *(
        Case(
            id=f"N09-{name}",
            says="keep-alive pings do not hold a stream without content alive for ever",
            plays=lambda wire, ping=ping: [
                [
                    *two_tokens(wire),
                    Endless(chunk(ping), 60, 0.05),
                    *map(chunk, [wire.token(TOKENS[2] + TOKENS[3]), wire.finish(), wire.done()]),
                    LAST_CHUNK,
                ]
            ],
            expect=Expect(
                error="APITimeoutError",
                core_success=True,
                partial=TWO,
                fields={"phase": "gap"},
                strict=(sent_less_than(5_000),),
            ),
            settings={"gap_timeout": 0.6},
            verbs=("stream",),
        )
        for name, ping in {
            "comment": b": ping\n\n",
            "event": b'event: ping\ndata: {"type": "ping"}\n\n',
        }.items()
    ),
    Case(
        id="N10-idle",
        says="a kept-alive connection that the server has closed is not noticed by the next call",
        plays=lambda wire: [[*wire.good(), Close()]],
        expect=Expect(),
    ),
    Case(
        id="N10-race",
        says="a kept-alive connection that closes under a request is replaced at once",
        plays=lambda wire: [[Close()], wire.good()],
        expect=Expect(attempts=(2, 2), within=3),
        warm=True,
    ),
]

CONTENT: list[Case] = [
    Case(
        id="N11",
        says="a web page instead of an answer is typed, with a short clean excerpt",
        plays=portal,
        expect=Expect(
            error="UnexpectedContentError",
            strict=(message_has("Hotel"), message_lacks("\x1b", "Sign in</p><p>" * 12)),
        ),
        verbs=("chat",),
    ),
    Case(
        id="N12",
        says="a web page instead of a stream is typed, with a short clean excerpt",
        plays=portal,
        expect=Expect(
            error="UnexpectedContentError",
            strict=(message_has("Hotel"), message_lacks("\x1b", "Sign in</p><p>" * 12)),
        ),
        verbs=("stream",),
    ),
    Case(
        id="N12-typed-as-events",
        says="a web page that calls itself a stream is typed too",
        plays=lambda _: [[body(PAGE, 200, SSE)]],
        expect=Expect(error="UnexpectedContentError"),
        verbs=("stream",),
    ),
    Case(
        id="N13",
        says="a body shorter than its announced length is typed and never sent again",
        plays=lambda wire: [
            [head(200, "application/json", "content-length: 9000"), to_json(wire.answer()), Close()]
        ],
        expect=Expect(error=TYPED, strict=(billed(1),)),
        verbs=("chat",),
    ),
    Case(
        id="N13-stream",
        says="a stream shorter than its announced length keeps what came",
        plays=lambda wire: [
            [head(200, SSE, "content-length: 9000"), *wire.tokens(*TOKENS[:2]), Wait(0.05), Close()]
        ],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO),
        verbs=("stream",),
    ),
    Case(
        id="N14",
        says="a chunked stream cut after tokens is typed as interrupted and holds them",
        plays=lambda wire: [two_tokens(wire, Wait(0.05), Close())],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO, strict=(billed(1),)),
        verbs=("stream",),
    ),
    Case(
        id="N14-whole",
        says="a chunked answer cut in the middle is typed and never sent again",
        plays=lambda wire: [two_tokens(wire, Close())],
        expect=Expect(error=TYPED, strict=(billed(1),)),
        verbs=("chat",),
    ),
    Case(
        id="N15",
        says="a stream reset after tokens is typed as interrupted and holds them",
        plays=lambda wire: [two_tokens(wire, Wait(0.2), Reset())],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO, strict=(billed(1),)),
        verbs=("stream",),
    ),
    Case(
        id="N15-whole",
        says="an answer reset in the middle is typed and never sent again",
        plays=lambda wire: [two_tokens(wire, Wait(0.2), Reset())],
        expect=Expect(error=TYPED, strict=(billed(1),)),
        verbs=("chat",),
    ),
    Case(
        id="N16",
        says="a stream that ends politely without a finish reason is interrupted, never a success",
        plays=lambda wire: [to_the_end(wire, Close())],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO),
        verbs=("stream",),
    ),
    Case(
        id="N17",
        says="so is one that ends inside an event",
        plays=lambda wire: [to_the_end(wire, wire.token("تتمة")[:-20], Close())],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO),
        verbs=("stream",),
    ),
    Case(
        id="N18",
        says="so is one whose chunks end as they should",
        plays=lambda wire: [two_tokens(wire, LAST_CHUNK)],
        expect=Expect(error="StreamInterruptedError", core_error=TYPED, partial=TWO),
        verbs=("stream",),
    ),
    Case(
        id="N19",
        says="a stream without a byte is a typed empty response",
        plays=lambda _: [streamed()],
        expect=Expect(error="EmptyResponseError", core_error=TYPED),
        verbs=("stream",),
    ),
    Case(
        id="N20",
        says="a stream of nothing but its end is a typed empty response",
        plays=lambda wire: [streamed(wire.done())],
        expect=Expect(error="EmptyResponseError", core_error=TYPED),
        verbs=("stream",),
    ),
    Case(
        id="N20-start",
        says="a stream of its start and its end is typed, never an empty success",
        plays=lambda wire: [streamed(wire.event(wire.opening_payload()), wire.done())],
        expect=Expect(error=TYPED),
        verbs=("stream",),
    ),
    Case(
        id="N21",
        says="a finish reason without the last mark is a success",
        plays=lambda wire: [streamed(*wire.events()[:-1])],
        expect=Expect(usage=13),
        verbs=("stream",),
    ),
    Case(
        id="N21-closed",
        says="so it is where the connection's end is the stream's",
        plays=lambda wire: [[head(200, SSE, "connection: close"), *wire.events()[:-1], Close()]],
        expect=Expect(usage=13),
        verbs=("stream",),
    ),
    Case(
        id="N21-open",
        says="a whole answer is returned although the server keeps the connection open behind it",
        plays=lambda wire: [streamed(*wire.events(), then=[Hold()])],
        expect=Expect(usage=13, within=2),
        verbs=("stream",),
    ),
    *(redirect(307, away=away) for away in (True, False)),
    *(redirect(status, away=False) for status in (301, 302, 303)),
    Case(
        id="N24",
        says="interim replies before the answer are passed over",
        plays=lambda wire: [
            [
                b"HTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=preload\r\n\r\n",
                *wire.good(),
            ]
        ],
        expect=Expect(),
    ),
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
    Case(
        id="N30",
        says="a body that is not packed as it claims is typed",
        plays=lambda wire: [
            [body(to_json(wire.answer()), 200, "application/json", "content-encoding: gzip")]
        ],
        expect=Expect(error=TYPED),
        verbs=("chat",),
    ),
    Case(
        id="N30-stream",
        says="a stream that is not packed as it claims is typed",
        plays=lambda wire: [[head(200, SSE, CHUNKED, "content-encoding: gzip"), *wire.good()[1:]]],
        expect=Expect(error=TYPED),
        verbs=("stream",),
    ),
    Case(
        id="N31",
        says="two different lengths are typed, without a hang",
        plays=lambda wire: [
            [
                head(200, "application/json", "content-length: 12", "content-length: 900"),
                to_json(wire.answer()),
            ]
        ],
        expect=Expect(error=TYPED, attempts=(1, 3)),
    ),
    *(
        Case(
            id=f"N32-{name}",
            says="bytes that are no HTTP are typed, without a hang",
            plays=lambda _, data=data: [[data, Hold()]],
            expect=Expect(error=TYPED, attempts=(1, 3), within=5),
            settings={"read_timeout": 1.0},
        )
        for name, data in {
            "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
            "noise": bytes(range(255, 0, -1)) + b"\r\n",
        }.items()
    ),
    Case(
        id="N33",
        says="a certificate that nobody trusts is typed, says so, and is not tried again",
        plays=lambda wire: [wire.good()],
        expect=Expect(
            error="APIConnectionError",
            attempts=(0, 0),
            fields={"attempts": 1},
            strict=(message_has("certificate"),),
        ),
        address="tls",
        next_call=False,
    ),
]

CASES = [*CONNECTION, *CONTENT]
assert TEXT.startswith(TWO)
