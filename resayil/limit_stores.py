"""Where the plan of a key's window is kept: this process, a file (`limit_file`) or Redis (`limit_redis`).

Every store does the same four things as one whole each: ask for a place, give it back, close the window,
and drop it. `Plan` is their arithmetic; a store adds the clock, the lock and the place to keep it.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from resayil.limits import Place, Plan, Quota, Refused

T = TypeVar("T")

_log = logging.getLogger("resayil")


class StoreError(Exception):
    """The store cannot be reached or does not answer."""


class Store(Protocol):
    """Keeps the plans of any number of keys, each under a name."""

    blocking: bool
    """Whether it may block, so that an event loop has to call it in a thread."""

    def ask(self, name: str, quota: Quota, identity: str, max_wait: float, debt: int = 0) -> Place | Refused:
        """The place of an identity; ``debt`` requests went out without one and are counted first.

        Raises:
            StoreError: the store is gone.
        """
        ...

    def give_back(self, name: str, identity: str) -> None:
        """Free a place whose request was not sent."""
        ...

    def used(self, name: str, quota: Quota, identity: str, ago: float) -> None:
        """Count a place from when its request went out, so many seconds ago."""
        ...

    def close(self, name: str, quota: Quota, seconds: float, *, refused: bool = True) -> None:
        """Let nothing out for some seconds; after a refusal the margin widens too."""
        ...


class Life(NamedTuple):
    """How long a budget is kept after its last use, and an amount that nobody settles; in seconds."""

    budget: float
    amount: float


class BudgetStore(Protocol):
    """Keeps sums of which parts are set aside before they are spent; amounts are whole numbers."""

    blocking: bool

    def hold(self, name: str, identity: str, amount: int, limit: int, life: Life) -> int | None:
        """Set an amount aside, or tell what is left where that is less; then nothing is set aside.

        Args:
            name: The budget's.
            identity: Who sets aside.
            amount: How much.
            limit: The budget's whole amount.
            life: How long budget and amount are kept.

        Raises:
            StoreError: the store is gone.
        """
        ...

    def settle(self, name: str, identity: str, amount: int) -> None:
        """Spend an amount in the place of what was set aside; unknown identities change nothing."""
        ...

    def spent(self, name: str) -> int:
        """What is spent and set aside."""
        ...


@dataclass(slots=True)
class Purse:
    """One budget.

    Attributes:
        spent: What is gone.
        held: What is set aside, by whom: so much, until when. Later it is free again, since who has not
            settled by then has died; who has not pays all the same.
    """

    spent: int = 0
    held: dict[str, tuple[int, float]] = field(default_factory=dict)

    def total(self, now: float = 0.0) -> int:
        """What is spent and set aside."""
        return self.spent + sum(amount for amount, until in self.held.values() if until > now)

    def hold(
        self, identity: str, amount: int, limit: int, now: float = 0.0, until: float = math.inf
    ) -> int | None:
        """See `BudgetStore.hold`; by default until it is settled."""
        left = limit - self.total(now)
        if amount > left:
            return left
        self.held[identity] = amount, until
        return None

    def settle(self, identity: str, amount: int) -> None:
        """See `BudgetStore.settle`."""
        if self.held.pop(identity, None) is not None:
            self.spent += amount


class MemoryStore:
    """Plans in this process, on its monotonic clock; threads and event loops share them.

    A forked child begins with a copy, which from then on knows nothing of its parent's requests; it says so.
    """

    blocking = False

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._plans: dict[str, Plan] = {}
        self._purses: dict[str, Purse] = {}

    def ask(self, name: str, quota: Quota, identity: str, max_wait: float, debt: int = 0) -> Place | Refused:
        """See `Store.ask`."""
        if _forked:
            _tell_of_fork()
        with _lock:
            plan = self._plans.get(name) or self._plans.setdefault(name, Plan())
            now = self._clock()
            if debt:
                plan.add(quota, now, debt)
            return plan.ask(quota, identity, now, max_wait)

    def give_back(self, name: str, identity: str) -> None:
        """See `Store.give_back`."""
        with _lock:
            if name in self._plans:
                self._plans[name].give_back(identity)

    def used(self, name: str, quota: Quota, identity: str, ago: float) -> None:
        """See `Store.used`."""
        with _lock:
            if name in self._plans:
                self._plans[name].used(quota, identity, self._clock(), ago)

    def close(self, name: str, quota: Quota, seconds: float, *, refused: bool = True) -> None:
        """See `Store.close`."""
        with _lock:
            self._plans.setdefault(name, Plan()).close(quota, self._clock(), seconds, refused=refused)

    def hold(self, name: str, identity: str, amount: int, limit: int, life: Life) -> int | None:
        """See `BudgetStore.hold`."""
        with _lock:
            purse, now = self._purses.setdefault(name, Purse()), self._clock()
            return purse.hold(identity, amount, limit, now, now + life.amount)

    def settle(self, name: str, identity: str, amount: int) -> None:
        """See `BudgetStore.settle`."""
        with _lock:
            if name in self._purses:
                self._purses[name].settle(identity, amount)

    def spent(self, name: str) -> int:
        """See `BudgetStore.spent`."""
        with _lock:
            return self._purses[name].total(self._clock()) if name in self._purses else 0

    def sent(self, name: str, quota: Quota) -> int:
        """Requests that went out in the window that ends now."""
        with _lock:
            return self._plans[name].sent(quota, self._clock()) if name in self._plans else 0

    @property
    def holds_any(self) -> bool:
        """Whether any plan holds anything."""
        return any(plan.entries for plan in self._plans.values())

    def clear(self, name: str | None = None) -> None:
        """Forget a plan, or everything."""
        with _lock:
            if name is None:
                self._purses.clear()
            for known in [name] if name else list(self._plans):
                self._plans.pop(known, None)


# One lock for all plans of the process: it is held for a microsecond, and a fork takes it first, so that
# the child's copy is whole.
_lock = threading.Lock()
_forked: list[int] = []

MEMORY = MemoryStore()
"""The one store of this process that all its clients share."""


def _before_fork() -> None:
    _lock.acquire()


def _in_parent() -> None:
    _lock.release()


def _in_child() -> None:
    global _lock  # noqa: PLW0603 - the parent's lock is held in the child
    _lock = threading.Lock()
    _forked[:] = [os.getppid()]


def _tell_of_fork() -> None:
    parent = _forked.pop() if _forked else 0
    if parent and MEMORY.holds_any:
        _log.warning(
            "Process %d was forked from %d and limits its requests on its own from here on; set "
            "limit_storage='file:PATH' (or RESAYIL_LIMIT_STORAGE) so that both share one limit.",
            os.getpid(),
            parent,
        )


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)


@dataclass(slots=True)
class Seen:
    """Which life of a plan this process saw last, and when, on the process's clock."""

    epoch: str
    at: float


class Epochs:
    """Notices that a store lost a plan which this process used a moment ago."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def known(self, name: str, quota: Quota) -> str:
        """The life of the plan as last seen, while a window has not passed since."""
        seen = self._seen.get(name)
        recent = seen is not None and time.monotonic() - seen.at < 2 * quota.window
        return seen.epoch if recent and seen is not None else ""

    def keep(self, name: str) -> None:
        """Remember it until the store answers again, however long that takes."""
        if name in self._seen:
            self._seen[name].at = math.inf

    def see(self, name: str, epoch: str) -> None:
        """Remember the life of a plan."""
        self._seen[name] = Seen(epoch, time.monotonic())
