"""What a call does about slots, driven by hand: waiting, late answers, closed windows, headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from core.support import FakeClock
from limits.support import drive

from resayil import (
    RateLimitError,
)
from resayil.effects import Acquire, CloseWindow, GiveBack, Head, Observe, Send, Used, Wait
from resayil.limits import NOW, Place, Refused


def test_waiting_for_a_slot_is_no_retrying() -> None:
    """Seconds in the queue do not count against the retry budget."""
    sends = iter((Head(429, {"retry-after": "5"}), Head(200, {})))

    def outcome(effect: Any, clock: FakeClock) -> Any:
        match effect:
            case Acquire():
                clock.now += 100.0
                return NOW
            case Send():
                return next(sends)
        return None

    effects, _ = drive({"retry_budget": 10.0, "limit_max_wait": None}, outcome)
    assert sum(isinstance(effect, Send) for effect in effects) == 2


def test_a_429_closes_the_window_for_the_time_it_names() -> None:
    """Retry-After, else the policy's own wait, reaches all who share the limit, also at the last attempt."""

    def outcome(head: Head) -> Callable[[Any, FakeClock], Any]:
        return lambda effect, _: {Acquire: NOW, Send: head}.get(type(effect))

    for settings, headers, seconds in (
        ({"max_retries": 0}, {"retry-after": "7"}, 7.0),
        ({"max_retries": 1}, {"retry-after-ms": "300"}, 0.3),
        ({"max_retries": 0, "unhinted_429": "backoff"}, {}, 1.125),
        ({"max_retries": 0}, {}, 40.5),
    ):
        effects, error = drive(settings, outcome(Head(429, headers)))
        closed = [effect.seconds for effect in effects if isinstance(effect, CloseWindow)]
        assert isinstance(error, RateLimitError)
        assert closed == pytest.approx([seconds] * (settings["max_retries"] + 1), abs=0.6)


def test_the_header_is_observed_and_nonsense_is_not() -> None:
    """``X-RateLimit-Limit`` is taken over where it is a limit."""
    for told, seen in (("30", [30]), ("0", []), ("-1", []), ("many", []), ("١٢", []), ("9" * 30, [])):
        effects, _ = drive(
            {},
            lambda effect, _, told=told: {Acquire: NOW, Send: Head(200, {"x-ratelimit-limit": told})}.get(
                type(effect)
            ),
        )
        assert [effect.requests for effect in effects if isinstance(effect, Observe)] == seen


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "30"}, [29.0]),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1760000020"}, [19.0]),
        (  # the service's own date stands before this machine's clock
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1760000020",
                "date": "Thu, 09 Oct 2025 08:53:30 GMT",
            },
            [9.0],
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1760009999"}, []),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, []),
        ({"x-ratelimit-remaining": "0"}, []),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "30"}, []),
    ],
)
def test_a_window_that_others_filled_is_respected(headers: dict[str, str], seconds: list[float]) -> None:
    """With nothing remaining the window stays closed until its reset, and the margin stays as it is."""
    effects, _ = drive({}, lambda effect, _: {Acquire: NOW, Send: Head(200, headers)}.get(type(effect)))
    closed = [effect for effect in effects if isinstance(effect, CloseWindow)]
    assert [effect.seconds for effect in closed] == pytest.approx(seconds, abs=0.1)
    assert not any(effect.refused for effect in closed)


def test_after_a_wait_the_store_is_asked_again() -> None:
    """A place may have moved while its owner slept; only a place that is due is used."""
    places = iter((Place(5.0, 3), Place(2.0, 0, check=1.0), Place(1.0), NOW))

    def outcome(effect: Any, clock: FakeClock) -> Any:
        match effect:
            case Acquire():
                return next(places)
            case Wait():
                clock.now += effect.seconds
            case Send():
                return Head(200, {})
        return None

    effects, _ = drive({}, outcome)
    waits = [effect for effect in effects if isinstance(effect, Wait)]
    assert [(wait.seconds, wait.first) for wait in waits] == [(5.0, True), (1.0, False), (1.0, False)]
    assert len({effect.identity for effect in effects if isinstance(effect, Acquire)}) == 1


def test_an_answer_that_comes_late_is_asked_for_again() -> None:
    """A slot counts from when it is used, so a grant that lay about is renewed, a few times at most."""
    late = iter((3.0, 3.0, 0.0))

    def outcome(effect: Any, clock: FakeClock, delays: Any = late) -> Any:
        match effect:
            case Acquire():
                clock.now += next(delays, 3.0)
                return NOW
            case Send():
                return Head(200, {})
        return None

    effects, _ = drive({}, outcome)
    assert sum(isinstance(effect, Acquire) for effect in effects) == 3
    effects, _ = drive({}, lambda effect, clock: outcome(effect, clock, iter(())))
    assert sum(isinstance(effect, Acquire) for effect in effects) == 5


def test_a_request_that_went_out_late_is_reported() -> None:
    """Connecting took two seconds: the slot counts from the end of them, as those behind it learn."""
    for late, reported in ((2.0, [0.5]), (0.001, [])):

        def outcome(effect: Any, clock: FakeClock, late: float = late) -> Any:
            match effect:
                case Acquire():
                    return NOW
                case Send():
                    clock.now += late + 0.5
                    return Head(200, {}, clock.now - 0.5)
            return None

        effects, _ = drive({}, outcome)
        assert [effect.ago for effect in effects if isinstance(effect, Used)] == pytest.approx(reported)


def test_a_refusal_after_an_answer_raises_the_answer() -> None:
    """Where a retry finds no slot in time, the call has failed of what the service said."""
    slots = iter((NOW, Refused(99.0)))
    replies = {"retry-after": "1"}
    effects, error = drive(
        {},
        lambda effect, _: (
            next(slots)
            if isinstance(effect, Acquire)
            else Head(429, replies)
            if isinstance(effect, Send)
            else None
        ),
    )
    assert isinstance(error, RateLimitError)
    assert error.attempts == 1
    assert not any(isinstance(effect, GiveBack) for effect in effects)
