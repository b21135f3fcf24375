"""Stream lines: what may stand in a stream, and what an error in it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from faults.case import Case, Expect
from faults.cases.checks import billed, grew_less_than
from faults.replies import CHUNKED, LAST_CHUNK, SSE, TEXT, TOKENS, Wire, chunk, head, streamed, to_json
from faults.server import Endless, Hold, Play, Wait

TYPED = "ResayilError"
TWO = TOKENS[0] + TOKENS[1]
BOM = b"\xef\xbb\xbf"


def whole(wire: Wire, *texts: str, finish: str = "stop") -> bytes:
    """The bytes of a whole stream."""
    return b"".join(wire.events(*texts, finish=finish))


def read(
    name: str,
    says: str,
    make: Callable[[Wire], list[bytes]],
    *,
    text: str = TEXT,
    usage: int | None = 13,
) -> Case:
    """A stream that is read as it is meant."""
    return Case(
        id=name,
        says=says,
        plays=lambda wire: [streamed(*make(wire))],
        expect=Expect(text=text, usage=usage),
        verbs=("stream",),
    )


def split(data: bytes, size: int) -> list[bytes]:
    """The bytes in pieces."""
    return [data[n : n + size] for n in range(0, len(data), size)]


def crlf(wire: Wire) -> bytes:
    """A stream with CRLF line ends."""
    return whole(wire).replace(b"\n", b"\r\n")


def cut_after_cr(data: bytes) -> list[bytes]:
    """Pieces that end behind every CR."""
    return [piece for piece in data.replace(b"\r", b"\r\x00").split(b"\x00") if piece]


def on_lines(wire: Wire) -> list[bytes]:
    """Every event's JSON over several data lines."""
    pretty = whole(wire).replace(b'","', b'",\ndata: "').replace(b"}],", b"}],\ndata: ")
    return [pretty]


def chatter(wire: Wire) -> list[bytes]:
    """Comments, ids, retry times, unknown fields and nameless empty events between the tokens."""
    noise = (
        b": comment\n\n",
        b"id: 7\nretry: 3000\n\n",
        b"event: ping\n\n",
        b"data:\n\n",
        b"foo: bar\nbaz\n\n",
        b"retry: 3000\n\n",
        b": ping\nid: 8\n",
    )
    pieces: list[bytes] = []
    for n, event in enumerate([*wire.tokens(*TOKENS), wire.finish(), wire.done()]):
        pieces += [event, noise[n % len(noise)]]
    return [noise[1], *pieces]


def empties(wire: Wire) -> list[bytes]:
    """Null and absent deltas, choices that are empty or null, unknown events and kinds of delta."""
    if wire.dialect == "chat":
        odd: list[object] = [
            wire.delta(None),
            wire.delta([]),
            wire.delta({"content": None}),
            {"id": "chatcmpl-1", "choices": []},
            {"id": "chatcmpl-1", "choices": None},
            {"id": "chatcmpl-1"},
            {"choices": [{"index": 0}]},
            {"choices": [{"index": 0, "delta": {"novelty": {"a": 1}}}]},
        ]
    else:
        odd = [
            {"type": "novelty", "index": 0},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "novelty_delta", "x": 1}},
            {"type": "content_block_delta", "index": 0, "delta": None},
            {"type": "content_block_delta", "index": 0},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": None}},
            {"type": "ping"},
            {"type": "message_delta", "delta": {}},
            {"type": "message_delta", "delta": None, "usage": None},
        ]
    between = [b"data: " + to_json(payload) + b"\n\n" for payload in odd]
    named = [b"event: novelty\n" + event for event in between] if wire.dialect == "messages" else between
    start, *tokens = wire.tokens(*TOKENS)
    return [start, *between, *tokens[:2], *named, *tokens[2:], wire.finish(), wire.done()]


def nameless(wire: Wire) -> list[bytes]:
    """Events of the messages dialect without their names."""
    stop = {"type": "message_stop"}
    payloads = [*wire.start_payloads(), *map(wire.token_payload, TOKENS), *wire.finish_payloads(), stop]
    return [wire.event(payload, named=False) for payload in payloads]


def raw(wire: Wire, text: str) -> list[bytes]:
    """A stream whose second token holds characters that JSON wants escaped."""
    token = wire.token("MARK").replace(b"MARK", text.encode("utf-8", "surrogatepass"))
    return [*wire.tokens(TOKENS[0]), token, wire.finish(), wire.done()]


def broken(
    name: str,
    says: str,
    make: Callable[[Wire], bytes],
    error: str,
    strictly: str = "",
    *,
    status: int | None = None,
) -> Case:
    """A stream that goes wrong behind two tokens."""
    return Case(
        id=name,
        says=says,
        plays=lambda wire: [streamed(*wire.tokens(*TOKENS[:2]), make(wire), then=[Wait(0.05), LAST_CHUNK])],
        expect=Expect(
            error=strictly or error,
            core_error=(error, TYPED),
            partial=TWO,
            fields={} if status is None else {"status_code": status},
            strict=(billed(1),),
        ),
        verbs=("stream",),
    )


def first(name: str, code: str, error: str, status: int, *, other: bool = False) -> Case:
    """An error as the first event of a stream."""
    return Case(
        id=f"S16-{name}",
        says="an error as the first event is what the HTTP status would have given",
        plays=lambda wire: [streamed(wire.error_event(code, "لا", other=other))],
        expect=Expect(error=error, core_error=TYPED, fields={"status_code": status}, attempts=(1, 3)),
        verbs=("stream",),
    )


def many(wire: Wire) -> list[Play]:
    """Twenty thousand tokens, a hundred in a piece."""
    tokens = wire.token("نص ") * 100
    return [streamed(wire.start(), *([tokens] * 200), wire.finish(), wire.done())]


SEPARATORS: Mapping[str, str] = {"2028": "\u2028", "2029": "\u2029", "0085": "\u0085", "vt": "\u200b\u00ad"}


def bare_token(wire: Wire) -> Callable[[str], bytes]:
    """Tokens without a name, so that the data line is the first of all."""
    return lambda text: wire.event(wire.token_payload(text), named=False)


def separated(name: str, mark: str) -> Case:
    """A character in the text at which some libraries split lines."""
    return read(
        f"S02-{name}",
        "characters that some libraries split lines at are text",
        lambda wire: wire.events("قبل ", f"سطر{mark}آخر", " بعد"),
        text=f"قبل سطر{mark}آخر بعد",
    )


FORMS: list[Case] = [
    read("S01", "a plain stream", Wire.events),
    *(separated(name, mark) for name, mark in SEPARATORS.items()),
    Case(
        id="S03",
        says="raw control characters in a string are text, or a typed error",
        plays=lambda wire: [streamed(*raw(wire, "a\x0bb\x0cc\x1cd\x1ee\tf"))],
        expect=Expect(error=TYPED, either=True, text=TOKENS[0] + "a\x0bb\x0cc\x1cd\x1ee\tf"),
        verbs=("stream",),
    ),
    read("S04", "every byte in a piece of its own", lambda wire: split(whole(wire), 1)),
    read("S04-seven", "pieces of seven bytes", lambda wire: split(whole(wire), 7)),
    read("S05", "CRLF line ends, cut behind every CR", lambda wire: cut_after_cr(crlf(wire))),
    read("S05-whole", "CRLF line ends in one piece", lambda wire: [crlf(wire)]),
    read("S06", "lone CR line ends", lambda wire: split(whole(wire).replace(b"\n", b"\r"), 11)),
    read("S07", "a byte order mark before the first event", lambda wire: [BOM + whole(wire)]),
    read(
        "S08",
        "a byte order mark right before the first token",
        lambda wire: [BOM + b"".join([*map(bare_token(wire), TOKENS), wire.finish(), wire.done()])],
        usage=None,
    ),
    read("S07-cut", "a byte order mark cut in two", lambda wire: [BOM[:2], BOM[2:] + whole(wire)]),
    read("S09", "no space behind the colon", lambda wire: [whole(wire).replace(b"data: ", b"data:")]),
    read("S10", "data over several lines", on_lines),
    read("S11", "comments, ids, retry times and unknown fields", chatter),
    Case(
        id="S12",
        says="events of the messages dialect without names are read by their JSON",
        plays=lambda wire: [streamed(*nameless(wire))],
        expect=Expect(usage=13),
        dialects=("messages",),
        verbs=("stream",),
    ),
    read("S20", "deltas, choices and events that say nothing or nothing known", empties),
    read(
        "S21",
        "what follows the end is ignored",
        lambda wire: [*wire.events(), wire.token("زيادة"), b"data: {broken\n\n", wire.finish("length")],
    ),
    Case(
        id="S22",
        says="the last mark without a line end is read",
        plays=lambda wire: [streamed(*wire.events()[:-1], b"data: [DONE]")],
        expect=Expect(usage=13),
        dialects=("chat",),
        verbs=("stream",),
    ),
    Case(
        id="S23",
        says="a last event without its blank line counts, with its finish reason",
        plays=lambda wire: [
            [
                head(200, SSE, CHUNKED),
                *map(chunk, wire.tokens(*TOKENS)),
                chunk(wire.finish().rstrip()),
                LAST_CHUNK,
            ]
        ],
        expect=Expect(),
        verbs=("stream",),
    ),
    Case(
        id="S24",
        says="an answer cut at max_tokens says so",
        plays=lambda wire: [streamed(*wire.events(finish="length"))],
        expect=Expect(
            finish="length",
            strict=(lambda outcome, _: None if outcome.heard.truncated else "truncated is not set",),
        ),
        verbs=("stream",),
    ),
    Case(
        id="S24-whole",
        says="so does a whole answer",
        plays=lambda wire: [[*_whole(wire, "length")]],
        expect=Expect(
            finish="length",
            strict=(lambda outcome, _: None if outcome.heard.truncated else "truncated is not set",),
        ),
        verbs=("chat",),
    ),
    Case(
        id="S25",
        says="twenty thousand events in time",
        plays=many,
        expect=Expect(text="نص " * 20_000, within=8),
        verbs=("stream",),
        quiet=True,
    ),
    Case(
        id="S25-memory",
        says="twenty thousand events take little memory",
        plays=many,
        expect=Expect(text="نص " * 20_000, within=60, strict=(grew_less_than(40 * 1024),)),
        verbs=("stream",),
        alone=True,
    ),
    read(
        "S26",
        "half a surrogate pair becomes U+FFFD, so that the text is UTF-8",
        lambda wire: [
            *wire.tokens("قبل "),
            wire.token("MARK").replace(b"MARK", b"a\\ud83db"),
            wire.finish(),
            wire.done(),
        ],
        text="قبل a\ufffdb",
    ),
]


def _whole(wire: Wire, finish: str) -> Play:
    content = to_json(wire.answer(finish=finish))
    return [head(200, "application/json", f"content-length: {len(content)}"), content]


ERRORS: list[Case] = [
    broken(
        "S13",
        "an error event behind tokens is typed by its code and holds them",
        lambda wire: wire.error_event("overloaded_error", "مشغول"),
        "OverloadedError",
        status=529,
    ),
    broken(
        "S14",
        "so is a named one, in either dialect",
        lambda wire: wire.error_event("overloaded_error", "مشغول", named=True),
        "OverloadedError",
        status=529,
    ),
    broken(
        "S14-nameless",
        "so is a nameless one",
        lambda wire: wire.error_event("overloaded_error", "مشغول", named=False),
        "OverloadedError",
        status=529,
    ),
    broken(
        "S15",
        "so is one in the other dialect's envelope",
        lambda wire: wire.error_event("overloaded_error", "مشغول", other=True, named=False),
        "OverloadedError",
        status=529,
    ),
    Case(
        id="S13-open",
        says="an error event is raised although the server keeps the connection open behind it",
        plays=lambda wire: [
            streamed(*wire.tokens(*TOKENS[:2]), wire.error_event("overloaded_error", "مشغول"), then=[Hold()])
        ],
        expect=Expect(error="OverloadedError", core_error=TYPED, partial=TWO, within=3.5),
        verbs=("stream",),
    ),
    first("rate", "rate_limit_error", "RateLimitError", 429),
    first("rate-other", "rate_limit_error", "RateLimitError", 429, other=True),
    first("credits", "insufficient_credits", "InsufficientCreditsError", 402),
    first("overloaded", "overloaded_error", "OverloadedError", 529),
    Case(
        id="S16-again",
        says="an error as the first event may be sent again",
        plays=lambda wire: [streamed(wire.error_event("overloaded_error", "مشغول")), wire.good()],
        expect=Expect(error=TYPED, either=True, attempts=(1, 2)),
        verbs=("stream",),
    ),
    broken("S17", "an error that is a mere string is typed", lambda _: b'data: {"error":"text"}\n\n', TYPED),
    broken("S18", "an event of broken JSON is typed", lambda _: b'data: {"choices":[{"del\n\n', TYPED),
    broken("S18-word", "an event that is no JSON at all is typed", lambda _: b"data: oops\n\n", TYPED),
    broken(
        "S19",
        "invalid UTF-8 is typed",
        lambda wire: wire.token("MARK").replace(b"MARK", b"\xff\xfe\xc3"),
        TYPED,
    ),
    Case(
        id="S25-pings",
        says="a stream of pings alone ends by the content clock",
        plays=lambda wire: [
            [*streamed(wire.start(), then=()), Endless(chunk(b": ping\n\n"), 60, 0.05), LAST_CHUNK]
        ],
        expect=Expect(error="APITimeoutError", core_error=TYPED, within=3.5),
        settings={"gap_timeout": 0.6},
        verbs=("stream",),
    ),
]

CASES = [*FORMS, *ERRORS]
