"""Reconciliation: balances tell by which formula credits are taken, and the client follows."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resayil import AsyncClient, Client, CreditPolicy, Usage
from resayil.credits import Entry, Interval, micro, reconciled
from resayil.emulator import Emulator
from resayil.ledger import Ledger
from resayil.models import ModelInfo

CATALOGUE = {name: ModelInfo(name, credit_multiplier=Decimal(1)) for name in ("a", "b")}
KEY = "sk-balance-canary-77aa1122"


def _emulator(*oddities: str) -> Emulator:
    emulator = Emulator(oddities=oddities)
    emulator.add_key(KEY, plan="enterprise", credits=100_000)
    return emulator


def _client(emulator: Emulator, **settings: Any) -> Client:
    return Client(KEY, emulator.base_url, transport=emulator.transport(), **settings)


def _talk(client: Client) -> None:
    client.chat("mistral", "قصة " * 30, max_tokens=20)
    list(client.stream("deepseek-v4-pro", "فكّر", tag="stream"))
    client.chat("mistral", "س", api="messages")


@pytest.mark.parametrize(
    ("oddities", "formula"),
    [
        ((), ("total", 1)),
        (("output-only",), ("output", 1)),
        (("per-thousand",), ("total", 1000)),
        (("per-thousand", "output-only"), ("output", 1000)),
    ],
)
def test_balances_tell_the_formula(
    oddities: tuple[str, ...], formula: tuple[str, int], tmp_path: Path
) -> None:
    """Two balances around some calls tell which formula holds; from then on credits are as charged."""
    emulator, ledger = _emulator(*oddities), str(tmp_path / "l.db")
    client = _client(emulator, ledger=ledger)
    client.balance()
    _talk(client)
    assert not client.credit_policy.reconciled
    client.balance()
    policy = client.credit_policy
    assert (policy.basis, policy.per, policy.reconciled) == (*formula, True)
    _talk(client)
    charged = [Decimal(record.credits) for record in emulator.requests if record.tokens]
    assert [Decimal(entry.amount) / 10**6 for entry in Ledger(ledger).entries()[3:]] == [
        Decimal(micro(amount)) / 10**6 for amount in charged[3:]
    ]
    before = Ledger(ledger).usage("model")
    assert any(row.estimated for row in before)
    client.balance()
    after = Ledger(ledger).usage("model")
    assert not any(row.estimated for row in after)
    assert float(sum(row.credits for row in after)) == pytest.approx(float(sum(charged)), abs=1e-5)


def test_another_client_begins_with_what_is_known(tmp_path: Path) -> None:
    """Policy and forecast of a new client, async too, are those that the ledger's balances tell."""
    emulator, ledger = _emulator("per-thousand"), str(tmp_path / "l.db")
    first = _client(emulator, ledger=ledger)
    first.balance()
    _talk(first)
    first.balance()
    second = _client(emulator, ledger=ledger)
    assert second.forecast("mistral", "س", max_tokens=500).high < 1
    assert second.credit_policy.per == 1000

    async def third() -> CreditPolicy:
        given = {"transport": emulator.async_transport(), "ledger": ledger}
        async with AsyncClient(KEY, emulator.base_url, **given) as client:  # type: ignore[arg-type] # its settings
            await client.chat("mistral", "س")
            return client.credit_policy

    assert asyncio.run(third()).reconciled


def test_a_policy_that_was_set_stays(tmp_path: Path) -> None:
    """Balances confirm an explicit policy, and never replace it."""
    emulator, ledger = _emulator("per-thousand"), str(tmp_path / "l.db")
    right = _client(emulator, ledger=ledger, credit_policy=CreditPolicy(per=1000))
    wrong = _client(emulator, ledger=ledger, credit_policy=CreditPolicy(basis="output"))
    right.balance()
    _talk(right)
    right.balance()
    wrong.balance()
    assert right.credit_policy == CreditPolicy(per=1000, reconciled=True)
    assert wrong.credit_policy == CreditPolicy(basis="output")


def test_without_a_ledger_nothing_is_kept() -> None:
    """A balance alone changes nothing."""
    client = _client(_emulator("per-thousand"))
    client.balance()
    _talk(client)
    client.balance()
    assert client.credit_policy == CreditPolicy()


def _lying(charged: float, **usage: tuple[int, int]) -> Interval:
    return Interval(Decimal(str(charged)), {model: Usage(*tokens) for model, tokens in usage.items()})


def test_what_each_history_tells() -> None:
    """Worked by hand: a formula, a multiplier that no list has, or nothing."""
    policy, seen = CreditPolicy(), (300, 100)
    assert reconciled(policy, CATALOGUE, []) is None
    assert reconciled(policy, CATALOGUE, [_lying(400, a=seen)]) == CreditPolicy(reconciled=True)
    assert reconciled(policy, CATALOGUE, [_lying(0.1, a=seen)]) == CreditPolicy(
        "output", 1000, reconciled=True
    )
    # 3.5 credits a token, twice: the list is wrong; once it might be anything
    dear = [_lying(1400, a=seen), _lying(700, a=(100, 100))]
    assert reconciled(policy, CATALOGUE, dear[:1]) is None
    found = reconciled(policy, CATALOGUE, dear)
    assert found == CreditPolicy(multipliers={"a": Decimal("3.5")}, reconciled=True)
    mixed = [*dear, _lying(1800, a=seen, b=seen)]
    assert reconciled(policy, CATALOGUE, mixed) == found
    # somebody else spends from the same balance
    assert reconciled(policy, CATALOGUE, [_lying(1400, a=seen), _lying(9000, a=seen)]) is None
    # credits for no tokens tell of no multiplier
    assert reconciled(policy, CATALOGUE, [*dear, _lying(5, a=(0, 0))]) is None
    # purchases and silence say nothing, and old prices are forgotten
    assert reconciled(policy, CATALOGUE, [_lying(-5000, a=seen), _lying(7)]) is None
    old = [_lying(0.4, a=seen)] * 3 + [_lying(400, a=seen)] * 5
    assert reconciled(policy, CATALOGUE, old) == CreditPolicy(reconciled=True)


def test_each_call_has_its_share_of_what_was_charged(tmp_path: Path) -> None:
    """Between two balances credits are as charged, outside as estimated; a purchase hides nothing else."""
    ledger = Ledger(tmp_path / "l.db")
    assert ledger.reconciliation() is None

    def spend(at: float, amount: int, tag: str) -> None:
        ledger.enter(Entry(at, "m", 10, 10, amount * 10**6, estimated=False, tag=tag))

    ledger.note_balance(10.0, Decimal(1000))
    assert ledger.reconciliation() is None
    spend(11.0, 30, "one")
    spend(12.0, 10, "two")
    ledger.note_balance(13.0, Decimal(980))  # 20 for 40
    spend(14.0, 5, "one")
    ledger.note_balance(15.0, Decimal(5975))  # credits were bought
    spend(16.0, 100, "three")
    ledger.note_balance(17.0, Decimal(5875))  # 100 for 100
    spend(18.0, 7, "two")
    rows = {row.name: (row.credits, row.estimated) for row in ledger.usage("tag")}
    assert rows == {"one": (20, True), "two": (12, True), "three": (100, False)}
    found = ledger.reconciliation()
    assert found is not None
    assert (found.since, found.until, found.estimated, found.charged) == (10.0, 17.0, 140, 120)
    assert ledger.total() == 152
    assert [(it.charged, it.usage["m"].total_tokens) for it in ledger.intervals()] == [(20, 40), (100, 20)]
