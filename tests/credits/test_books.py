"""Credits: the formulas, the ledger against the emulator's own books, and budgets that are never crossed."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from core.support import MODEL, WEATHER, png
from limits.conftest import RedisServer, free_port, redis_server

from resayil import (
    AsyncClient,
    Budget,
    BudgetExceededError,
    Client,
    ConfigurationError,
    CreditPolicy,
    Forecast,
    ImagePart,
    ResayilError,
    TokenCount,
    Usage,
    user,
)
from resayil.credits import Entry, micro
from resayil.emulator import Emulator
from resayil.ledger import Ledger
from resayil.limit_file import FileStore
from resayil.limit_redis import RedisStore
from resayil.limit_stores import BudgetStore, MemoryStore
from resayil.limits import Refused
from resayil.models import ModelInfo

__all__ = ["redis_server"]  # the fixture

CATALOGUE = {
    "local": ModelInfo("local", credit_multiplier=Decimal(1)),
    "dear": ModelInfo("dear", credit_multiplier=Decimal("3.5")),
}


@pytest.mark.parametrize(
    ("policy", "model", "usage", "amount"),
    [
        (CreditPolicy(), "local", Usage(21, 12), "33"),  # one-page reference: 33 tokens x 1
        (CreditPolicy(), "any-cloud", Usage(21, 12), "66"),  # and x 2 for cloud models
        (CreditPolicy(), "any:cloud", Usage(21, 12), "66"),
        (CreditPolicy(), "unknown", Usage(21, 12), "33"),
        (CreditPolicy(), "dear", Usage(100, 100), "700"),  # multipliers of 0.5 to 3.5
        (CreditPolicy(multipliers={"dear": Decimal("0.5")}), "dear", Usage(100, 100), "100"),
        (CreditPolicy(basis="output"), "local", Usage(1000, 12), "12"),  # one page: output tokens only
        (CreditPolicy(per=1000), "local", Usage(900, 600), "1.5"),  # the server: per 1,000 tokens
        (CreditPolicy(basis="output", per=1000), "dear", Usage(900, 600), "2.1"),
        (CreditPolicy(), "local", Usage(0, 0), "0"),
    ],
)
def test_the_formulas(policy: CreditPolicy, model: str, usage: Usage, amount: str) -> None:
    """Worked by hand from the documents' examples, under every policy they give."""
    assert policy.estimate(usage, model, CATALOGUE) == Decimal(amount)


def test_a_forecast_is_low_likely_and_high() -> None:
    """The prompt's bounds, with no answer, half of the longest one, and all of it."""
    prompt = TokenCount(100, 80, 130, estimated=True, source="local")
    forecast = CreditPolicy().forecast(prompt, "dear", CATALOGUE, max_output=50)
    assert forecast == Forecast(
        Decimal("437.5"), Decimal(280), Decimal(630), prompt, 50, "dear", estimated=True
    )
    assert CreditPolicy(basis="output").forecast(prompt, "local", CATALOGUE, max_output=50).high == 50


def test_fractions_are_counted_exactly() -> None:
    """Millionths of a credit, rounded up, never a float."""
    assert micro(Decimal("0.1")) == 100_000
    assert micro(Decimal("0.0000001")) == 1
    assert hash(CreditPolicy(multipliers={"a": Decimal(1)})) == hash(
        CreditPolicy(multipliers={"a": Decimal(1)})
    )


def _client(emulator: Emulator, **settings: Any) -> Client:
    return Client(
        emulator.key, emulator.base_url, transport=emulator.transport(), **{"max_retries": 0, **settings}
    )


def _charged(emulator: Emulator) -> Decimal:
    """The emulator's own books."""
    return sum((Decimal(record.credits or 0) for record in emulator.requests), Decimal(0))


def test_the_ledger_is_the_emulators_books(tmp_path: Path) -> None:
    """Over 500 mixed calls, sync and async, the ledger's sum is exactly what the emulator charged."""
    emulator = Emulator()
    ledger = str(tmp_path / "ledger.db")
    dice = random.Random(7)  # noqa: S311 - a test's
    client = _client(emulator, ledger=ledger)
    client.models()
    vision = "qwen3-vl:235b-instruct"
    kinds: list[Callable[[str], Any]] = [
        lambda api: client.chat(MODEL, "ما حال الطقس اليوم؟", api=api, tag="chat"),
        lambda api: list(client.stream(MODEL, "Tell me a story", api=api, tag="stream")),
        lambda api: client.chat("mistral", "weather in Kuwait?", tools=[WEATHER], api=api),
        lambda api: list(client.stream("deepseek-v4-pro", "فكّر", tools=[WEATHER], api=api)),
        lambda _: client.chat(vision, [user("ما هذا؟", ImagePart(png()))], tag="vision"),
        lambda _: client.chat("no-such-model", "س"),
        lambda api: client.chat(MODEL, "س" * 40, max_tokens=3, api=api),
    ]
    failed = 0
    for n in range(480):
        if n % 9 == 0:
            emulator.fault(dice.choice((400, 401, 402, 429, 500, 503)))
        try:
            dice.choice(kinds)(dice.choice(("chat", "messages")))
        except ResayilError:
            failed += 1

    async def more() -> None:
        given = {"transport": emulator.async_transport(), "ledger": ledger}
        asynchronous = AsyncClient(emulator.key, emulator.base_url, **given)  # type: ignore[arg-type]
        for _ in range(10):
            await asynchronous.chat(MODEL, "س", tag="async")
            async for _event in await asynchronous.stream("mistral", "story"):
                pass

    asyncio.run(more())
    assert failed > 50
    kept = Ledger(ledger)
    assert kept.total() == _charged(emulator)
    assert kept.total() > 0
    assert not any(entry.estimated for entry in kept.entries())
    assert {used.name for used in kept.usage("tag")} == {"", "async", "chat", "stream", "vision"}
    assert sum(used.calls for used in kept.usage("model")) == len(kept.entries()) > 300
    assert len(kept.usage("day")) in {1, 2}


def test_the_ledger_holds_no_word_of_what_was_said(tmp_path: Path) -> None:
    """Neither prompt nor answer nor key is in the file."""
    emulator = Emulator()
    emulator.reply("جواب سري للغاية")
    _client(emulator, ledger=str(tmp_path / "l.db")).chat(MODEL, "سؤال سري للغاية")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert "سري".encode() not in content
    assert emulator.key.encode() not in content
    assert MODEL.encode() in content


def test_an_interrupted_stream_is_entered_as_an_estimate(tmp_path: Path) -> None:
    """A stream that was left early has cost something: what came of it, estimated."""
    emulator = Emulator()
    emulator.reply("كلمة " * 50)
    stream = _client(emulator, ledger=str(tmp_path / "l.db")).stream(MODEL, "س")
    for _ in stream:
        break
    stream.close()
    stream.close()
    (entry,) = Ledger(tmp_path / "l.db").entries()
    assert entry.estimated
    assert entry.amount > 0


def test_a_killed_writer_harms_nobody(tmp_path: Path) -> None:
    """Whoever is killed while writing leaves a ledger that reads and takes more."""
    path = tmp_path / "l.db"
    program = (
        "from resayil.ledger import Ledger\nfrom resayil.credits import Entry\n"
        f"ledger = Ledger({str(path)!r})\nprint('go', flush=True)\n"
        "while True: ledger.enter(Entry(1.0, 'm', 1, 1, 2_000_000, False))\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        process.kill()
        process.communicate()
    ledger = Ledger(path)
    before = len(ledger.entries())
    ledger.enter(Entry(2.0, "m", 1, 1, 2_000_000, estimated=False))
    assert len(ledger.entries()) == before + 1 > 1
    assert ledger.total(since=1.5) == 2
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Ledger(tmp_path / "none" / "l.db").enter(Entry(2.0, "m", 1, 1, 2, estimated=False))


def test_a_ledger_that_cannot_be_written_costs_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing folder is told at construction; a file that breaks later is one warning, no error."""
    with pytest.raises(ConfigurationError, match="no folder"):
        _client(Emulator(), ledger=str(tmp_path / "none" / "l.db"))
    client = _client(Emulator(), ledger=str(tmp_path / "l.db"))
    (tmp_path / "l.db").write_text("no database, but long enough to be looked at as if it were one " * 40)
    with caplog.at_level(logging.WARNING, "resayil"):
        assert client.chat(MODEL, "س").text
        assert list(client.stream(MODEL, "س"))
    assert sum("not written down" in record.message for record in caplog.records) == 1


# Budgets


def _memory(_request: pytest.FixtureRequest) -> BudgetStore:
    return MemoryStore()


def _file(request: pytest.FixtureRequest) -> BudgetStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return FileStore(folder / "limits.json")


def _redis(request: pytest.FixtureRequest) -> BudgetStore:
    server: RedisServer = request.getfixturevalue("redis_server")
    return RedisStore(server.url)


@pytest.mark.parametrize("make", [_memory, _file, _redis], ids=["memory", "file", "redis"])
def test_a_budget_in_every_store(make: Callable[..., BudgetStore], request: pytest.FixtureRequest) -> None:
    """Set aside, settle for less, release; who does not fit learns what is left; strangers change nothing."""
    store = make(request)
    assert store.hold("b", "one", 60, 100, 99) is None
    assert store.hold("b", "two", 50, 100, 99) == 40
    store.settle("b", "one", 10)
    store.settle("b", "one", 10)
    store.settle("b", "stranger", 10**6)
    store.settle("none", "stranger", 10**6)
    assert store.spent("b") == 10
    assert store.hold("b", "two", 90, 100, 99) is None
    assert store.hold("b", "three", 1, 100, 99) == 0
    store.settle("b", "two", 0)
    assert store.spent("b") == 10
    large = 10**15
    assert store.hold("large", "one", large + 1, 2 * large, 99) is None
    store.settle("large", "one", large - 1)
    assert store.spent("large") == large - 1


def test_threads_never_cross_a_budget() -> None:
    """Sixteen threads on one budget: the emulator never charges more than it."""
    emulator = Emulator()
    client = _client(emulator, budgets=[Budget(Decimal(3000))])
    refused: list[BudgetExceededError] = []

    def spend() -> None:
        try:
            for _ in range(30):
                client.chat("mistral", "قصة قصيرة", max_tokens=40)
        except BudgetExceededError as error:
            refused.append(error)

    threads = [threading.Thread(target=spend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _charged(emulator) <= 3000
    assert _charged(emulator) > 1000  # whoever is refused while others still hold their share stops here
    assert len(refused) == 16
    assert "of the 3000 credits per client" in str(refused[0])


def test_two_processes_share_a_budget(redis_server: RedisServer) -> None:
    """Two processes on one Redis and one run spend one budget, not two."""
    with Emulator().serve() as server:
        program = (
            "import sys\nfrom decimal import Decimal\n"
            "from resayil import Client, Budget, BudgetExceededError\n"
            f"client = Client({server.key!r}, {server.base_url!r}, limit_storage={redis_server.url!r},\n"
            "    budgets=[Budget(Decimal(1500), 'run', 'nightly')])\n"
            "try:\n"
            "    while True: client.chat('mistral', 'قصة قصيرة', max_tokens=40)\n"
            "except BudgetExceededError: print('stopped')\n"
        )
        running = [
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        assert [process.communicate()[0] for process in running] == ["stopped\n", "stopped\n"]
        assert 1200 < _charged(server.emulator) <= 1500


@pytest.mark.parametrize("per", ["client", "run", "day"])
def test_who_shares_a_budget(per: Any) -> None:
    """Two clients of a key share a day's and a run's budget; each has a client's budget of its own."""
    emulator = Emulator()
    budgets = [Budget(Decimal(10_000)), Budget(Decimal(1000), per)]
    first, second = (_client(emulator, budgets=budgets) for _ in range(2))
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


def test_a_refusal_of_one_budget_releases_the_others() -> None:
    """Where the second budget is short, nothing stays set aside in the first."""
    emulator = Emulator()
    client = _client(emulator, budgets=[Budget(Decimal(1000)), Budget(Decimal(300), "run", "short")])
    for _ in range(5):
        with pytest.raises(BudgetExceededError, match="per run"):
            client.chat("mistral", "س", max_tokens=400)
    assert client.chat("mistral", "س", max_tokens=100).text


@pytest.mark.parametrize("how", ["status", "interrupt", "local refusal"])
def test_a_failed_call_releases_what_it_set_aside(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, Ctrl-C or a refusal before sending leaves the budget as it was."""
    emulator = Emulator()
    client = _client(emulator, budgets=[Budget(Decimal(1100))])
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
    client = AsyncClient(emulator.key, emulator.base_url, **given)  # type: ignore[arg-type]
    for _ in range(3):
        async with await client.stream("mistral", "س", max_tokens=900) as stream:
            async for _event in stream:
                break
    assert (await client.chat("mistral", "س", max_tokens=900)).text


def test_without_max_tokens_an_answer_is_assumed() -> None:
    """A budget reckons with ``assumed_output``, and with ``default_max_tokens`` where that is sent."""
    emulator = Emulator()
    client = _client(emulator, budgets=[Budget(Decimal(500))], assumed_output=2000, default_max_tokens=100)
    with pytest.raises(BudgetExceededError, match="at most 2000"):
        client.chat("mistral", "س")
    assert client.chat("mistral", "س", api="messages").text
    assert client.forecast("mistral", "س").max_output == 2000


def test_a_budget_whose_store_is_gone_is_a_share(caplog: pytest.LogCaptureFixture) -> None:
    """Without Redis a process may spend its share, with one warning; never all of it, never without bound."""
    emulator = Emulator()
    storage = f"redis://127.0.0.1:{free_port()}"
    client = _client(emulator, budgets=[Budget(Decimal(2000))], limit_storage=storage, limit_processes=4)
    with caplog.at_level(logging.WARNING, "resayil"), pytest.raises(BudgetExceededError):  # noqa: PT012 - at some call
        for _ in range(40):
            client.chat("mistral", "س", max_tokens=60)
    assert 0 < _charged(emulator) <= 500
    assert sum("budget's storage is gone" in record.message for record in caplog.records) == 1


def test_prices_come_from_the_live_list() -> None:
    """The model list is asked for once, before the first call that counts credits; without it, a warning."""
    emulator = Emulator()
    client = _client(emulator, budgets=[Budget(Decimal(10**6))])
    for _ in range(3):
        client.chat(MODEL, "س")
    assert [record.path for record in emulator.requests].count("/v1/models") == 1
    other = Emulator()
    other.fault(500)
    unlucky = _client(other, budgets=[Budget(Decimal(10**6))])
    with pytest.warns(UserWarning, match="prices are assumed"):
        assert unlucky.chat(MODEL, "س").text
