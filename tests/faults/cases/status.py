"""Status lines: what each HTTP status and each shape of an error body becomes, and what is sent again."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from faults.case import Case, Expect
from faults.cases.checks import (
    billed,
    field,
    grew_less_than,
    message_has,
    message_lacks,
    sent_less_than,
    waited,
)
from faults.outcome import KEY
from faults.replies import CHUNKED, TEXT, Wire, body, chunk, head, to_json
from faults.server import Endless, Hold, Play

TYPED = "ResayilError"
TWICE, THRICE = (2, 2), (3, 3)
MIB = 1024 * 1024
SOON = "retry-after-ms: 20"


def _code_is(*codes: str) -> Any:
    return field("code", lambda code: code in codes)


def refused(name: str, status: int, code: str, error: str, message: str = "مرفوض: السبب كذا") -> Case:
    """A status that is never sent again, with its code and its Arabic message intact."""
    return Case(
        id=name,
        says=f"{status} is {error}, sent once, its code and message intact",
        plays=lambda wire: [wire.error(status, code, message)],
        expect=Expect(
            error=error,
            core_error=() if error != "InsufficientCreditsError" else "APIStatusError",
            fields={"status_code": status, "request_id": "req-7f3a"},
            strict=(_code_is(code), message_has(message)),
        ),
    )


def hinted(name: str, says: str, line: str, least: float, most: float) -> Case:
    """A 429 with a usable hint."""
    return Case(
        id=name,
        says=says,
        plays=lambda wire: [wire.error(429, "rate_limit_error", "slow down", line), wire.good()],
        expect=Expect(attempts=TWICE, core=(waited(least, most),)),
        quiet=most - least < 1,
    )


def unusable(name: str, hint: str) -> Case:
    """A 429 whose hint means nothing."""
    return Case(
        id=f"H13-{name}",
        says="a Retry-After that means nothing gives the normal back-off and no exception of the parser",
        plays=lambda wire: [wire.error(429, "rate_limit_error", "slow", f"retry-after: {hint}"), wire.good()],
        expect=Expect(attempts=TWICE, core=(waited(0.4, 4),)),
    )


def in_two_seconds(wire: Wire) -> list[Play]:
    """A 429 whose hint is a date: the second after next."""
    date = formatdate(math.ceil(time.time()) + 1, usegmt=True)
    return [wire.error(429, "rate_limit_error", "slow", f"retry-after: {date}"), wire.good()]


def always(name: str, status: int, code: str, error: str, *lines: str) -> Case:
    """A server that never stops failing."""
    return Case(
        id=name,
        says=f"{status} for ever is {error} after three attempts",
        plays=lambda wire: [wire.error(status, code, "لا يزال", *lines)],
        expect=Expect(
            error=error, core_error="InternalServerError" if status >= 500 else (), attempts=THRICE
        ),
    )


ODD_BODIES: Mapping[str, tuple[bytes, str]] = {
    "string": (b'"broken"', "application/json"),
    "detail": (b'{"detail":[{"loc":["body","model"],"msg":"field required"}]}', "application/json"),
    "list": (b'["a",{"b":1}]', "application/json"),
    "null": (b"null", "application/json"),
    "empty": (b"", "application/json"),
    "nested-int": (b'{"error":{"error":{"code":17}},"message":5}', "application/json"),
    "int-code": (b'{"error":{"message":7,"code":[1]}}', "application/json"),
    "bad-utf8": (b'{"error":{"message":"\xff\xfe"}}', "application/json"),
    "cut": (b'{"error":{"mess', "application/json"),
}


def odd(name: str, content: bytes, kind: str, status: int, error: str) -> Case:
    """A body that no documented error has."""
    return Case(
        id=f"H21-{name}-{status}",
        says="the class goes by the status, whatever the body is",
        plays=lambda _: [[body(content, status, kind, "x-should-retry: false")]],
        expect=Expect(error=error, fields={"status_code": status}),
    )


def inside(code: str, error: str, status: int, attempts: tuple[int, int]) -> Case:
    """An error in a reply that calls itself a success."""
    return Case(
        id=f"H24-{code}",
        says="an error envelope in a 200 is typed by its code",
        plays=lambda wire: [[body(to_json(wire.envelope(code, "لا")), 200)]],
        expect=Expect(error=error, core_error=TYPED, fields={"status_code": status}, attempts=attempts),
    )


def unanswered(name: str, content: bytes, error: str, kind: str = "application/json") -> Case:
    """A 200 that is no answer."""
    return Case(
        id=f"H25-{name}",
        says="a 200 without an answer in it is typed and never sent again",
        plays=lambda _: [[body(content, 200, kind)]],
        expect=Expect(error=error, core_error=TYPED, strict=(billed(1),)),
    )


def large_error(mebibytes: int) -> Case:
    """An error body of which only the first 64 KiB are read."""

    def plays(_: Wire) -> list[Play]:
        opening = head(500, "text/plain", CHUNKED, "x-should-retry: false")
        return [[opening, Endless(chunk(b"e" * 65536), mebibytes * 16), Hold()]]

    return Case(
        id=f"H23-{mebibytes}MiB",
        says="of an error body 64 KiB are read",
        plays=plays,
        expect=Expect(
            error="InternalServerError",
            core_error=TYPED,
            within=30,
            strict=(
                grew_less_than((200 if mebibytes > 100 else 40) * 1024),
                field("body_bytes", lambda size: isinstance(size, int) and 0 < size <= 65536),
                sent_less_than(16 * MIB),
            ),
        ),
        settings={"read_timeout": 20.0},
        alone=True,
        prove=mebibytes > 100,
    )


CREDITS = "رصيدك ٠ نقطة؛ اشحن حسابك"

CASES: list[Case] = [
    Case(
        id="H01",
        says="401 in the dialect's own envelope is AuthenticationError, sent once",
        plays=lambda wire: [wire.error(401, "unauthorized", "المفتاح غير صالح")],
        expect=Expect(
            error="AuthenticationError",
            fields={"status_code": 401},
            strict=(_code_is("unauthorized"), message_has("المفتاح غير صالح")),
        ),
    ),
    Case(
        id="H02",
        says="401 in the other dialect's envelope is read as well",
        plays=lambda wire: [wire.error(401, "authentication_error", "المفتاح غير صالح", other=True)],
        expect=Expect(
            error="AuthenticationError",
            fields={"status_code": 401},
            strict=(_code_is("authentication_error"), message_has("المفتاح غير صالح")),
        ),
    ),
    Case(
        id="H03",
        says="a body that echoes the key shows it masked, everywhere",
        plays=lambda wire: [wire.error(401, "unauthorized", f"Bad key {KEY} given", f"x-key: {KEY}")],
        expect=Expect(
            error="AuthenticationError",
            core=(
                lambda outcome, _: (
                    "the key is shown" if outcome.error and KEY in outcome.error.shown else None
                ),
            ),
            strict=(message_has("…c604"),),
        ),
    ),
    refused("H04", 402, "insufficient_credits", "InsufficientCreditsError", CREDITS),
    refused("H05", 403, "forbidden", "PermissionDeniedError"),
    refused("H06", 404, "not_found_error", "NotFoundError"),
    refused("H07", 400, "invalid_request_error", "BadRequestError"),
    refused("H07-422", 422, "validation_error", "BadRequestError"),
    refused("H08", 413, "request_too_large", "RequestTooLargeError"),
    hinted("H09", "Retry-After: 1 is waited for", "retry-after: 1", 1.0, 2.5),
    Case(
        id="H10",
        says="Retry-After as an HTTP date is waited for",
        plays=in_two_seconds,
        expect=Expect(attempts=TWICE, core=(waited(0.5, 3.5),)),
    ),
    hinted("H11", "retry-after-ms: 300 is waited for", "retry-after-ms: 300", 0.29, 0.45),
    Case(
        id="H12",
        says="a wait of a day is raised at once and told",
        plays=lambda wire: [wire.error(429, "rate_limit_error", "tomorrow", "retry-after: 86400")],
        expect=Expect(error="RateLimitError", within=5, fields={"retry_after": 86400.0}),
    ),
    *(
        unusable(name, hint)
        for name, hint in {
            "nan": "nan",
            "inf": "inf",
            "negative": "-5",
            "year-99999": "Mon, 01 Jan 99999 00:00:00 GMT",
            "words": "\u0628\u0639\u062f \u0642\u0644\u064a\u0644".encode().decode("latin-1"),
        }.items()
    ),
    always("H14", 429, "rate_limit_error", "RateLimitError", SOON),
    always("H14-unhinted", 429, "rate_limit_error", "RateLimitError"),
    Case(
        id="H15",
        says="x-should-retry: false is obeyed",
        plays=lambda wire: [wire.error(429, "rate_limit_error", "no", "x-should-retry: false"), wire.good()],
        expect=Expect(error="RateLimitError"),
    ),
    Case(
        id="H16",
        says="a 500 once is sent again, and counted as possibly charged",
        plays=lambda wire: [wire.error(500, "api_error", "حدث خطأ"), wire.good()],
        expect=Expect(attempts=TWICE, strict=(billed(1),)),
    ),
    always("H17", 503, "service_unavailable", "OverloadedError"),
    always("H18", 529, "overloaded_error", "OverloadedError"),
    Case(
        id="H19",
        says="a 529 once, then the answer",
        plays=lambda wire: [wire.error(529, "overloaded_error", "مشغول"), wire.good()],
        expect=Expect(attempts=TWICE, usage=13),
    ),
    Case(
        id="H20",
        says="a page of HTML as a 500 is the status's class, without the page's markup in control characters",
        plays=lambda _: [
            [
                body(
                    b"<html><body><h1>500 Oops\x1b[2J</h1></body></html>",
                    500,
                    "text/html",
                    "x-should-retry: false",
                )
            ]
        ],
        expect=Expect(error="InternalServerError", strict=(message_has("web page"), message_lacks("<h1>"))),
    ),
    *(odd(name, *told, 400, "BadRequestError") for name, told in ODD_BODIES.items()),
    *(odd(name, *told, 500, "InternalServerError") for name, told in ODD_BODIES.items()),
    Case(
        id="H22",
        says="terminal escapes and bidirectional overrides in a message are made visible or dropped",
        plays=lambda wire: [
            wire.error(400, "invalid_request_error", "\x1b]0;owned\x07\x1b[31mred\u202egnp.exe ن\u200cم")
        ],
        expect=Expect(
            error="BadRequestError",
            strict=(message_lacks("\x1b", "\x07", "\u202e", "owned"), message_has("red", "ن\u200cم")),
        ),
    ),
    large_error(64),
    large_error(512),
    inside("insufficient_credits", "InsufficientCreditsError", 402, (1, 1)),
    inside("authentication_error", "AuthenticationError", 401, (1, 1)),
    inside("rate_limit_error", "RateLimitError", 429, (1, 3)),
    unanswered("empty", b"", "EmptyResponseError"),
    unanswered("null", b"null", "MalformedResponseError"),
    unanswered("no-choices", b'{"id":"x","object":"chat.completion"}', "MalformedResponseError"),
    unanswered("empty-choices", b'{"choices":[],"content":null}', "MalformedResponseError"),
    unanswered("odd-choices", b'{"choices":[7],"content":[7]}', "MalformedResponseError"),
    unanswered("odd-message", b'{"choices":[{"message":null}],"content":{"a":1}}', "MalformedResponseError"),
    unanswered("odd-usage", b'{"choices":3,"content":3,"usage":[]}', "MalformedResponseError"),
    unanswered("broken", b'{"choices":[{"message":{"con', "MalformedResponseError"),
    unanswered("deep", b"[" * 200_000 + b"]" * 200_000, "MalformedResponseError"),
    Case(
        id="H26",
        says="a whole answer where a stream was asked for is delivered in full, or typed",
        plays=lambda wire: [[body(to_json(wire.answer()), 200)]],
        expect=Expect(error=TYPED, either=True, text=TEXT),
        verbs=("stream",),
    ),
    Case(
        id="H28-budget",
        says="nothing new starts once the retry budget is spent",
        plays=lambda wire: [wire.error(503, "service_unavailable", "لا يزال", "retry-after-ms: 1800")],
        expect=Expect(error="OverloadedError", attempts=TWICE, within=6),
        settings={"retry_budget": 3.0, "max_retries": 9},
        surfaces=("Client.chat", "Client.stream", "AsyncClient.chat", "AsyncClient.stream"),
    ),
    Case(
        id="H28-deadline",
        says="the deadline cuts a wait that would pass it",
        plays=lambda wire: [wire.error(503, "service_unavailable", "لا يزال", "retry-after-ms: 1800")],
        expect=Expect(error="OverloadedError", attempts=TWICE, within=6),
        settings={"deadline": 3.0, "max_retries": 9},
        surfaces=("Client.chat", "Client.stream", "AsyncClient.chat", "AsyncClient.stream"),
    ),
    Case(
        id="H28-deadline-silence",
        says="the deadline cuts a server's silence",
        plays=lambda _: [[Hold()]],
        expect=Expect(error="APITimeoutError", within=3),
        settings={"deadline": 0.6},
    ),
]
