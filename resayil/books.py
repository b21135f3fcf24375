"""Budgets and ledger as a client holds them: the rim that does what `Accounts` decides.

A budget is kept where the rate limit is (`limit_storage`), so that everybody who shares the key shares it.
While that storage is gone each process has its share of what the budget allows, never all of it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, assert_never

from resayil.credits import MICRO, Budget, Entry, Interval, micro
from resayil.effects import BookEffect, Enter, Reserve, Settle, Short, Weigh
from resayil.errors import ConfigurationError
from resayil.limit_stores import MEMORY, BudgetStore, Life, StoreError
from resayil.limiters import scope_of, store_for

if TYPE_CHECKING:
    from resayil.config import Settings
    from resayil.ledger import Ledger

_log = logging.getLogger("resayil")

THIS_RUN = os.environ.get("RESAYIL_RUN") or secrets.token_hex(8)
"""The run of a process that names none."""

LEASE = 3600.0
"""Seconds after which credits that nobody has settled are free again: longer than calls last."""

LIFE = {
    "client": Life(30 * 86_400.0, LEASE),
    "run": Life(30 * 86_400.0, LEASE),
    "day": Life(2 * 86_400.0, LEASE),
}
"""How long budgets, and what is set aside in them, are kept."""


class Bookkeeping(Protocol):
    """What a flow's effects about credits are performed on."""

    blocking: bool

    def reserve(self, identity: str, amount: int) -> Short | None:
        """Set millionths of a credit aside in every budget, or in none."""
        ...

    def settle(self, identity: str, amount: int) -> None:
        """Put what a call has cost in the place of what was set aside."""
        ...

    def enter(self, entry: Entry) -> None:
        """Write a call into the ledger."""
        ...

    def weigh(self, at: float, balance: Decimal | None) -> list[Interval]:
        """Write a balance into the ledger, if one was read, and tell what lies between balances."""
        ...


def keep(effect: BookEffect, books: Bookkeeping) -> object:
    """What the budgets and the ledger say."""
    match effect:
        case Reserve():
            return books.reserve(effect.identity, effect.amount)
        case Settle():
            books.settle(effect.identity, effect.amount)
        case Enter():
            books.enter(effect.entry)
        case Weigh():
            return books.weigh(effect.at, effect.balance)
        case _:
            assert_never(effect)
    return None


def _ledger(path: str) -> Ledger:
    from resayil.ledger import Ledger  # noqa: PLC0415 - SQLite waits for whoever keeps a ledger

    return Ledger(path).checked()


class Books:
    """The budgets and the ledger of one client."""

    def __init__(self, settings: Settings) -> None:
        self._budgets = settings.budgets
        self._processes = settings.limit_processes if settings.limit_when_gone == "share" else 0
        self._store: BudgetStore = store_for(settings.limit_storage) if settings.budgets else MEMORY
        self._scope = hashlib.sha256(scope_of(settings).encode()).hexdigest()[:32]
        self._client = secrets.token_hex(8)
        if settings.ledger:  # without one no flow asks for it
            self._ledger = _ledger(settings.ledger)
        self._gone = self._unwritten = False
        self._held: dict[str, list[str]] = {}  # a call that outlasts its day counts on the day it began
        self._lock = threading.Lock()
        self.blocking = bool(settings.ledger) or self._store.blocking

    def _name(self, budget: Budget) -> str:
        which = {
            "client": self._client,
            "run": budget.run or THIS_RUN,
            "day": f"{datetime.now(UTC):%Y-%m-%d}",
        }[budget.per]
        return f"{self._scope}:budget:{budget.per}:{which}"

    def reserve(self, identity: str, amount: int) -> Short | None:
        """See `Bookkeeping.reserve`."""
        done: list[str] = []
        for budget in self._budgets:
            name = self._name(budget)
            left = self._hold(budget, name, identity, amount)
            if left is not None:
                for earlier in done:
                    self._settle(earlier, identity, 0)
                return Short(budget, Decimal(left) / MICRO)
            done.append(name)
        self._held[identity] = done
        return None

    def _hold(self, budget: Budget, name: str, identity: str, amount: int) -> int | None:
        limit = micro(budget.credits)
        try:
            left = self._store.hold(name, identity, amount, limit, LIFE[budget.per])
        except StoreError as error:
            self._tell(error)
            share = limit // self._processes if self._processes else 0
            return MEMORY.hold(f"{name} alone", identity, amount, share, LIFE[budget.per])
        self._gone = False
        return left

    def _tell(self, error: StoreError) -> None:
        with self._lock:
            first, self._gone = not self._gone, True
        if first:
            _log.warning(
                "The budget's storage is gone (%s); until it is back this process may spend %s of it "
                "(limit_processes, limit_when_gone).",
                error,
                f"one part in {self._processes}" if self._processes else "nothing",
            )

    def settle(self, identity: str, amount: int) -> None:
        """See `Bookkeeping.settle`."""
        for name in self._held.pop(identity, ()):
            self._settle(name, identity, amount)

    def _settle(self, name: str, identity: str, amount: int) -> None:
        MEMORY.settle(f"{name} alone", identity, amount)
        try:
            self._store.settle(name, identity, amount)
        except StoreError as error:  # what was set aside stays set aside: too much rather than too little
            self._tell(error)

    def enter(self, entry: Entry) -> None:
        """See `Bookkeeping.enter`; a ledger that cannot be written costs nobody a paid answer."""
        try:
            self._ledger.enter(entry)
        except ConfigurationError as error:
            self._tell_unwritten(error)

    def weigh(self, at: float, balance: Decimal | None) -> list[Interval]:
        """See `Bookkeeping.weigh`; a ledger that cannot be used tells nothing."""
        try:
            if balance is not None:
                self._ledger.note_balance(at, balance)
            return self._ledger.intervals()
        except ConfigurationError as error:
            self._tell_unwritten(error)
            return []

    def _tell_unwritten(self, error: ConfigurationError) -> None:
        first, self._unwritten = not self._unwritten, True
        if first:
            _log.warning("A call was not written down, nor may others be. %s", error)

    def spent(self) -> dict[str, Decimal]:
        """Credits spent of each budget by its name, those set aside included.

        Raises:
            StoreError: the storage is gone.
        """
        return {
            f"{budget.per}{f' {budget.run}' if budget.run else ''}": Decimal(
                self._store.spent(self._name(budget))
            )
            / MICRO
            for budget in self._budgets
        }
