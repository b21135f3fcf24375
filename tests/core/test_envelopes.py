"""Error bodies, one by one: what each says, to the word, and when to come back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from resayil.codecs.envelopes import error_from, holds_error, reset_in, retry_after
from resayil.errors import (
    APIStatusError,
    BadRequestError,
    ContextOverflowError,
    ErrorResponse,
    InsufficientCreditsError,
    InternalServerError,
    RateLimitError,
    UnexpectedContentError,
)

LONG = "ط" * 300
SENTENCES: dict[str, tuple[int, Any, str]] = {
    "nothing": (500, None, "500: no reason given"),
    "nothing inside an envelope": (500, {"error": {}}, "500: no reason given"),
    "a list": (500, [1, 2], "500: [1, 2]"),
    "a long list": (500, [LONG], f"500: ['{LONG[:198]}"),
    "a text": (500, " down ", "500: down"),
    "a text as error": (401, {"error": "no key", "message": "x"}, "401: no key"),
    "a long text": (500, {"message": LONG}, f"500: {LONG}"),
    "detail": (422, {"detail": "x"}, "422: x"),
    "a list as detail": (422, {"detail": [{"loc": "a"}]}, "422: [{'loc': 'a'}]"),
    "a long list as detail": (422, {"detail": [LONG]}, f"422: ['{LONG[:198]}"),
    "the message before the detail": (422, {"message": "x", "detail": "y"}, "422: x"),
    "fields": (
        422, {"message": "bad", "errors": {"a": ["b", "c"], "d": "ef"}}, "422: bad (a: b c; d: ef)",
    ),
    "fields alone": (422, {"errors": {"a": ["b"]}}, "422: (a: b)"),
    "a code": (403, {"error": {"code": "forbidden", "message": "x"}}, "403 forbidden: x"),
    "a type": (403, {"error": {"type": "permission_error", "message": "x"}}, "403 permission_error: x"),
    "a code that is no text": (403, {"error": {"code": True, "type": "a", "message": "x"}}, "403 a: x"),
    "an empty code": (403, {"error": {"code": "", "type": "a", "message": "x"}}, "403 a: x"),
    "the code beside the message": (403, {"code": "forbidden", "message": "x"}, "403 forbidden: x"),
    "the status again as code": (429, {"error": {"code": 429, "message": "x"}}, "429: x"),
    "an error inside a 200": (200, {"error": {"message": "x"}}, "inside a 200 reply: x"),
    "a code inside a 200": (
        200, {"error": {"code": "Overloaded", "message": "x"}}, "529 Overloaded: x",
    ),
    "an unknown code inside a 200": (
        200, {"error": {"code": "odd", "message": "x"}}, "inside a 200 reply: x",
    ),
    "a longer number inside a 200": (200, {"error": {"code": 42901, "message": "x"}}, "429 42901: x"),
    "another status than its code": (
        400, {"error": {"code": "overloaded", "message": "x"}}, "400 overloaded: x",
    ),
    "a page": (502, " <HTML>x", "502: a web page: wrong base URL, or a proxy's page"),
}  # fmt: skip


@pytest.mark.parametrize("name", SENTENCES)
def test_what_an_error_says(name: str) -> None:
    """Status, code where it is not the same, and the service's words with those of its fields."""
    status, body, said = SENTENCES[name]
    assert error_from(ErrorResponse(status), body, now=0.0).message == f"The service answered {said}"


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://evil.example/path?x=1", "https://evil.example"),
        ("http://user:word@evil.example:8080#x", "http://evil.example:8080"),
        ("/login", "another path of this host"),
        (None, "another path of this host"),
    ],
)
def test_a_redirect_names_its_host_alone(location: str | None, shown: str) -> None:
    """Neither a password nor a path, which may hold a token."""
    reply = ErrorResponse(302, {} if location is None else {"location": location})
    error = error_from(reply, "", now=0.0)
    assert type(error) is UnexpectedContentError
    assert error.message == (
        f"The service redirects to {shown}; redirects are never followed. Check the base URL."
    )
    assert error.response is reply


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "no credits left", InsufficientCreditsError),
        (499, "Credit: 0", InsufficientCreditsError),
        (403, "رصيدك لا يكفي", InsufficientCreditsError),
        (403, "accredited", APIStatusError),
        (429, "slow down or buy credits", RateLimitError),
        (500, "no credits left", InternalServerError),
        (500, "prompt is too long", ContextOverflowError),
        (400, "too short", BadRequestError),
    ],
)
def test_words_refine_a_status(status: int, said: str, kind: type[APIStatusError]) -> None:
    """Credits in a 4xx but a 429, and a prompt too long under any status."""
    error = error_from(ErrorResponse(status), {"error": {"message": said}}, now=0.0)
    assert issubclass(type(error), kind)
    assert isinstance(error, InsufficientCreditsError) is (kind is InsufficientCreditsError)


def test_an_error_holds_what_came() -> None:
    """Code, status, reply, fields and hint, each from where the body has it."""
    reply = ErrorResponse(200, {"retry-after": "3"})
    body = {"error": {"code": "rate_limit_error"}, "errors": {"a": ["b", 5], "c": "de"}}
    error = error_from(reply, body, now=0.0)
    assert (error.code, error.status_code, error.retry_after) == ("rate_limit_error", 429, 3.0)
    assert error.response is reply
    assert error.fields == {"a": ("b", "5"), "c": ("de",)}
    for inside in ({"error": {"retry_after": 4}, "retry_after": 5}, {"retry_after": 4}):
        assert error_from(ErrorResponse(429), inside, now=0.0).retry_after == 4.0


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        ({"error": {}}, True),
        ({"type": "error"}, True),
        ({"message": "x"}, True),
        ({"error": None, "message": "x"}, True),
        ({"error": None}, False),
        ({"message": {"role": "assistant"}}, False),
        *(({"message": "x", name: "y"}, False) for name in ("choices", "content", "id", "type")),
        ([{"error": {}}], False),
    ],
)
def test_what_holds_an_error(body: object, *, holds: bool) -> None:
    """An envelope or bare words; an answer with a message in it is none."""
    assert holds_error(body) is holds


@pytest.mark.parametrize(
    ("hint", "seconds"),
    [
        ("Thu, 01 Jan 1970 01:01:00 +0100", 50.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", None),
        ("Thu, 01 Jan 1970 00:00:10.5 GMT", None),
        ("Thu, 01 Jan 1970 00:00:11 GMT", 1.0),
        ("Thu, 01 Jan 1970 00:01:00 +99999999999999999", None),
    ],
)
def test_a_date_to_come_back_at(hint: str, seconds: float | None) -> None:
    """In any zone, against the clock; now or earlier is no hint."""
    assert retry_after({"retry-after": hint}, now=10.0) == seconds


def test_no_milliseconds_are_no_hint() -> None:
    """Seconds are then asked for."""
    assert retry_after({"retry-after-ms": "0", "retry-after": "9"}, now=0.0) == 9.0


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is Unix's own")
def test_a_date_without_a_zone_is_utcs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever this machine stands."""
    monkeypatch.setenv("TZ", "UTC-3")
    time.tzset()
    try:
        assert retry_after({"retry-after": "Thu, 01 Jan 1970 12:00:00"}, now=0.0) == 43_200.0
    finally:
        monkeypatch.undo()
        time.tzset()


DATED = "1760000020"


@pytest.mark.parametrize(
    ("reset", "date", "seconds"),
    [
        ("1.5", "", 0.5),
        ("1", "", 0.0),
        ("61", "", 60.0),
        ("61.5", "", 0.0),
        ("nan", "", 0.0),
        ("", "", 0.0),
        (DATED, "", 19.0),
        (DATED, "soon", 19.0),
        (DATED, "Thu, 09 Oct 2025 08:53:30 +99999999999999999", 19.0),
        (DATED, "Thu, 09 Oct 2025 08:53:30 GMT", 9.0),
        (DATED, "Thu, 09 Oct 2025 08:53:30", 9.0),
        (DATED, "Thu, 09 Oct 2025 10:53:30 +0200", 9.0),
    ],
)
def test_seconds_until_a_reset(reset: str, date: str, seconds: float) -> None:
    """A number or a moment, the latter by the reply's clock where it tells one; a minute at most."""
    headers = {"x-ratelimit-reset": reset, "date": date}
    assert reset_in(headers, now=1_760_000_000.0) == seconds
