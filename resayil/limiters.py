"""The limit of one key as its clients hold it: a store, the quota, and what happens when the store is gone.

A store that is gone leaves each process its share of the quota, after one window of silence: what the
others sent in the last one is not known. What went out meanwhile is counted when the store is back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from resayil.errors import ConfigurationError
from resayil.limit_file import FileStore
from resayil.limit_stores import MEMORY, BudgetStore, Store, StoreError
from resayil.limits import MARGIN, NOW, PLANS, Place, Quota, Refused, Waiting
from resayil.redaction import printable

if TYPE_CHECKING:
    from resayil.config import Settings

_log = logging.getLogger("resayil")

AUTO = 10
"""Requests per minute on the service's own hosts while nothing else is known: the smallest plan's."""

PROBE = 1.0
"""Seconds between two attempts to reach a store that was gone."""

SHOWN_WAIT = 1.0
"""Seconds of waiting above which it is logged."""

_SERVICE = "resayil.io"

OnWait = Callable[[Waiting], None]
"""Called before a request waits for its turn: who, how long, behind how many."""


class Slots(Protocol):
    """What gives the requests of a client their slots."""

    blocking: bool

    def ask(self, identity: str, max_wait: float) -> Place | Refused:
        """The place of an identity, anew or again."""
        ...

    def give_back(self, identity: str) -> None:
        """Free a place whose request was not sent."""
        ...

    def used(self, identity: str, ago: float) -> None:
        """Count a place from when its request went out, so many seconds ago."""
        ...

    def close(self, seconds: float, *, refused: bool = True) -> None:
        """Let nothing out for some seconds; after a refusal the margin widens too."""
        ...

    def observe(self, requests: int) -> None:
        """Follow the limit that the service names."""
        ...

    def waits(self, waiting: Waiting) -> None:
        """Tell that a request is about to wait."""
        ...


class NoLimit:
    """Everybody goes at once."""

    blocking = False

    def ask(self, identity: str, max_wait: float) -> Place:  # noqa: ARG002 - the protocol's
        """See `Slots.ask`."""
        return NOW

    def give_back(self, identity: str) -> None:
        """See `Slots.give_back`."""

    def used(self, identity: str, ago: float) -> None:
        """See `Slots.used`."""

    def close(self, seconds: float, *, refused: bool = True) -> None:
        """See `Slots.close`."""

    def observe(self, requests: int) -> None:
        """See `Slots.observe`."""

    def waits(self, waiting: Waiting) -> None:
        """See `Slots.waits`."""


class AnyStore(Store, BudgetStore, Protocol):
    """Keeps limits and budgets."""


@dataclass(slots=True)
class Keeper:
    """One key's store and the state of its outages; shared by all limiters of the key in a process.

    Attributes:
        name: Under which the store keeps the plan.
        store: Where.
        observed: The limit as the service's headers last told it.
        reached: Whether the store has ever answered.
        down: Whether it is gone.
        probe_at: Monotonic time before which a store that is gone is not asked again.
        debt: Requests that went out meanwhile and are still to be counted in the store.
        warned_at: Monotonic time of the last warning about a wait.
    """

    name: str
    store: Store
    observed: int | None = None
    reached: bool = False
    down: bool = False
    probe_at: float = 0.0
    debt: int = 0
    warned_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def alone(self) -> str:
        """The name of the plan that this process keeps while the store is gone."""
        return f"{self.name} alone"

    def ask(self, quota: Quota, share: Quota, identity: str, max_wait: float) -> Place | Refused:
        """A place from the store, else from this process's share of the quota."""
        debt = self._begin(share) if self.down or self.debt else 0
        if debt is None:
            return self._ask_alone(share, identity, max_wait)
        try:
            answer = self.store.ask(self.name, quota, identity, max_wait, debt)
        except StoreError as error:
            self.fail(share, error, debt)
            return self._ask_alone(share, identity, max_wait)
        self.reached = True
        if self.down:
            self._recover(share, debt)
        if isinstance(answer, Place) and answer.wait > quota.window:
            # At different times, lest all of a long queue ask at once.
            pause = quota.window * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            return replace(answer, check=min(answer.wait - quota.window, pause))
        return answer

    def _begin(self, share: Quota) -> int | None:
        """What is to be counted with the next call of the store, ``None`` while it is not to be called."""
        with self.lock:
            if self.down and time.monotonic() < self.probe_at:
                return None
            self.probe_at = time.monotonic() + PROBE  # one caller tries, the others go on alone
            debt, self.debt = self.debt, 0
            return debt + (MEMORY.sent(self.alone, share) if self.down else 0)

    def _ask_alone(self, share: Quota, identity: str, max_wait: float) -> Place | Refused:
        if not share.requests:
            return Refused(PROBE, "its storage is gone (limit_when_gone)")
        answer = MEMORY.ask(self.alone, share, identity, max_wait)
        return answer if isinstance(answer, Refused) else replace(answer, check=PROBE)

    def fail(self, share: Quota, error: StoreError, debt: int = 0) -> None:
        """The store did not answer: go on alone, after one window if others may have used the last one."""
        with self.lock:
            now, first, silence = time.monotonic(), not self.down, 0.0
            self.down, self.probe_at = True, now + PROBE
            if first:
                self.debt = debt
                # Who has never reached it begins with its share: it knows of nobody.
                silence = share.window + (share.margin or MARGIN) if self.reached else 0.0
                if silence:
                    MEMORY.close(self.alone, share, silence, refused=False)
        if first:
            _log.warning(
                "The rate limit's store is gone (%s); this process goes on alone with %d requests per %g s "
                "(limit_processes, limit_when_gone)%s, until it is back.",
                error,
                share.requests,
                share.window,
                f", the first in {silence:.0f} s" if silence else "",
            )

    def _recover(self, share: Quota, counted: int) -> None:
        with self.lock:
            if self.down:  # pragma: no branch - unless another thread was faster since the caller looked
                self.debt += max(0, MEMORY.sent(self.alone, share) - counted)
                self.down = False
                MEMORY.clear(self.alone)
                _log.info("The rate limit's store is back.")

    def may_warn(self, pause: float) -> bool:
        """Whether so many seconds have passed since the last warning about a wait."""
        with self.lock:
            now = time.monotonic()
            may = now - self.warned_at >= pause
            self.warned_at = now if may else self.warned_at
            return may

    def give_back(self, identity: str) -> None:
        """Free a place wherever it is held; a store that is gone keeps it taken."""
        MEMORY.give_back(self.alone, identity)
        try:
            self.store.give_back(self.name, identity)
        except StoreError:
            _log.debug("A slot could not be given back; it counts as used.")

    def used(self, quota: Quota, share: Quota, identity: str, ago: float) -> None:
        """Count a place from when its request went out, wherever it is held."""
        if self.down:
            MEMORY.used(self.alone, share, identity, ago)
            return
        try:
            self.store.used(self.name, quota, identity, ago)
        except StoreError as error:
            self.fail(share, error)

    def close(self, quota: Quota, share: Quota, seconds: float, *, refused: bool) -> None:
        """Let nothing out for some seconds, in the store and alone."""
        try:
            self.store.close(self.name, quota, seconds, refused=refused)
        except StoreError as error:
            self.fail(share, error)
            MEMORY.close(self.alone, share, seconds, refused=refused)


class Limiter:
    """The slots of one client's requests.

    Args:
        keeper: The key's store.
        quota: Requests per window while the service names no other limit.
        processes: Processes that are expected to share the key while the store is gone; 0 lets none send.
        most: Whether the quota stays the most that is used, whatever the service names.
        on_wait: Called before each wait.
    """

    def __init__(
        self,
        keeper: Keeper,
        quota: Quota,
        *,
        processes: int = 1,
        most: bool = False,
        on_wait: OnWait | None = None,
    ) -> None:
        self._keeper = keeper
        self._given = self._quota = quota
        self._processes = processes
        self._most = most
        self._on_wait = on_wait
        self._observed: int | None = None
        self.blocking = keeper.store.blocking
        self._share = self._of_one(quota)

    def _of_one(self, quota: Quota) -> Quota:
        share = max(1, quota.requests // self._processes) if self._processes else 0
        return replace(quota, requests=share)

    @property
    def quota(self) -> Quota:
        """The limit as it is known now."""
        observed = self._keeper.observed
        if observed != self._observed and observed is not None:
            requests = min(observed, self._given.requests) if self._most else observed
            self._quota = replace(self._given, requests=requests)
            self._share, self._observed = self._of_one(self._quota), observed
        return self._quota

    def ask(self, identity: str, max_wait: float) -> Place | Refused:
        """See `Slots.ask`."""
        return self._keeper.ask(self.quota, self._share, identity, max_wait)

    def give_back(self, identity: str) -> None:
        """See `Slots.give_back`."""
        self._keeper.give_back(identity)

    def used(self, identity: str, ago: float) -> None:
        """See `Slots.used`."""
        self._keeper.used(self.quota, self._share, identity, ago)

    def close(self, seconds: float, *, refused: bool = True) -> None:
        """See `Slots.close`."""
        self._keeper.close(self.quota, self._share, seconds, refused=refused)

    def observe(self, requests: int) -> None:
        """See `Slots.observe`."""
        self._keeper.observed = requests

    def waits(self, waiting: Waiting) -> None:
        """See `Slots.waits`; one warning per window."""
        if waiting.seconds > SHOWN_WAIT and self._keeper.may_warn(self._quota.window):
            _log.warning(
                "A request%s waits %.1f s for its turn behind %d others: requests_per_minute allows %d in "
                "%g s for this key. Set it, or RESAYIL_PLAN, to your plan's limit.",
                f" ({printable(waiting.tag)})" if waiting.tag else "",
                waiting.seconds,
                waiting.queued,
                self._quota.requests,
                self._quota.window,
            )
        if self._on_wait is not None:
            self._on_wait(waiting)


# Plain dicts: their single operations are whole in threads.
_KEEPERS: dict[tuple[str, str], Keeper] = {}
_STORES: dict[str, AnyStore] = {}


def limiter_for(settings: Settings, on_wait: OnWait | None = None) -> Slots:
    """The limiter of a client, sharing its window with every client of the same key and storage.

    Raises:
        ConfigurationError: the storage cannot be used.
    """
    requests = settings.requests_per_minute
    host = urlsplit(settings.base_url).hostname or ""
    service = host == _SERVICE or host.endswith(f".{_SERVICE}")
    if requests == "auto":
        requests = AUTO if service else None
    most = isinstance(requests, int) and settings.requests_per_minute != "auto"
    if isinstance(requests, str):
        requests = PLANS[requests]
    if requests is None:
        return NoLimit()
    name = hashlib.sha256(scope_of(settings).encode()).hexdigest()[:32]
    store = store_for(settings.limit_storage)
    keeper = _KEEPERS.setdefault((name, settings.limit_storage), Keeper(name, store))
    quota = Quota(requests, settings.limit_window, settings.limit_margin)
    processes = settings.limit_processes if settings.limit_when_gone == "share" else 0
    return Limiter(keeper, quota, processes=processes, most=most, on_wait=on_wait)


def scope_of(settings: Settings) -> str:
    """What shares a limit: a key, on one service; the hosts of this service are one."""
    host = urlsplit(settings.base_url).hostname or ""
    service = host == _SERVICE or host.endswith(f".{_SERVICE}")
    return f"{settings.secret}\0{_SERVICE if service else settings.origin}"


def store_for(storage: str) -> AnyStore:
    """The store of a setting, one per process.

    Raises:
        ConfigurationError: it names none, or one that cannot be used.
    """
    if storage == "memory":
        return MEMORY
    store = _STORES.get(storage)
    if store is None:
        store = _STORES.setdefault(storage, _opened(storage))
    return store


def _opened(storage: str) -> AnyStore:
    kind, _, rest = storage.partition(":")
    if kind == "file" and rest:
        return FileStore(rest.removeprefix("//"))
    if kind in {"redis", "rediss", "unix", "valkey", "valkeys"} and rest.startswith("//"):
        from resayil.limit_redis import RedisStore  # noqa: PLC0415 - brings the redis package

        return RedisStore(storage)
    raise ConfigurationError(
        f"limit_storage is memory, file:PATH or redis://HOST:PORT, not {kind!r}; see RESAYIL_LIMIT_STORAGE."
    )


def forget_limits() -> None:
    """Begin anew with empty windows, as a test does; nobody else should."""
    MEMORY.clear()
    _KEEPERS.clear()
    _STORES.clear()


def _in_child() -> None:
    for keeper in _KEEPERS.values():
        keeper.lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows does not fork
    os.register_at_fork(after_in_child=_in_child)
