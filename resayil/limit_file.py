"""Plans and budgets in one file that the processes of a machine share."""

from __future__ import annotations

import json
import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resayil.errors import ConfigurationError
from resayil.limit_stores import Epochs, Life, Purse, StoreError
from resayil.limits import Entry, Place, Plan, Quota, Refused

_log = logging.getLogger("resayil")

LOCK_TIMEOUT = 2.0
"""Seconds for which a store waits for its lock before it counts as gone."""

_LOCK_POLL = 0.0003


def boot_id() -> str:
    """A name of the time since the machine started, for which its monotonic clock holds."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # pragma: no cover - Linux alone tells it there
        return ""


class FileStore:
    """Plans in one file that several processes of a machine share, on the machine's monotonic clock.

    A lock file beside it is held while the state is read and replaced as a whole, so whoever is killed
    leaves a readable one. A state that cannot be read counts as a full window.

    Args:
        path: The file; its folder must exist.
    """

    blocking = True

    def __init__(self, path: str | Path, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            import fcntl  # noqa: PLC0415 - POSIX only
        except ImportError:
            raise ConfigurationError("limit_storage=file: needs a POSIX system; use redis:// here.") from None
        self._flock, self._flags = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
        self._path = Path(path).expanduser().absolute()
        if not self._path.parent.is_dir():
            raise ConfigurationError(f"limit_storage: there is no folder {str(self._path.parent)!r}.")
        self._clock = clock
        self._boot = boot_id()
        self._turn, self._pid = threading.Lock(), os.getpid()
        self._epochs = Epochs()

    def ask(self, name: str, quota: Quota, identity: str, max_wait: float, debt: int = 0) -> Place | Refused:
        """See `Store.ask`."""
        with self._plan(name, quota) as (plan, now):
            if debt:
                plan.add(quota, now, debt)
            return plan.ask(quota, identity, now, max_wait)

    def give_back(self, name: str, identity: str) -> None:
        """See `Store.give_back`."""
        with self._plan(name, None) as (plan, _):
            plan.give_back(identity)

    def used(self, name: str, quota: Quota, identity: str, ago: float) -> None:
        """See `Store.used`."""
        with self._plan(name, quota) as (plan, now):
            plan.used(quota, identity, now, ago)

    def close(self, name: str, quota: Quota, seconds: float, *, refused: bool = True) -> None:
        """See `Store.close`."""
        with self._plan(name, quota) as (plan, now):
            plan.close(quota, now, seconds, refused=refused)

    def hold(self, name: str, identity: str, amount: int, limit: int, life: Life) -> int | None:
        """See `BudgetStore.hold`."""
        with self._purse(name, life.budget) as (purse, now):
            return purse.hold(identity, amount, limit, now, now + life.amount)

    def settle(self, name: str, identity: str, amount: int) -> None:
        """See `BudgetStore.settle`."""
        with self._purse(name) as (purse, _):
            purse.settle(identity, amount)

    def spent(self, name: str) -> int:
        """See `BudgetStore.spent`."""
        with self._purse(name) as (purse, now):
            return purse.total(now)

    @contextmanager
    def _purse(self, name: str, life: float | None = None) -> Generator[tuple[Purse, float]]:
        with self.state() as state:
            purses, now = state.setdefault("purses", {}), time.time()
            kept = purses.get(name)
            purse = _read_purse(kept) if kept else Purse()
            yield purse, now
            if kept or purse.held:
                until = now + life if life is not None else kept["until"]
                purses[name] = {"spent": purse.spent, "held": purse.held, "until": until}
            for other in [other for other, told in purses.items() if told["until"] < now]:
                del purses[other]

    @contextmanager
    def _plan(self, name: str, quota: Quota | None) -> Generator[tuple[Plan, float]]:
        with self.state() as state:
            now = self._clock()
            plans = state.setdefault("plans", {})
            kept = plans.get(name)
            plan = _read_plan(kept) if kept else Plan()
            epoch, made = (kept["epoch"], kept["made"]) if kept else (secrets.token_hex(8), now)
            if quota is not None:
                self._shut_unknown(
                    plan, quota, now, (state.get("lost_at"), self._lost(name, quota, epoch, made))
                )
            yield plan, now
            plans[name] = {"epoch": epoch, "made": made, **_written(plan)}
            for other in [other for other, told in plans.items() if _ended(told, now)]:
                del plans[other]

    def _lost(self, name: str, quota: Quota, epoch: str, made: float) -> float | None:
        """When the plan that this process used a moment ago was lost, if it was."""
        known = self._epochs.known(name, quota)
        self._epochs.see(name, epoch)
        return made if known not in {"", epoch} else None

    @staticmethod
    def _shut_unknown(plan: Plan, quota: Quota, now: float, lost: Iterable[float | None]) -> None:
        """A window of which not everything is known counts as full."""
        until = max((at + plan.span(quota, now) for at in lost if at is not None), default=0.0)
        if until > max(now, plan.closed_until):
            plan.shut(quota, now, until)

    @contextmanager
    def state(self) -> Generator[dict[str, Any]]:
        """The whole state, locked, and written back unless the block fails.

        Raises:
            StoreError: the lock is held for too long, or the file system refuses.
        """
        try:
            with self._locked():
                state = self._load()
                yield state
                self._save(state)
        except OSError as error:
            raise StoreError(f"{type(error).__name__}: {error.strerror or error}") from error

    @contextmanager
    def _locked(self) -> Generator[None]:
        if self._pid != os.getpid():  # the parent's threads held it
            self._turn, self._pid = threading.Lock(), os.getpid()
        due, turn = time.monotonic() + LOCK_TIMEOUT, self._turn
        # One thread of each process stands at the file's lock, the others in line behind it.
        if not turn.acquire(timeout=LOCK_TIMEOUT):
            raise StoreError(f"{self._path} was in use for {LOCK_TIMEOUT:g} s")
        try:
            with self._file_locked(due):
                yield
        finally:
            turn.release()

    @contextmanager
    def _file_locked(self, due: float) -> Generator[None]:
        with self._path.with_name(self._path.name + ".lock").open("a") as lock:
            while True:
                try:
                    self._flock(lock, self._flags)
                    break
                except BlockingIOError:
                    if time.monotonic() > due:
                        raise StoreError(
                            f"the lock of {self._path} was held for {LOCK_TIMEOUT:g} s"
                        ) from None
                    time.sleep(_LOCK_POLL)
            yield

    def _load(self) -> dict[str, Any]:
        now, wall = self._clock(), time.time()
        try:
            state = json.loads(self._path.read_bytes())
            written, boot, machine = float(state["wall"]), state["boot"], state["machine"]
            for kept in state.get("plans", {}).values():
                _read_plan(kept)
            for kept in state.get("purses", {}).values():
                _ = _read_purse(kept)
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning(
                "The state in %s cannot be read; it counts as a full window, and budgets begin anew.",
                self._path,
            )
            return {"lost_at": now}
        if boot == self._boot and machine <= now:
            return dict(state)
        # Another boot's moments mean nothing here; wall clocks tell how much of the window is over.
        kept = {name: value for name, value in state.items() if name != "plans"}
        return {**kept, "lost_at": now - max(0.0, wall - written)}

    def _save(self, state: dict[str, Any]) -> None:
        state.update(wall=time.time(), machine=self._clock(), boot=self._boot)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(state, file, ensure_ascii=False)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


KEPT = 3600.0
"""Seconds for which a plan is kept after the last thing that it says has happened."""


def _written(plan: Plan) -> dict[str, Any]:
    return {
        "entries": [[entry.moment, entry.id] for entry in plan.entries],
        "closed_until": plan.closed_until,
        "margin": plan.margin,
        "warned_at": plan.warned_at,
        "requests": plan.requests,
    }


def _read_plan(kept: dict[str, Any]) -> Plan:
    entries = [Entry(float(moment), str(identity)) for moment, identity in kept["entries"]]
    _ = kept["epoch"], float(kept["made"])
    return Plan(
        entries,
        float(kept["closed_until"]),
        float(kept["margin"]),
        float(kept["warned_at"]),
        int(kept["requests"]),
    )


def _read_purse(kept: dict[str, Any]) -> Purse:
    held = {name: (int(amount), float(until)) for name, (amount, until) in kept["held"].items()}
    _ = float(kept["until"])
    return Purse(int(kept["spent"]), held)


def _ended(kept: dict[str, Any], now: float) -> bool:
    """Whether nothing of a plan matters any more, its widened margin included."""
    last = max(
        kept["closed_until"], kept["warned_at"], kept["made"], *(entry[0] for entry in kept["entries"])
    )
    return bool(last + KEPT < now)
