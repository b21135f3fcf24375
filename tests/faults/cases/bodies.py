"""Network lines about bodies: pages, redirects, answers that are cut, and streams that end too soon."""

from __future__ import annotations

from faults.case import Case, Expect
from faults.cases.checks import (
    billed,
    message_has,
    message_lacks,
)
from faults.cases.cuts import TWO, TYPED, to_the_end, two_tokens
from faults.replies import (
    CHUNKED,
    LAST_CHUNK,
    SSE,
    TOKENS,
    Wire,
    body,
    head,
    streamed,
    to_json,
)
from faults.server import Close, Hold, Play, Reset, Wait

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


CASES: list[Case] = [
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
        expect=Expect(usage=13, within=3.5),
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
]
