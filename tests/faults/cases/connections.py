"""Network lines about connections: refused, silent, dribbling, kept alive, closed, not HTTP at all."""

from __future__ import annotations

from faults.case import Case, Expect
from faults.cases.checks import (
    billed,
    field,
    message_has,
    one_idempotency_key,
    sent_less_than,
)
from faults.cases.cuts import TWO, TYPED, two_tokens
from faults.replies import (
    LAST_CHUNK,
    STREAM_HEAD,
    TOKENS,
    Wire,
    chunk,
    head,
    streamed,
    to_json,
)
from faults.server import Close, Dribble, Endless, Hold, Play, Reset, Wait

THRICE = (3, 3)


def dribbled(wire: Wire, *, in_head: bool) -> Play:
    """A right answer of which sixty bytes come one by one."""
    data = b"".join(step for step in wire.good() if isinstance(step, bytes))
    start = 0 if in_head else data.index(b"\r\n\r\n") + 4
    return [data[:start], Dribble(data[start : start + 60], 0.05), data[start + 60 :]]


def pinged(name: str, ping: bytes) -> Case:
    """A stream that stays alive without content, and would go on after three seconds."""

    def plays(wire: Wire) -> list[Play]:
        rest = [wire.token(TOKENS[2] + TOKENS[3]), wire.finish(), wire.done()]
        return [[*two_tokens(wire), Endless(chunk(ping), 60, 0.05), *map(chunk, rest), LAST_CHUNK]]

    return Case(
        id=f"N09-{name}",
        says="keep-alive pings do not hold a stream without content alive for ever",
        plays=plays,
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


def no_http(name: str, data: bytes) -> Case:
    """Bytes of another protocol."""
    return Case(
        id=f"N32-{name}",
        says="bytes that are no HTTP are typed, without a hang",
        plays=lambda _: [[data, Hold()]],
        expect=Expect(error=TYPED, attempts=(1, 3), within=5),
        settings={"read_timeout": 1.0},
    )


CASES: list[Case] = [
    Case(
        id="N01-refused",
        says="a closed port is a typed connection error after at most three attempts",
        plays=lambda _: [[Close()]],
        expect=Expect(error="APIConnectionError", attempts=(0, 0), within=8),
        address="closed",
        next_call=False,
    ),
    Case(
        id="N01-dns",
        says="a name that does not resolve is a typed connection error after at most three attempts",
        plays=lambda _: [[Close()]],
        expect=Expect(error="APIConnectionError", attempts=(0, 0), within=8),
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
        expect=Expect(error="APITimeoutError", within=3.5, fields={"phase": "read"}),
        settings={"read_timeout": 0.5},
    ),
    Case(
        id="N05-opted-in",
        says="with resend_after_timeout it is sent at most three times",
        plays=lambda _: [[Hold()]],
        expect=Expect(error="APITimeoutError", attempts=THRICE, within=9, strict=(billed(3),)),
        settings={"read_timeout": 0.5, "resend_after_timeout": True},
    ),
    Case(
        id="N06",
        says="a head that dribbles in is ended by the call's deadline",
        plays=lambda wire: [dribbled(wire, in_head=True)],
        expect=Expect(
            error="APITimeoutError",
            core_success=True,
            within=3.5,
            strict=(field("phase", "deadline".__eq__),),
        ),
        settings={"deadline": 0.7},
    ),
    Case(
        id="N07",
        says="a body that dribbles in is ended by the call's deadline",
        plays=lambda wire: [dribbled(wire, in_head=False)],
        expect=Expect(
            error="APITimeoutError",
            core_success=True,
            within=3.5,
            strict=(field("phase", "deadline".__eq__),),
        ),
        settings={"deadline": 0.7},
    ),
    Case(
        id="N08",
        says="silence after two tokens is a typed timeout that holds them",
        plays=lambda wire: [two_tokens(wire, Hold())],
        expect=Expect(error="APITimeoutError", partial=TWO, within=3.5),
        settings={"read_timeout": 0.6},
    ),
    pinged("comment", b": ping\n\n"),
    pinged("event", b'event: ping\ndata: {"type": "ping"}\n\n'),
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
    no_http("ssh", b"SSH-2.0-OpenSSH_9.2\r\n"),
    no_http("noise", bytes(range(255, 0, -1)) + b"\r\n"),
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
