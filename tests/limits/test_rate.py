"""What a gateway receives: never more than N in any window, and nearly all that the limit allows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from core.support import KEY
from limits.conftest import RedisServer
from limits.gateway import LATENCY, Load, Seen, loaded

from resayil import Settings
from resayil.limiters import limiter_for

SMALL = (25, 3.0, 0.3)
LARGE = (100, 12.0, 0.3)


def _assert_lawful(seen: Seen, began: float, ended: float) -> None:
    requests, window, margin = seen.quota
    figures = f"fullest window {seen.fullest} of {requests}, used {seen.used(began, ended):.1%}, "
    print(f"{figures}overtaken by {seen.longest_overtaking:.1f} s, {len(seen.arrivals)} requests")  # noqa: T201 - the figures
    assert seen.fullest <= requests
    assert seen.used(began, ended) >= 0.97
    assert seen.longest_overtaking <= window + margin + LATENCY


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "load"),
    [
        ("memory", Load(1, 20, 0, 7.2)),
        ("memory", Load(0, 0, 50, 7.2)),
        ("file", Load(2, 4, 60, 10.5)),
        ("redis", Load(2, 4, 60, 10.5)),
    ],
    ids=["20 threads", "50 tasks", "file", "redis"],
)
def test_l01_l02_l03_quickly(kind: str, load: Load, request: pytest.FixtureRequest) -> None:
    """L01–L03 in small: threads, tasks, and three processes of both, with up to 300 ms to the gateway."""
    storage = kind
    if kind == "file":
        folder: Path = request.getfixturevalue("tmp_path")
        storage = f"file:{folder}/limits.json"
    elif kind == "redis":
        storage = request.getfixturevalue("redis_server").url
    began = time.monotonic()
    seen = loaded(SMALL, load, storage)
    first = min(seen.arrivals)
    assert first > began
    _assert_lawful(seen, first, max(seen.arrivals))


@pytest.mark.prove
def test_l01_l02_l03(redis_server: RedisServer) -> None:
    """L01–L03: 4 x 8 threads and 2,000 tasks, clocks 0.7 s apart, through one Redis."""
    seen = loaded(LARGE, Load(4, 8, 2000, 64.0), redis_server.url)
    _assert_lawful(seen, min(seen.arrivals), max(seen.arrivals))


@pytest.mark.prove
def test_l01_through_an_outage(redis_server: RedisServer) -> None:
    """L01 holds while Redis is killed, away for a while, and restarted empty."""
    seen = loaded(
        LARGE, Load(4, 8, 500, 75.0), redis_server.url, (20.0, redis_server.kill), (45.0, redis_server.start)
    )
    print(f"fullest window {seen.fullest} of {LARGE[0]}, {len(seen.arrivals)} requests")  # noqa: T201 - the figures
    assert seen.fullest <= LARGE[0]
    assert len(seen.arrivals) > 3 * LARGE[0]


@pytest.mark.prove
def test_an_uncontended_slot_costs_next_to_nothing() -> None:
    """Under 5 µs of CPU in process, by the best of some rounds: other programs can only add to it."""
    slots = limiter_for(
        Settings.load(api_key=KEY, requests_per_minute=10**9, limit_window=1e-3, limit_margin=0.0)
    )
    costs = []
    for turn in range(7):
        names = [f"{turn}-{n}" for n in range(10_000)]
        began = time.process_time()
        for name in names:
            slots.ask(name, 0.0)
        costs.append((time.process_time() - began) / len(names))
    print(f"{min(costs) * 1e6:.2f} µs CPU per uncontended slot")  # noqa: T201 - the figure
    assert min(costs) < 5e-6
