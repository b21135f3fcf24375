"""One call over its attempts, driven by hand: slots, retries, the deadline and what is told of the limit."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Any

import pytest
from core.exchange import JSON, URL, Call, answered

from resayil.effects import (
    Acquire,
    Close,
    CloseWindow,
    Failure,
    GiveBack,
    Head,
    Observe,
    Read,
    Send,
    Sleep,
    Used,
    Wait,
)
from resayil.errors import (
    APIConnectionError,
    LocalRateLimitError,
    OverloadedError,
    RateLimitError,
    ResayilError,
    UnexpectedContentError,
)
from resayil.limits import NOW, Place, Refused
from resayil.retry import LATER, RetryPolicy

DOWN = Head(503, {"retry-after": "5"})
REUSED = Failure("connection", "reused", "closed")


def test_what_is_asked_for_in_which_order() -> None:
    """A slot, the request, its body; a wait and a new slot between two attempts."""
    call = Call([NOW, REUSED, *answered(b"[1,", b"2]")], [0.0, 5.0], {"deadline": 100.0}).run()
    (first, second), sends = call.of(Acquire), call.of(Send)
    identity = sends[0].headers["idempotency-key"]
    assert call.result == [1, 2]
    assert call.effects == [
        Acquire(first.identity, 100.0),
        Send("POST", URL, {"idempotency-key": identity}, b"{}", 100.0, 1100.0),
        Close(),
        Sleep(0.0),
        Acquire(second.identity, 95.0),
        Send("POST", URL, {"idempotency-key": identity}, b"{}", 95.0, 1100.0),
        *[Read(1100.0)] * 3,
    ]
    assert first.identity != second.identity


def test_a_callers_own_idempotency_key_stays() -> None:
    """And what has no body, and so no cost, gets none."""
    given = {"idempotency-key": "mine"}
    assert Call(answered(b"1"), headers=given).run().of(Send)[0].headers == given
    assert Call(answered(b"1"), body=None).run().of(Send)[0].headers == {}


def test_waiting_for_slots_costs_no_retry_budget_but_the_deadline() -> None:
    """Neither the first wait nor the second counts, and what is left to wait for shrinks."""
    bounds = {"deadline": 900.0, "max_wait": 150.0}
    outcomes = [
        Place(100.0, 4), NOW, DOWN, None,
        Place(90.0, 2, check=60.0), Place(30.0, 1), NOW, *answered(b"1")[1:],
    ]  # fmt: skip
    call = Call(outcomes, bounds=bounds, policy=RetryPolicy(budget=10.0)).run()
    assert call.of(Wait) == [
        Wait(100.0, 100.0, 4, True, "t"),  # noqa: FBT003 - the effect's own fields
        Wait(60.0, 90.0, 2, True, "t"),  # noqa: FBT003 - the same
        Wait(30.0, 30.0, 1, False, "t"),  # noqa: FBT003 - the same
    ]
    assert [effect.max_wait for effect in call.of(Acquire)] == [150.0, 50.0, 150.0, 90.0, 60.0]
    late = Call([Place(160.0), NOW, *answered(b"1")[1:]], bounds=bounds).run()
    assert [effect.max_wait for effect in late.of(Acquire)] == [150.0, 0.0]
    again = Call([Place(100.0), NOW, DOWN, None] * 3, policy=RetryPolicy(budget=11.0))
    assert again.error().attempts == 3  # only the two waits of 5 s are in the budget


@pytest.mark.parametrize(
    ("bounds", "refused", "why"),
    [
        ({"max_wait": 5.0}, Refused(7.25), "limit_max_wait is 5 s"),
        ({"deadline": 5.0, "max_wait": 7.25}, Refused(7.25), "the call's deadline comes first"),
        ({"max_wait": 5.0}, Refused(7.25, "the store is gone"), "the store is gone"),
    ],
)
def test_without_a_slot_nothing_is_sent(bounds: dict[str, Any], refused: Refused, why: str) -> None:
    """The error says how far the slot is, what forbids to wait for it, and what to do."""
    call = Call([refused], bounds=bounds)
    error = call.error()
    assert type(error) is LocalRateLimitError
    assert error.message == (
        f"The next slot of this key's request limit is 7.2 s away, and {why}. "
        "Nothing was sent; come back then, or allow a longer wait."
    )
    assert (error.retry_after, error.attempts, error.maybe_billed) == (7.25, 0, 0)
    assert not call.of(GiveBack)


def test_a_retry_without_a_slot_has_failed_of_what_came_before() -> None:
    """Its error is the last attempt's, and so is what stands behind that."""
    cause = OSError("cable")
    outcomes = [NOW, Failure("connection", "fresh", "x", cause), Refused(9.0)]
    error = Call(outcomes, policy=RetryPolicy(max_retries=1)).error()
    assert type(error) is APIConnectionError
    assert error.__cause__ is cause
    assert (error.attempts, error.maybe_billed) == (1, 1)


def test_a_slot_that_is_not_used_is_given_back() -> None:
    """When the deadline has passed as it comes, and when its task is cancelled; not when the flow is left."""
    call = Call([NOW, NOW], [10.0], {"deadline": 10.0})
    error = call.error()
    assert (error.phase, error.attempts, error.maybe_billed) == ("deadline", 0, 0)
    assert error.message == "The call's deadline of 10 s passed."
    assert [effect.identity for effect in call.of(GiveBack)] == [call.of(Acquire)[0].identity]
    flow = Call([]).flow()
    asked: Any = next(flow)
    flow.send(Place(3.0))
    assert flow.throw(CancelledError()) == GiveBack(asked.identity)
    with pytest.raises(CancelledError):
        next(flow)
    left = Call([]).flow()
    next(left)
    left.close()


def test_a_request_that_went_out_late_is_told_of_its_own_slot() -> None:
    """The last one asked for, with the time since it really went out."""
    down, answer = Head(503, {"retry-after": "1"}, 1002.0), Head(200, JSON, 1007.0)
    call = Call([NOW, down, None, NOW, answer, b"1", None], [0.0, 2.5, 0.0, 0.0, 5.0]).run()
    slots = [effect.identity for effect in call.of(Acquire)]
    assert [effect.identity for effect in call.of(Used)] == slots
    assert [effect.ago for effect in call.of(Used)] == pytest.approx([0.5, 1.5 + LATER])


@pytest.mark.parametrize(("seconds", "kind"), [(9.0, OverloadedError), (10.0, APIConnectionError)])
def test_no_attempt_begins_at_the_deadline_or_after(seconds: float, kind: type[ResayilError]) -> None:
    """The error is then the last attempt's."""
    error = Call([NOW, REUSED, NOW, DOWN, None], [0.0, seconds], {"deadline": 10.0}).error()
    assert type(error) is kind


def test_the_quota_is_asked_for_what_would_be_sent_again() -> None:
    """Once for each such retry, with its error; a refusal ends the call."""
    asked: list[ResayilError] = []

    def refuse(error: ResayilError) -> bool:
        asked.append(error)
        return len(asked) == 1

    call = Call([NOW, REUSED] * 3, may_retry=refuse)
    assert call.error() is asked[1]
    assert [type(error) for error in asked] == [APIConnectionError] * 2
    for outcomes, bounds in (
        ([NOW, Head(400, {}), None], {}),
        ([NOW, DOWN, None], {"deadline": 5.0}),
    ):
        Call(outcomes, bounds=bounds, may_retry=refuse).error()
    assert len(asked) == 2


def test_a_429_closes_the_window_for_as_long_as_the_call_waits() -> None:
    """By the minute or by doubling with each attempt; told once for each."""
    limited = [NOW, Head(429, {}), None]
    call = Call([*limited, *limited, *answered(b"1")]).run()
    assert [effect.seconds for effect in call.of(CloseWindow)] == pytest.approx([40.5, 60.0])
    assert [effect.seconds for effect in call.of(Sleep)] == pytest.approx([40.5, 60.0])
    doubling = Call([*limited, *limited, *answered(b"1")], policy=RetryPolicy(unhinted_429="backoff")).run()
    assert doubling.of(CloseWindow) == [CloseWindow(1.125), CloseWindow(2.25)]


@pytest.mark.parametrize(
    ("limit", "seen"),
    [("1", [1]), ("0", []), ("100000", [100_000]), ("100001", []), ("²", []), ("", [])],
)
def test_the_limit_that_a_reply_names(limit: str, seen: list[int]) -> None:
    """Taken over where it can be one."""
    call = Call(answered(b"1", x_ratelimit_limit=limit)).run()
    assert call.of(Observe) == [Observe(number) for number in seen]


def test_a_full_window_is_closed_by_an_answer_alone() -> None:
    """Until its reset; an error says by itself when to come back."""
    full = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1.5"}
    assert Call(answered(b"1", status=299, **full)).run().of(CloseWindow) == [CloseWindow(0.5, refused=False)]
    dated = {**full, "x_ratelimit_reset": "600000030"}
    assert Call(answered(b"1", **dated)).run().of(CloseWindow) == [CloseWindow(9.0, refused=False)]
    for status, reset in ((300, "30"), (200, "0")):
        call = Call(answered(b"1", status=status, **{**full, "x_ratelimit_reset": reset}))
        if status == 300:
            assert type(call.error()) is UnexpectedContentError
        else:
            call.run()
        assert not call.of(CloseWindow)


def test_a_429_is_no_other_error() -> None:
    """Other failures leave the window open."""
    call = Call([NOW, DOWN, None, *answered(b"1")]).run()
    assert not call.of(CloseWindow)
    limited = Call([NOW, Head(429, {}), None], policy=RetryPolicy(max_retries=0))
    assert type(limited.error()) is RateLimitError
    assert len(limited.of(CloseWindow)) == 1
