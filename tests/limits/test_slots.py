"""Slots as callers meet them: refusals, cancellation, closed windows, headers, outages, what is told."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from core.support import KEY, MODEL, FakeClock, Scripted, answer, json_reply
from limits.conftest import RedisServer, free_port

from resayil import (
    AsyncClient,
    Client,
    ConfigurationError,
    LocalRateLimitError,
    RateLimitError,
    ResayilError,
    Settings,
)
from resayil.calls import Calls
from resayil.effects import Acquire, CloseWindow, GiveBack, Head, Observe, Send, Used, Wait
from resayil.limiters import Limiter, NoLimit, limiter_for, store_for
from resayil.limits import NOW, Place, Refused
from resayil.messages import ChatRequest, user

URL = "http://localhost:9/v1"
OK = json_reply(answer())
TOO_MANY = json_reply({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, 429)


def _limited(transport: Any, requests: int = 2, window: float = 0.4, **settings: Any) -> Client:
    given = {"limit_window": window, "limit_margin": 0.0, "max_retries": 0, **settings}
    return Client(KEY, URL, transport=transport, requests_per_minute=requests, **given)


def _async_limited(transport: Any, requests: int = 2, window: float = 0.4, **settings: Any) -> AsyncClient:
    given = {"limit_window": window, "limit_margin": 0.0, "max_retries": 0, **settings}
    return AsyncClient(KEY, URL, transport=transport, requests_per_minute=requests, **given)


def test_every_request_takes_one_slot() -> None:
    """Chat, stream, models, count_tokens and billing draw on the same window."""
    catalogue, balance = json_reply({"data": [{"id": "m"}]}), json_reply({"credits": 5})
    counted = json_reply({"input_tokens": 7})
    transport = Scripted(OK, OK, catalogue, counted, balance, OK)
    client = _limited(transport, 5, 60.0, limit_max_wait=0.0)
    client.chat(MODEL, "س")
    list(client.stream(MODEL, "س"))
    client.models()
    client.count_tokens(MODEL, "س")
    client.balance()
    with pytest.raises(LocalRateLimitError):
        client.chat(MODEL, "س")
    assert len(transport.requests) == 5


def test_each_attempt_takes_a_slot() -> None:
    """A request that is sent again takes another slot (H14)."""
    transport = Scripted(json_reply({}, 503), json_reply({}, 503), OK)
    client = _limited(transport, 3, 60.0, limit_max_wait=0.0, max_retries=2)
    # The back-off is a second and two; time does not matter here.
    flow = client._calls.chat(ChatRequest(MODEL, (user("س"),)), {})  # noqa: SLF001 - driven by hand
    effect, sent = flow.send(None), 0
    slots = []
    while sent < 3:
        if isinstance(effect, Acquire):
            slots.append(effect.identity)
            effect = flow.send(NOW)
        elif isinstance(effect, Send):
            sent += 1
            effect = flow.send(Head(503, {}))
        else:
            effect = flow.send(None)
    assert len(set(slots)) == 3


def test_clients_of_a_key_share_and_others_do_not() -> None:
    """Two clients of one key, sync and async, share a window; another key or host has its own."""
    transport = Scripted(OK)
    one = _limited(transport, 1, 60.0, limit_max_wait=0.0)
    one.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError):
        _limited(transport, 1, 60.0, limit_max_wait=0.0).chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError):
        asyncio.run(_async_limited(transport, 1, 60.0, limit_max_wait=0.0).chat(MODEL, "س"))
    other = {"requests_per_minute": 1, "limit_max_wait": 0.0, "transport": transport}
    Client("sk-another-key-0123", URL, **other).chat(MODEL, "س")  # type: ignore[arg-type] # its own settings
    Client(KEY, "http://127.0.0.1:9/v1", **other).chat(MODEL, "س")  # type: ignore[arg-type]


def test_l04_a_wait_beyond_the_deadline_is_refused() -> None:
    """L04: nothing is sent, the wait is told, the slot is not consumed."""
    transport = Scripted(OK)
    client = _limited(transport, 1, 5.0)
    client.chat(MODEL, "س")
    began = time.monotonic()
    with pytest.raises(LocalRateLimitError, match="deadline") as caught:
        client.chat(MODEL, "س", deadline=1.0)
    assert time.monotonic() - began < 0.5
    assert 4 < (caught.value.retry_after or 0) <= 5
    assert caught.value.attempts == 0
    assert len(transport.requests) == 1
    with pytest.raises(LocalRateLimitError) as again:
        client.chat(MODEL, "س", limit_max_wait=0.5)
    assert (again.value.retry_after or 9) <= (caught.value.retry_after or 0)


def test_the_longest_wait_is_a_setting_and_an_option() -> None:
    """``limit_max_wait`` bounds the wait, per client and per call; ``None`` in the settings is no bound."""
    transport = Scripted(OK)
    client = _limited(transport, 1, 0.5, limit_max_wait=None)
    client.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError, match="limit_max_wait is 0 s"):
        client.chat(MODEL, "س", limit_max_wait=0)
    assert client.chat(MODEL, "س").attempts == 1
    assert client.settings.limit_max_wait is None


def _drive(settings: dict[str, Any], outcomes: Callable[[Any, FakeClock], Any]) -> tuple[list[Any], Any]:
    """Drive a chat by hand; returns its effects and its result or error."""
    clock = FakeClock()
    calls = Calls(Settings.load(api_key=KEY, base_url=URL, **settings), clock.clock())
    flow = calls.chat(ChatRequest(MODEL, (user("س"),)), {})
    effects: list[Any] = []
    try:
        effect = flow.send(None)
        while True:
            effects.append(effect)
            effect = flow.send(outcomes(effect, clock))
    except StopIteration as stop:
        return effects, stop.value
    except ResayilError as error:
        return effects, error


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

    effects, _ = _drive({"retry_budget": 10.0, "limit_max_wait": None}, outcome)
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
        effects, error = _drive(settings, outcome(Head(429, headers)))
        closed = [effect.seconds for effect in effects if isinstance(effect, CloseWindow)]
        assert isinstance(error, RateLimitError)
        assert closed == pytest.approx([seconds] * (settings["max_retries"] + 1), abs=0.6)


def test_the_header_is_observed_and_nonsense_is_not() -> None:
    """``X-RateLimit-Limit`` is taken over where it is a limit."""
    for told, seen in (("30", [30]), ("0", []), ("-1", []), ("many", []), ("١٢", []), ("9" * 30, [])):
        effects, _ = _drive(
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
    effects, _ = _drive({}, lambda effect, _: {Acquire: NOW, Send: Head(200, headers)}.get(type(effect)))
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

    effects, _ = _drive({}, outcome)
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

    effects, _ = _drive({}, outcome)
    assert sum(isinstance(effect, Acquire) for effect in effects) == 3
    effects, _ = _drive({}, lambda effect, clock: outcome(effect, clock, iter(())))
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

        effects, _ = _drive({}, outcome)
        assert [effect.ago for effect in effects if isinstance(effect, Used)] == pytest.approx(reported)


def test_a_refusal_after_an_answer_raises_the_answer() -> None:
    """Where a retry finds no slot in time, the call has failed of what the service said."""
    slots = iter((NOW, Refused(99.0)))
    replies = {"retry-after": "1"}
    effects, error = _drive(
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


def test_l05_cancelled_while_waiting() -> None:
    """L05, tasks: a cancelled wait gives its slot back, and the next caller takes it."""

    async def main() -> None:
        client = _async_limited(Scripted(OK), 1, 0.6)
        await client.chat(MODEL, "س")
        waiting = asyncio.create_task(client.chat(MODEL, "س"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        began = time.monotonic()
        await client.chat(MODEL, "س")
        assert time.monotonic() - began < 0.7

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_l05_cancelled_inside_a_store(kind: str, request: pytest.FixtureRequest) -> None:
    """L05, blocking stores: whoever is cancelled while a thread asks for him leaves no slot taken."""
    if kind == "file":
        storage = f"file:{request.getfixturevalue('tmp_path')}/limits.json"
    else:
        storage = request.getfixturevalue("redis_server").url

    async def main() -> None:
        client = _async_limited(Scripted(OK), 1, 0.6, limit_storage=storage)
        await client.chat(MODEL, "س")
        for pause in (0.0, 0.0, 0.002, 0.1):
            waiting = asyncio.create_task(client.chat(MODEL, "س"))
            await asyncio.sleep(pause)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        began = time.monotonic()
        await client.chat(MODEL, "س")
        assert time.monotonic() - began < 0.8

    asyncio.run(main())


class Slow:
    """Slots of a store that takes its time."""

    blocking = True

    def __init__(self) -> None:
        self.done: list[str] = []

    def ask(self, _identity: str, _max_wait: float) -> Place:
        """A place, after a while."""
        time.sleep(0.1)
        self.done.append("ask")
        return NOW

    def give_back(self, _identity: str) -> None:
        """Taken back."""
        self.done.append("give_back")


async def test_l05_nothing_is_given_back_before_it_is_taken() -> None:
    """A cancelled call waits for its thread, else the slot would be taken after it was given back."""
    client, slow = _async_limited(Scripted(OK)), Slow()
    client._pool.slots = slow  # type: ignore[assignment] # noqa: SLF001 - what it needs of them
    call = asyncio.create_task(client.chat(MODEL, "س"))
    await asyncio.sleep(0.03)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert slow.done == ["ask", "give_back"]


def test_l05_interrupted_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """L05, Ctrl-C: a thread that is interrupted in the queue gives its slot back."""
    client = _limited(Scripted(OK), 1, 60.0)
    client.chat(MODEL, "س")

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("resayil.transport.time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError) as caught:
        client.chat(MODEL, "س", limit_max_wait=0.0)
    assert (caught.value.retry_after or 0) <= 60


def test_l06_the_wall_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """L06: a wall clock set an hour forward or back changes nothing, in memory and in a file."""
    for storage in ("memory", f"file:{tmp_path}/limits.json"):
        client = _limited(Scripted(OK), 1, 60.0, limit_storage=storage, limit_max_wait=0.0)
        client.chat(MODEL, "س")
        for hours in (1, -1):
            wall = time.time() + hours * 3600
            with monkeypatch.context() as patched:
                patched.setattr("time.time", lambda wall=wall: wall)
                with pytest.raises(LocalRateLimitError) as caught:
                    client.chat(MODEL, "س")
            assert 58 < (caught.value.retry_after or 0) <= 60


def test_l07_a_store_that_is_gone_leaves_a_share(caplog: pytest.LogCaptureFixture) -> None:
    """L07: without Redis each process has N/processes, one warning is logged, nothing hangs or crashes."""
    storage = f"redis://127.0.0.1:{free_port()}"
    transport = Scripted(OK)
    client = _limited(transport, 8, 60.0, limit_storage=storage, limit_processes=4, limit_max_wait=0.0)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "resayil"):
        for _ in range(2):
            client.chat(MODEL, "س")
        with pytest.raises(LocalRateLimitError):
            client.chat(MODEL, "س")
    assert time.monotonic() - began < 3
    assert len(transport.requests) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "limit_processes" in caplog.text


def test_l07_redis_dies_and_comes_back(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """L07: after Redis is killed one window passes in silence, then the share goes; back again, all of it."""
    transport = Scripted(OK)
    client = _limited(transport, 4, 1.0, limit_storage=redis_server.url, limit_processes=2)
    sent: list[float] = []

    def call() -> None:
        client.chat(MODEL, "س")
        sent.append(time.monotonic())

    for _ in range(4):
        call()
    redis_server.kill()
    killed = time.monotonic()
    with caplog.at_level(logging.WARNING, "resayil"):
        call()
        call()
    assert sent[4] - killed > 0.9
    redis_server.start()
    for _ in range(6):
        call()
    for start in sent:
        assert sum(start <= at < start + 0.99 for at in sent) <= 4
    assert sum("is gone" in record.message for record in caplog.records) == 1


def test_l08_a_429_holds_every_worker_back() -> None:
    """L08: when one worker is told to wait, the others of the key wait as well."""
    transport = Scripted(
        json_reply({"error": {"code": "429", "message": "x"}}, 429, **{"retry-after": "1"}), OK
    )
    client = _limited(transport, 50, 60.0)
    with pytest.raises(RateLimitError):
        client.chat(MODEL, "س")
    began = time.monotonic()
    _limited(transport, 50, 60.0).chat(MODEL, "س")
    assert time.monotonic() - began > 0.9


def test_a_long_wait_is_logged_once_and_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait over a second logs one warning that names the setting; ``on_wait`` hears of every wait."""
    told: list[tuple[float, int]] = []
    monkeypatch.setattr("resayil.limiters.SHOWN_WAIT", 0.1)
    given: dict[str, Any] = {"limit_window": 0.4, "limit_margin": 0.0, "requests_per_minute": 1}
    client = Client(KEY, URL, transport=Scripted(OK), on_wait=lambda *wait: told.append(wait), **given)
    with caplog.at_level(logging.WARNING, "resayil"):
        threads = [threading.Thread(target=client.chat, args=(MODEL, "س")) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(queued for _, queued in told) == [0, 1]
    assert all(0 < seconds < 0.9 for seconds, _ in told)
    assert len(caplog.records) == 1
    assert "RESAYIL_PLAN" in caplog.text


# The settings


@pytest.mark.parametrize(
    ("base_url", "given", "limit"),
    [
        ("https://llmapi.resayil.io/v1", {}, 10),
        ("https://llm.resayil.io", {}, 10),
        ("https://evil-resayil.io/v1", {}, None),
        (URL, {}, None),
        (URL, {"requests_per_minute": "pro"}, 30),
        (URL, {"requests_per_minute": "Enterprise"}, 60),
        (URL, {"requests_per_minute": 7}, 7),
        (URL, {"requests_per_minute": "7"}, 7),
        ("https://llmapi.resayil.io/v1", {"requests_per_minute": None}, None),
        ("https://llmapi.resayil.io/v1", {"requests_per_minute": "none"}, None),
    ],
)
def test_the_limit_of_a_client(base_url: str, given: dict[str, Any], limit: int | None) -> None:
    """A number, a plan, none, or auto: ten on the service's hosts and none elsewhere."""
    slots = limiter_for(Settings.load(api_key=KEY, base_url=base_url, **given))
    if limit is None:
        assert isinstance(slots, NoLimit)
    else:
        assert isinstance(slots, Limiter)
        assert slots.quota.requests == limit


def test_the_environment_names_plan_and_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``RESAYIL_PLAN`` and ``RESAYIL_LIMIT_STORAGE`` are read where no argument is given."""
    monkeypatch.setenv("RESAYIL_PLAN", "pro")
    monkeypatch.setenv("RESAYIL_LIMIT_STORAGE", f"file:{tmp_path}/l.json")
    settings = Settings.load(api_key=KEY)
    assert (settings.requests_per_minute, settings.limit_storage) == ("pro", f"file:{tmp_path}/l.json")
    assert Settings.load(api_key=KEY, requests_per_minute=5, limit_storage="memory").limit_storage == "memory"
    monkeypatch.setenv("RESAYIL_PLAN", "platinum")
    with pytest.raises(ConfigurationError, match="platinum"):
        Settings.load(api_key=KEY)


def test_a_storage_password_is_not_shown() -> None:
    """The storage's address may hold a password: not in repr, not in a pickle."""
    settings = Settings.load(api_key=KEY, limit_storage="redis://:s3cret-word@localhost/0")
    assert "s3cret-word" not in repr(settings)
    assert b"s3cret-word" not in pickle.dumps(settings)


@pytest.mark.parametrize(
    ("given", "told", "limit"),
    [("auto", 60, 60), ("auto", 5, 5), ("pro", 60, 60), (20, 60, 20), (20, 5, 5)],
)
def test_the_service_knows_its_limit(given: Any, told: int, limit: int) -> None:
    """Auto and plans follow ``X-RateLimit-Limit``; a number stays the most that is used."""
    slots = limiter_for(
        Settings.load(api_key=KEY, base_url="https://llmapi.resayil.io", requests_per_minute=given)
    )
    assert isinstance(slots, Limiter)
    slots.observe(told)
    assert slots.quota.requests == limit


def test_the_services_hosts_are_one() -> None:
    """A key's limit holds over all addresses of the service."""
    first, second = (
        limiter_for(Settings.load(api_key=KEY, base_url=url, requests_per_minute=1))
        for url in ("https://llmapi.resayil.io", "https://llm.resayil.io/api/v1")
    )
    assert first.ask("a", 0) == NOW
    assert isinstance(second.ask("b", 0), Refused)


def test_a_fork_does_not_hang_on_a_keepers_lock() -> None:
    """A child forked while another thread holds a lock of the limit goes on."""
    program = (
        "import os, threading\n"
        "from resayil.config import Settings\n"
        "from resayil.limiters import _KEEPERS, limiter_for\n"
        f"slots = limiter_for(Settings.load(api_key='{KEY}', requests_per_minute=5))\n"
        "keeper = next(iter(_KEEPERS.values()))\n"
        "keeper.lock.acquire()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    keeper.lock.acquire(timeout=1) or os._exit(1)\n"
        "    slots.ask('a', 0)\n"
        "    os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, env=os.environ).returncode == 0
    assert store_for("memory").blocking is False
