"""The rules of sending again, one by one: a rule that is lost or turned round fails here."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import MODEL, Scripted, client_of, json_reply

from resayil.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    BadRequestError,
    EmptyResponseError,
    ErrorResponse,
    InternalServerError,
    LocalRateLimitError,
    MalformedResponseError,
    OverloadedError,
    RateLimitError,
    ResayilError,
    ResponseTooLargeError,
    StreamInterruptedError,
    UnexpectedContentError,
)
from resayil.messages import PartialToolCall, Usage
from resayil.retry import LATER, PAID_ATTEMPTS, RetryPolicy, RetryQuota, may_be_billed, may_be_resent

MOMENT = {"attempts": 1, "elapsed": 0.0, "now": 20.0, "jitter": 0.5}


def status(kind: type[APIStatusError], number: int, **more: Any) -> APIStatusError:
    """An error of a status."""
    return kind("x", status_code=number, **more)


def begun(error: ResayilError, **partial: Any) -> ResayilError:
    """An error with what came before it."""
    for name, value in partial.items():
        setattr(error, name, value)
    return error


CALL = (PartialToolCall("c", "n", "{"),)
RULES: dict[str, tuple[ResayilError, bool, str]] = {
    "not connected": (APIConnectionError("x", phase="connect"), False, "yes"),
    "certificate": (APIConnectionError("x", phase="certificate"), False, "no"),
    "kept alive": (APIConnectionError("x", phase="reused"), True, "yes"),
    "fresh": (APIConnectionError("x", phase="fresh"), True, "yes"),
    "body": (APIConnectionError("x", phase="body"), True, "no"),
    "connect timeout": (APITimeoutError("x", phase="connect"), False, "yes"),
    "pool timeout": (APITimeoutError("x", phase="pool"), False, "no"),
    "write timeout": (APITimeoutError("x", phase="write"), True, "opted in"),
    "read timeout": (APITimeoutError("x", phase="read"), True, "opted in"),
    "gap": (APITimeoutError("x", phase="gap"), True, "no"),
    "deadline": (APITimeoutError("x", phase="deadline"), True, "no"),
    "400": (status(BadRequestError, 400), False, "no"),
    "409": (status(APIStatusError, 409), False, "no"),
    "429": (status(RateLimitError, 429), False, "yes"),
    "500": (status(InternalServerError, 500), True, "yes"),
    "501": (status(InternalServerError, 501), True, "no"),
    "502": (status(InternalServerError, 502), True, "yes"),
    "503": (status(OverloadedError, 503), False, "yes"),
    "504": (status(InternalServerError, 504), True, "yes"),
    "529": (status(OverloadedError, 529), False, "yes"),
    "503, not to be retried": (
        status(OverloadedError, 503, response=ErrorResponse(503, {"x-should-retry": "false"})), False, "no",
    ),
    "503, to be retried": (
        status(OverloadedError, 503, response=ErrorResponse(503, {"x-should-retry": "true"})), False, "yes",
    ),
    "529 after text": (begun(status(OverloadedError, 529), partial_text="a"), True, "no"),
    "529 after a call": (begun(status(OverloadedError, 529), partial_tool_calls=CALL), True, "no"),
    "529 after usage": (begun(status(OverloadedError, 529), usage=Usage(1, 1)), False, "no"),
    "page": (UnexpectedContentError("x"), False, "no"),
    "empty": (EmptyResponseError("x"), True, "no"),
    "malformed": (MalformedResponseError("x"), True, "no"),
    "too large": (ResponseTooLargeError("x"), True, "no"),
    "interrupted": (StreamInterruptedError("x"), True, "no"),
    "no slot": (LocalRateLimitError("x"), False, "no"),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_each_way_to_end_has_its_rule(name: str) -> None:
    """Whether it may have been charged, and whether it may be sent again, by itself or opted in."""
    error, billed, resent = RULES[name]
    assert may_be_billed(error) is billed
    assert may_be_resent(error) is (resent == "yes")
    assert may_be_resent(error, after_timeout=True) is (resent != "no")


def test_what_may_be_charged_is_tried_three_times_at_most() -> None:
    """However many retries are allowed."""
    policy = RetryPolicy(max_retries=99)
    for attempts in range(1, 6):
        moment = {**MOMENT, "attempts": attempts}
        paid = policy.delay(status(InternalServerError, 500), **moment)
        assert (paid is None) == (attempts >= PAID_ATTEMPTS)
        assert policy.delay(status(OverloadedError, 503), **moment) is not None


@pytest.mark.parametrize(("attempts", "again"), [(1, True), (2, True), (3, False)])
def test_retries_are_counted(attempts: int, again: bool) -> None:  # noqa: FBT001 - the table's column
    """``max_retries`` follow the first attempt, no more and no fewer."""
    wait = RetryPolicy(max_retries=2).delay(status(OverloadedError, 503), **{**MOMENT, "attempts": attempts})
    assert (wait is not None) is again


def test_the_budget_is_met_to_the_end_and_not_passed() -> None:
    """An attempt that starts just within the budget starts, a later one does not."""
    policy, error = RetryPolicy(budget=10.0), status(RateLimitError, 429, retry_after=4.0)
    assert policy.delay(error, **{**MOMENT, "elapsed": 6.0 - LATER}) == 4.0 + LATER
    assert policy.delay(error, **{**MOMENT, "elapsed": 6.0}) is None


@pytest.mark.parametrize(
    ("error", "attempts", "wait"),
    [
        (status(RateLimitError, 429, retry_after=3.0), 1, 3.0 + LATER),
        (status(OverloadedError, 503, retry_after=0.0), 1, LATER),
        (status(RateLimitError, 429), 1, 40.5),
        (status(OverloadedError, 503), 1, 1.125),
        (status(OverloadedError, 503), 4, 9.0),
        (status(OverloadedError, 503), 30, 67.5),
        (APIConnectionError("x", phase="reused"), 1, 0.0),
        (APIConnectionError("x", phase="fresh"), 1, 1.125),
    ],
)
def test_waits(error: ResayilError, attempts: int, wait: float) -> None:
    """As the service asks, to the next minute, or doubling to a bound, with some chance in it."""
    assert RetryPolicy().wait(error, attempts=attempts, now=20.0, jitter=0.5) == pytest.approx(wait)


def test_the_quota_is_taken_one_by_one_and_given_back_one_by_one() -> None:
    """So many retries without a success; each success allows one more, and a 429 takes none."""
    quota, error = RetryQuota(), status(OverloadedError, 503)
    taken = [quota.take(error) for _ in range(RetryQuota.CAPACITY + 3)]
    assert taken == [True] * RetryQuota.CAPACITY + [False] * 3
    assert quota.take(status(RateLimitError, 429))
    quota.give_back()
    assert [quota.take(error) for _ in range(3)] == [True, False, False]
    for _ in range(RetryQuota.CAPACITY + 5):
        quota.give_back()
    assert [quota.take(error) for _ in range(RetryQuota.CAPACITY + 1)] == [True] * RetryQuota.CAPACITY + [
        False
    ]


def test_nothing_is_sent_again_once_something_was_delivered() -> None:
    """An error with partial content is never retried, whatever its class."""
    error = RateLimitError("x", status_code=429)
    assert may_be_resent(error)
    error.partial_text = "م"
    assert not may_be_resent(error)


def test_a_retry_without_a_slot_tells_what_the_service_said() -> None:
    """Where the limit leaves no slot for another attempt, the error is the service's, not the limiter's."""
    transport = Scripted(json_reply({"error": {"message": "x"}}, 503, **{"retry-after-ms": "1"}))
    client = client_of(transport, max_retries=2, requests_per_minute=1, limit_max_wait=0)
    with pytest.raises(OverloadedError) as caught:
        client.chat(MODEL, "س")
    assert caught.value.attempts == len(transport.requests) == 1
