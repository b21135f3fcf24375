from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from resayil.emulator import Emulator

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

Keyed = Callable[..., "Client"]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """Tell the time that was set."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def keyed(client: Client, clock: Clock) -> Keyed:
    """A client with a limited key on an emulator that goes by the test's clock."""

    def build(**key: object) -> Client:
        emulator = Emulator(clock=clock)
        return type(client)(emulator, emulator.add_key(**key))  # type: ignore[arg-type] # either kind of client

    return build


@pytest.mark.parametrize(("plan", "limit"), [("starter", 10), ("basic", 10), ("pro", 30), ("enterprise", 60)])
def test_plan_allows_so_many_requests_in_a_minute(keyed: Keyed, plan: str, limit: int) -> None:
    """The request after the plan's last is 429 and says when to come back, in body and headers."""
    client = keyed(plan=plan, credits=10**9)
    assert [client.http.get("/models").status_code for _ in range(limit)] == [200] * limit
    response = client.chat()
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "rate_limit_exceeded"
    assert str(limit) in response.json()["error"]["message"]
    assert response.json()["retry_after"] == 60
    assert response.headers["x-ratelimit-limit"] == str(limit)
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert int(response.headers["x-ratelimit-reset"]) == 1_000_060


def test_window_rolls(keyed: Keyed, clock: Clock) -> None:
    """A slot comes back sixty seconds after its own request, not with the minute; a refusal takes none."""
    client = keyed(requests_per_minute=2)
    client.chat()
    clock.now += 30
    client.chat()
    assert client.chat().status_code == 429
    clock.now += 29.9
    assert client.chat().json()["retry_after"] == 1
    clock.now += 0.2
    assert client.chat().status_code == 200
    assert client.chat().status_code == 429


def test_429_of_the_messages_dialect(keyed: Keyed) -> None:
    """The limit is one for both dialects, each with its own envelope."""
    client = keyed(requests_per_minute=1)
    client.chat()
    assert client.message().json()["error"]["type"] == "rate_limit_error"


def test_keys_do_not_share_a_window(keyed: Keyed) -> None:
    """A second key of the same emulator has its own minute; the default key has no limit."""
    client = keyed(requests_per_minute=1)
    client.chat()
    client.http.headers["authorization"] = f"Bearer {client.emulator.add_key(requests_per_minute=1)}"
    assert client.chat().status_code == 200
    client.http.headers["authorization"] = f"Bearer {client.emulator.key}"
    assert [client.chat().status_code for _ in range(100)] == [200] * 100


def test_credits_are_tokens_times_multiplier(keyed: Keyed) -> None:
    """An answer costs its total tokens, twice as much on a cloud model; a refused request costs nothing."""
    client = keyed(credits=5000, requests_per_minute=100)
    key = client.http.headers["authorization"].removeprefix("Bearer ")
    left = Decimal(5000)
    for model, multiplier in (("mistral", 1), ("deepseek-v4-flash", 2)):
        left -= client.chat(model=model).json()["usage"]["total_tokens"] * multiplier
        assert client.emulator.credits(key) == left
    client.chat(model="none")
    assert client.emulator.credits(key) == left
    assert client.emulator.requests[0].credits == client.emulator.requests[0].tokens


def test_spent_credits_are_refused(keyed: Keyed) -> None:
    """With nothing left a chat is 402 in either dialect's envelope; the model list still works."""
    client = keyed(credits=1)
    assert client.chat().status_code == 200
    response = client.chat()
    assert (response.status_code, response.json()["error"]["code"]) == (402, "insufficient_credits")
    assert client.message().status_code == 402
    assert client.http.get("/models").status_code == 200


def test_many_threads_never_exceed_the_limit(keyed: Keyed) -> None:
    """Forty requests from eight threads on a limit of ten: ten pass."""
    client = keyed(requests_per_minute=10, credits=10**9)
    statuses: list[int] = []

    def work() -> None:
        statuses.extend([client.chat().status_code for _ in range(5)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 10 + [429] * 30


def test_unknown_plan_is_refused() -> None:
    """A plan that does not exist raises, and the message lists the plans."""
    with pytest.raises(ValueError, match="starter"):
        Emulator().add_key(plan="gold")
