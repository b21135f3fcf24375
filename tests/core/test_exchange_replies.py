"""What becomes of one reply, driven by hand: answers, errors, excerpts, and bodies that break off."""

from __future__ import annotations

from typing import Any

import pytest
from core.exchange import URL, Call, answered
from core.support import KEY

from resayil.effects import Failure, Head, Read
from resayil.errors import (
    APIConnectionError,
    APITimeoutError,
    EmptyResponseError,
    ErrorResponse,
    MalformedResponseError,
    ResayilError,
    ResponseTooLargeError,
    UnexpectedContentError,
)
from resayil.flow import failure_error
from resayil.limits import NOW
from resayil.retry import RetryPolicy


def test_an_error_holds_its_reply_with_the_key_masked() -> None:
    """Status, headers, address and body, as JSON and as text; its date is read by the clock."""
    body = b'{"error": {"message": "\xff' + KEY.encode() + b'"}}'
    headers = {"Retry-After": "Thu, 05 Jan 1989 10:41:00 GMT", "X-Echo": KEY}
    bounds = {"max_error_bytes": 500}
    error = Call([NOW, Head(400, headers), body, None], bounds=bounds).error()
    masked = body.decode("utf-8", "replace").replace(KEY, "sk-…c604").encode()
    shown = {"retry-after": headers["Retry-After"], "x-echo": "sk-…c604"}
    assert error.response == ErrorResponse(400, shown, masked, URL)
    assert (error.message, error.retry_after) == ("The service answered 400: \ufffdsk-…c604", 40.0)
    plain = Call([NOW, Head(400, {}), KEY.encode(), None]).error()
    assert (plain.message, plain.response.text) == ("The service answered 400: sk-…c604", "sk-…c604")


@pytest.mark.parametrize(
    ("pieces", "content"),
    [
        ((b"a" * 50,), b"a" * 50),
        ((b"a" * 30, b"b" * 30), b"a" * 30 + b"b" * 20),
        ((b"a" * 30, b"b" * 20, b"c"), b"a" * 30 + b"b" * 20),
        ((b"a" * 30, Failure("timeout", "read", "x")), b"a" * 30),
    ],
)
@pytest.mark.parametrize("status", [300, 400])
def test_an_errors_body_is_cut(status: int, pieces: tuple[Any, ...], content: bytes) -> None:
    """At its bound, and where it breaks off."""
    assert Call([NOW, Head(status, {}), *pieces, None]).error().response.content == content


def test_an_errors_body_has_ten_seconds_or_the_deadlines() -> None:
    """Whichever ends first; an answer's has all the time of its call."""
    for deadline, due in ((None, 1012.0), (5.0, 1005.0)):
        call = Call([NOW, Head(400, {}), None], [0.0, 2.0], {"deadline": deadline})
        call.error()
        assert call.of(Read) == [Read(due)]


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "application/octet-stream", "application/json", "application/problem+json",
     "TEXT/PLAIN ; charset=utf-8"],
)  # fmt: skip
def test_json_under_other_names(kind: str) -> None:
    """Gateways call it many things, or nothing."""
    assert Call([NOW, Head(200, {"content-type": kind} if kind else {}), b'{"a":1}', None]).run().result == {
        "a": 1
    }


ODD: dict[str, tuple[str, bytes, type[ResayilError], str]] = {
    "another type": (
        "Text/HTML; x", b"hello", UnexpectedContentError,
        "The reply is text/html, not JSON: wrong base URL or a proxy's page. It begins: 'hello'",
    ),
    "a page": (
        "application/json", b" <html>", UnexpectedContentError,
        "The reply is a page, not JSON: wrong base URL or a proxy's page. It begins: ' <html>'",
    ),
    "nothing": ("text/html", b"", EmptyResponseError, "The reply is empty."),
    "blanks": ("application/json", b" \n", EmptyResponseError, "The reply is empty."),
    "too much": (
        "application/json", b"1" * 101, ResponseTooLargeError, "The reply is larger than 100 bytes.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_answer(name: str) -> None:
    """Its error says what came instead, and holds the reply."""
    kind, content, raised, message = ODD[name]
    call = Call([NOW, Head(200, {"content-type": kind}), content, None])
    error = call.error()
    assert type(error) is raised
    assert error.message == message
    assert error.response is call.exchange.reply
    assert error.__cause__ is None
    assert error.__suppress_context__ is (name == "a page")


def test_an_answer_may_be_as_large_as_its_bound() -> None:
    """To the byte, in however many pieces."""
    assert Call(answered(b"1" * 60, b"1" * 40)).run().result == int("1" * 100)
    assert type(Call(answered(b"1" * 60, b"1" * 41)).error()) is ResponseTooLargeError


def test_broken_json_shows_how_it_begins() -> None:
    """Without half a key where the excerpt is cut, and with bytes that are no UTF-8 as such."""
    error = Call(answered(b'{"\xff'), bounds={"max_body_bytes": 9999}).error()
    assert type(error) is MalformedResponseError
    assert error.message.endswith(" It begins: '{\"\ufffd'")
    assert error.response.status_code == 200
    excerpt = Call([]).exchange.excerpt(b"x" * 192 + KEY.encode() + b"y" * 900)
    assert excerpt == f"It begins: {'x' * 192 + 'sk-…c604'!r}"


def test_the_deadline_ends_a_body() -> None:
    """What comes just in time is taken, what comes later is not."""
    assert Call(answered(b"1"), [0.0, 0.0, 10.0], {"deadline": 10.0}).run().result == 1
    error = Call(answered(b"1"), [0.0, 0.0, 10.5], {"deadline": 10.0}).error()
    assert (type(error), error.phase, error.maybe_billed) == (APITimeoutError, "deadline", 1)


LATE = "The call's deadline of 10 s passed."


@pytest.mark.parametrize(
    ("failure", "seconds", "message"),
    [
        (Failure("timeout", "read", "x"), 9.9, f"No bytes came in time from {URL}: x"),
        (Failure("timeout", "read", "x"), 9.995, LATE),
        (Failure("timeout", "write", "x"), 10.0, LATE),
        (Failure("timeout", "connect", "x"), 11.0, f"Could not connect to {URL}: x"),
        (
            Failure("timeout", "pool", "x"),
            11.0,
            f"All pooled connections are in use; none became free for {URL}: x",
        ),
        (
            Failure("connection", "fresh", "x"),
            11.0,
            f"The connection was closed before any reply by {URL}: x",
        ),
    ],
)
def test_a_failure_at_the_deadline(failure: Failure, seconds: float, message: str) -> None:
    """It is the deadline's where time ran out after the request had gone; clocks may differ by a tick."""
    policy = RetryPolicy(max_retries=0)
    assert Call([NOW, failure], [0.0, seconds], {"deadline": 10.0}, policy).error().message == message


@pytest.mark.parametrize(
    ("kind", "phase", "raised", "words"),
    [
        ("connection", "connect", APIConnectionError, "Could not connect to"),
        (
            "connection", "certificate", APIConnectionError,
            "The certificate is not trusted, so nothing was sent to",
        ),
        ("connection", "reused", APIConnectionError, "A kept-alive connection was closed by"),
        ("connection", "body", APIConnectionError, "The reply broke off from"),
        ("timeout", "write", APITimeoutError, "Sending timed out to"),
        ("encoding", "body", MalformedResponseError, "The reply broke off from"),
    ],
)  # fmt: skip
def test_failures_in_words(kind: Any, phase: Any, raised: type[ResayilError], words: str) -> None:
    """Each has its class, its phase, its cause and a sentence."""
    cause = OSError("x")
    error = failure_error(Failure(kind, phase, "why", cause), URL)
    assert type(error) is raised
    assert error.message == f"{words} {URL}: why"
    assert error.__cause__ is cause
    assert getattr(error, "phase", phase) == phase


def test_a_body_that_breaks_off_names_the_address() -> None:
    """And is never sent again, whatever clock ran out."""
    error = Call(answered(b"1", Failure("timeout", "read", "x"))).error()
    assert (type(error), error.phase) == (APITimeoutError, "body")
    assert error.message == f"The reply broke off from {URL}: x"
    assert error.attempts == 1


def test_the_key_is_masked_behind_an_error_too() -> None:
    """In the words of a library, whose other arguments stay."""
    cause = OSError(5, f"no way with {KEY}")
    error = Call([NOW, Failure("connection", "certificate", KEY, cause)]).error()
    assert error.message.endswith(": sk-…c604")
    assert error.args == (error.message,)
    assert cause.args == (5, "no way with sk-…c604")
