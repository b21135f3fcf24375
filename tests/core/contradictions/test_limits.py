"""How many requests a minute holds, and how long to wait: rows C19–C21 of the table."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import MODEL, Scripted, answer, client_of, emulator_of, json_reply

from resayil import Client, ErrorResponse, LocalRateLimitError, RateLimitError
from resayil.codecs.envelopes import error_from
from resayil.retry import RetryPolicy


def test_c19_no_more_than_allowed_in_any_minute() -> None:
    """Whatever is asked for counts, and the request above the limit is not sent at all."""
    transport = Scripted(json_reply(answer()), json_reply({"data": []}), json_reply(answer()))
    client = client_of(transport, requests_per_minute=2, limit_max_wait=0)
    client.chat(MODEL, "س")
    client.models()
    with pytest.raises(LocalRateLimitError) as caught:
        client.chat(MODEL, "س")
    assert len(transport.requests) == 2
    assert caught.value.retry_after is not None
    assert 55 < caught.value.retry_after <= 65


@pytest.mark.parametrize(
    ("plan", "allowed"), [("starter", 10), ("Basic", 10), ("pro", 30), ("enterprise", 60), (4, 4)]
)
def test_c20_a_plans_name_or_a_number(plan: str | int, allowed: int) -> None:
    """Either says how many requests a minute may hold."""
    transport = Scripted(json_reply({"data": []}))
    client = client_of(transport, requests_per_minute=plan, limit_max_wait=0)
    for _ in range(allowed):
        client.models()
    with pytest.raises(LocalRateLimitError):
        client.models()
    assert len(transport.requests) == allowed


def test_c20_the_limit_headers_reach_the_caller() -> None:
    """What the service says of its limit is in the response."""
    emulator = emulator_of()
    key = emulator.add_key(plan="basic")
    with Client(key, emulator.base_url, transport=emulator.transport()) as client:
        response = client.chat(MODEL, "س")
    assert response.headers["x-ratelimit-limit"] == "10"
    assert response.headers["x-ratelimit-remaining"] == "9"


@pytest.mark.parametrize("oddities", [(), ("fixed-minute",)])
def test_c19_either_way_of_counting_tells_how_long_to_wait(oddities: tuple[str, ...]) -> None:
    """A rolling or a fixed minute: the 429 is typed, with the wait that the service asks for."""
    emulator = emulator_of(*oddities)
    key = emulator.add_key(requests_per_minute=1)
    with Client(key, emulator.base_url, transport=emulator.transport(), max_retries=0) as client:
        client.models()
        with pytest.raises(RateLimitError) as caught:
            client.models()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


HINTS: list[tuple[dict[str, str], dict[str, Any], float | None]] = [
    ({"retry-after": "7"}, {"retry_after": 3}, 7.0),
    ({}, {"retry_after": 3}, 3.0),
    ({}, {"error": {"message": "x", "retry_after": 4}}, 4.0),
    ({}, {"error": {"message": "x", "retry_after": 4}, "retry_after": 9}, 4.0),
    ({}, {}, None),
]


@pytest.mark.parametrize(("headers", "body", "expected"), HINTS)
def test_c21_where_the_wait_is_read(headers: dict[str, str], body: object, expected: float | None) -> None:
    """The header first, then the body, inside the error or at its top."""
    assert error_from(ErrorResponse(429, headers), body, now=0.0).retry_after == expected


def _delay(status: int, attempts: int, *, hint: float | None = None, **policy: Any) -> float | None:
    error = error_from(ErrorResponse(status), {"retry_after": hint}, now=0.0)
    made = RetryPolicy(**{"max_retries": 99, "budget": 1e9, **policy})
    return made.delay(error, attempts=attempts, elapsed=0.0, now=100.0, jitter=0.5)


def test_c21_how_long_the_client_waits() -> None:
    """A hair longer than told; an unhinted 429 till the next minute and up to a second; else by doubling."""
    assert 5 < (_delay(429, 1, hint=5) or 0) < 5.05
    assert _delay(429, 1) == 20.5
    assert _delay(429, 3, unhinted_429="backoff") == 4.5
    assert [_delay(529, n) for n in (1, 2, 3, 4)] == [1.125, 2.25, 4.5, 9.0]
    assert _delay(529, 30) == 67.5
    assert [_delay(500, n) for n in (1, 2, 3)] == [1.125, 2.25, None]
    assert not [status for status in (400, 401, 402, 403, 404, 413, 422) if _delay(status, 1) is not None]
