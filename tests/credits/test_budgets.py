"""Budgets: set aside before, settled after, never crossed, and free again when their holder died."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from credits.support import charged, client_of
from limits.conftest import RedisServer, free_port, redis_server, store

from resayil import AsyncClient, Budget, BudgetExceededError, Client, ResayilError, Settings
from resayil.books import Books
from resayil.emulator import Emulator, Reply
from resayil.limit_stores import BudgetStore, Life
from resayil.limits import Refused

__all__ = ["redis_server", "store"]  # the fixtures


LONG = Life(99, 99)


def test_a_budget_in_every_store(store: BudgetStore) -> None:
    """Set aside, settle for less, release; who does not fit learns what is left; strangers change nothing."""
    assert store.hold("b", "one", 60, 100, LONG) is None
    assert store.hold("b", "two", 50, 100, LONG) == 40
    store.settle("b", "one", 10)
    store.settle("b", "one", 10)
    store.settle("b", "stranger", 10**6)
    store.settle("none", "stranger", 10**6)
    assert store.spent("b") == 10
    assert store.hold("b", "two", 90, 100, LONG) is None
    assert store.hold("b", "three", 1, 100, LONG) == 0
    store.settle("b", "two", 0)
    assert store.spent("b") == 10
    large = 10**15
    assert store.hold("large", "one", large + 1, 2 * large, LONG) is None
    store.settle("large", "one", large - 1)
    assert store.spent("large") == large - 1


def test_what_nobody_settles_is_free_again(store: BudgetStore) -> None:
    """After its time it is there for others; whoever was only slow still pays, once."""
    assert store.hold("b", "dead", 60, 100, Life(99, 0.6)) is None
    assert store.hold("b", "slow", 30, 100, Life(99, 0.6)) is None
    assert store.hold("b", "next", 60, 100, LONG) == 10
    time.sleep(0.7)
    assert store.spent("b") == 0
    assert store.hold("b", "next", 60, 100, LONG) is None
    store.settle("b", "slow", 25)
    store.settle("b", "slow", 25)
    assert store.spent("b") == 85
    store.settle("b", "next", 50)
    assert store.spent("b") == 75


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_a_killed_process_leaves_no_hole(kind: str, request: pytest.FixtureRequest) -> None:
    """Killed in the middle of a call, it blocks what it had set aside until its time is over, no longer."""
    storage = _storage(kind, request)
    emulator = Emulator()
    emulator.fault("stall", seconds=60, path="chat/completions")
    with emulator.serve() as server:
        program = (
            "import resayil.books\nfrom decimal import Decimal\nfrom resayil import Client, Budget\n"
            "resayil.books.LIFE = {'run': resayil.books.Life(99, 3)}\n"
            f"client = Client({server.key!r}, {server.base_url!r}, limit_storage={storage!r},\n"
            "    budgets=[Budget(Decimal(1000), 'run', 'nightly')])\n"
            "client.chat('mistral', 'س', max_tokens=900)\n"
        )
        process = subprocess.Popen([sys.executable, "-c", program])
        due = time.monotonic() + 30
        while not any(record.path.endswith("completions") for record in emulator.requests):
            assert time.monotonic() < due
            time.sleep(0.05)
        process.kill()
        process.wait()
        budgets = [Budget(Decimal(1000), "run", "nightly")]
        with Client(server.key, server.base_url, limit_storage=storage, budgets=budgets) as client:
            with pytest.raises(BudgetExceededError):
                client.chat("mistral", "س", max_tokens=900)
            time.sleep(3.1)
            assert client.chat("mistral", "س", max_tokens=900).text


def _storage(kind: str, request: pytest.FixtureRequest) -> str:
    if kind == "file":
        return f"file:{request.getfixturevalue('tmp_path')}/limits.json"
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


def test_threads_never_cross_a_budget() -> None:
    """Sixteen threads on one budget: the emulator never charges more than it."""
    emulator = Emulator()
    client = client_of(emulator, budgets=[Budget(Decimal(3000))])
    refused: list[BudgetExceededError] = []

    def spend() -> None:
        try:
            for _ in range(30):
                client.chat("mistral", "قصة قصيرة", max_tokens=40)
        except BudgetExceededError as error:
            refused.append(error)

    _in_threads(spend)
    assert charged(emulator) <= 3000
    assert charged(emulator) > 1000  # whoever is refused while others still hold their share stops here
    assert len(refused) == 16
    assert "of the 3000 credits per client" in str(refused[0])


def test_a_wrong_estimate_crosses_by_its_error_at_most() -> None:
    """Where prompts cost more than estimated at most, sixteen threads cross by sixteen such errors."""
    emulator = Emulator(oddities=["no-count-tokens"])
    text, most = "قصة قصيرة جدًا عن الكويت " * 4, 40
    true = 5 * len(text) + most

    def dear(record: Any) -> Reply:
        turns = "".join(turn["content"] for turn in record.body["messages"])
        return Reply("نعم", usage={"prompt_tokens": 5 * len(turns), "completion_tokens": most})

    emulator.script([dear] * 500)
    client = client_of(emulator, budgets=[Budget(Decimal(9000))])
    error = true - client.forecast("mistral", text, max_tokens=most).high
    assert error > 100

    def spend() -> None:
        with suppress(BudgetExceededError):
            while True:
                client.chat("mistral", text, max_tokens=most)

    _in_threads(spend)
    assert 9000 - true < charged(emulator) <= 9000 + 16 * error


def _in_threads(spend: Callable[[], None]) -> None:
    threads = [threading.Thread(target=spend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


SPEND = """
import random, sys, threading
from decimal import Decimal
from resayil import Client, Budget, BudgetExceededError
budgets = [Budget(Decimal({credits}), {per!r}, {run!r})]
client = Client({key!r}, {url!r}, limit_storage={storage!r}, budgets=budgets)
def spend():
    try:
        while True:
            client.chat('mistral', 'قصة قصيرة ' * random.randint(1, 9), max_tokens=random.randint(5, 60))
    except BudgetExceededError: print('stopped')
threads = [threading.Thread(target=spend) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.parametrize(
    ("kind", "per", "run"), [("redis", "run", "nightly"), ("redis", "day", ""), ("file", "run", "x")]
)
def test_two_processes_share_a_budget(kind: str, per: str, run: str, request: pytest.FixtureRequest) -> None:
    """Two processes of sixteen threads each spend one budget, not two, and never more than it."""
    credits_ = 3000
    with Emulator().serve() as server:
        given = {"key": server.key, "url": server.base_url, "storage": _storage(kind, request)}
        program = SPEND.format(**given, credits=credits_, per=per, run=run)
        running = [
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        assert [process.communicate()[0].count("stopped") for process in running] == [16, 16]
        assert credits_ / 2 < charged(server.emulator) <= credits_


@pytest.mark.parametrize("per", ["client", "run", "day"])
def test_who_shares_a_budget(per: Any) -> None:
    """Two clients of a key share a day's and a run's budget; each has a client's budget of its own."""
    emulator = Emulator()
    budgets = [Budget(Decimal(10_000)), Budget(Decimal(1000), per)]
    first, second = (client_of(emulator, budgets=budgets) for _ in range(2))
    first.chat("mistral", "س", max_tokens=200)
    while True:
        try:
            first.chat("mistral", "س", max_tokens=100)
        except BudgetExceededError:
            break
    if per == "client":
        assert second.chat("mistral", "س", max_tokens=100).text
    else:
        with pytest.raises(BudgetExceededError, match=f"per {per}"):
            second.chat("mistral", "س", max_tokens=100)


def test_a_call_counts_on_the_day_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set aside before midnight is settled there after it; the new day begins with nothing."""
    day = Budget(Decimal(1), "day")
    books = Books(Settings.load(api_key="sk-midnight-canary-01", budgets=(day,)))
    assert books.reserve("late", 600_000) is None
    with monkeypatch.context() as patched:
        patched.setattr("resayil.books.datetime", _Tomorrow)
        books.settle("late", 200_000)
        assert books.spent() == {"day": 0}
    assert books.spent() == {"day": Decimal("0.2")}


class _Tomorrow(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override] # no instance of this class
        return datetime.now(tz) + timedelta(days=1)


def test_a_refusal_of_one_budget_releases_the_others() -> None:
    """Where the second budget is short, nothing stays set aside in the first."""
    emulator = Emulator()
    client = client_of(emulator, budgets=[Budget(Decimal(1000)), Budget(Decimal(300), "run", "short")])
    for _ in range(5):
        with pytest.raises(BudgetExceededError, match="per run"):
            client.chat("mistral", "س", max_tokens=400)
    assert client.chat("mistral", "س", max_tokens=100).text


@pytest.mark.parametrize("how", ["status", "interrupt", "local refusal"])
def test_a_failed_call_releases_what_it_set_aside(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, Ctrl-C or a refusal before sending leaves the budget as it was."""
    emulator = Emulator()
    client = client_of(emulator, budgets=[Budget(Decimal(1100))])
    client.models()
    for _ in range(4):
        with monkeypatch.context() as patched:
            if how == "status":
                emulator.fault(500)
            elif how == "interrupt":
                patched.setattr("resayil.transport.SyncIO.send", _interrupt)
            else:
                patched.setattr("resayil.limiters.NoLimit.ask", lambda *_: Refused(9.0))
            with pytest.raises((ResayilError, KeyboardInterrupt)):
                client.chat("mistral", "س", max_tokens=900)
    assert client.chat("mistral", "س", max_tokens=900).text


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


async def test_an_abandoned_async_stream_settles() -> None:
    """Leaving an async stream early puts its estimate in the place of what was set aside."""
    emulator = Emulator()
    given = {"transport": emulator.async_transport(), "budgets": [Budget(Decimal(1100))]}
    client = AsyncClient(emulator.key, emulator.base_url, **given)  # type: ignore[arg-type] # settings by name
    for _ in range(3):
        async with await client.stream("mistral", "س", max_tokens=900) as stream:
            async for _event in stream:
                break
    assert (await client.chat("mistral", "س", max_tokens=900)).text


def test_without_max_tokens_an_answer_is_assumed() -> None:
    """A budget reckons with ``assumed_output``, and with ``default_max_tokens`` where that is sent."""
    emulator = Emulator()
    client = client_of(emulator, budgets=[Budget(Decimal(500))], assumed_output=2000, default_max_tokens=100)
    with pytest.raises(BudgetExceededError, match="at most 2000"):
        client.chat("mistral", "س")
    assert client.chat("mistral", "س", api="messages").text
    assert client.forecast("mistral", "س").max_output == 2000


def test_a_budget_whose_store_is_gone_is_a_share(caplog: pytest.LogCaptureFixture) -> None:
    """Without Redis a process may spend its share, with one warning; never all of it, never without bound."""
    emulator = Emulator()
    storage = f"redis://127.0.0.1:{free_port()}"
    client = client_of(emulator, budgets=[Budget(Decimal(2000))], limit_storage=storage, limit_processes=4)
    with caplog.at_level(logging.WARNING, "resayil"), pytest.raises(BudgetExceededError):  # noqa: PT012 - at some call
        for _ in range(40):
            client.chat("mistral", "س", max_tokens=60)
    assert 0 < charged(emulator) <= 500
    assert sum("budget's storage is gone" in record.message for record in caplog.records) == 1
