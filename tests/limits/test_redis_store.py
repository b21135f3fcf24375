"""The limit in Redis: outages, and a script that is the arithmetic of `Plan`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.conftest import RedisServer, free_port
from limits.support import TEN, wait_of

from resayil.errors import ConfigurationError
from resayil.limit_redis import RedisStore
from resayil.limit_stores import StoreError
from resayil.limits import Place, Plan, Quota, Refused


def test_a_restarted_redis_is_a_full_window(redis_server: RedisServer) -> None:
    """Who used the lost state closes the window; who comes new to an empty Redis does not."""
    store = RedisStore(redis_server.url)
    quota = Quota(3, 5.0, 0.0)
    store.ask("k", quota, "a", 9)
    store._epochs._seen["k"].at -= 100.0  # noqa: SLF001 - the outage may be long
    redis_server.kill()
    with pytest.raises(StoreError):
        store.ask("k", quota, "b", 9)
    redis_server.start()
    assert wait_of(store.ask("k", quota, "b", 9)) == pytest.approx(5.0, abs=0.1)
    assert wait_of(RedisStore(redis_server.url).ask("new", quota, "b", 9)) == 0


def test_a_redis_that_answers_nothing_is_no_hang(redis_server: RedisServer) -> None:
    """A frozen server costs half a second, not the call."""
    store = RedisStore(redis_server.url)
    store.ask("k", TEN, "a", 9)
    redis_server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreError):
        store.ask("k", TEN, "b", 9)
    assert time.monotonic() - began < 2
    redis_server.thaw()


def test_no_redis_at_all_is_told(tmp_path: Path) -> None:
    """A closed port is an error of the store, at once."""
    with pytest.raises(StoreError):
        RedisStore(f"redis://127.0.0.1:{free_port()}").ask("k", TEN, "a", 9)
    with pytest.raises(ConfigurationError, match="no address"):
        RedisStore(f"redis://127.0.0.1:port/{tmp_path.name}")


def test_keys_of_redis_vanish(redis_server: RedisServer) -> None:
    """Nothing is left in Redis once no window needs it."""
    store = RedisStore(redis_server.url)
    store.ask("k", Quota(1, 0.05, 0.0), "a", 9)
    store.close("k", Quota(1, 0.05, 0.0), 0.1)
    assert store.client.dbsize() > 0
    due = time.monotonic() + 3
    while store.client.dbsize():
        assert time.monotonic() < due
        time.sleep(0.02)


@pytest.fixture
def pair(redis_server: RedisServer) -> Iterator[RedisStore]:
    """A store on Redis whose clock the test sets."""
    store = RedisStore(redis_server.url)
    yield store
    store.client.close()


Step = tuple[str, int, float]


def _steps() -> st.SearchStrategy[list[Step]]:
    one = st.tuples(
        st.sampled_from(("ask", "ask", "ask", "again", "again", "give_back", "used", "close", "full")),
        st.integers(0, 30),
        st.sampled_from((0.0, 0.001, 0.3, 1.0, 4.0, 11.0)),
    )
    return st.lists(one, min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_steps(),
    quota=st.builds(
        Quota, st.integers(1, 4), st.sampled_from((2.0, 10.0)), st.none() | st.sampled_from((0.0, 0.3))
    ),
    lower=st.none() | st.integers(1, 4),
)
def test_the_lua_script_is_the_plan(
    pair: RedisStore, steps: list[Step], quota: Quota, lower: int | None
) -> None:
    """Every answer of the script is that of the arithmetic, over any sequence of operations."""
    pair.client.flushall()
    pair._epochs._seen.clear()  # noqa: SLF001 - a flushed server is not a lost one here
    plan, now = Plan(), 1000.0
    for number, (kind, which, pause) in enumerate(steps):
        now += pause + 1e-4
        rate = Quota(lower, quota.window, quota.margin) if lower and number > len(steps) // 2 else quota
        name = f"{number if kind == 'ask' else which}"
        if kind == "give_back":
            plan.give_back(name)
            pair.give_back("k", name)
        elif kind == "used":
            plan.used(rate, name, now, pause)
            pair.used("k", rate, name, pause, now=now)
        elif kind in {"close", "full"}:
            plan.close(rate, now, pause, refused=kind == "close")
            pair.close("k", rate, pause, refused=kind == "close", now=now)
        else:
            ours = plan.ask(rate, name, now, 60.0)
            theirs = pair.ask("k", rate, name, 60.0, now=now)
            assert _shape(theirs) == pytest.approx(_shape(ours), abs=1e-6), (number, kind)


def _shape(answer: Place | Refused) -> tuple[float, ...]:
    return (-1.0, answer.retry_after) if isinstance(answer, Refused) else (answer.wait, float(answer.queued))
