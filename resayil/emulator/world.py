"""All state of an emulator: keys, windows, credits, what was asked and what is queued."""

from __future__ import annotations

import hashlib
import math
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from resayil.emulator.refusals import PAYMENT, TOO_MANY, UNAUTHORIZED, RefusalError
from resayil.emulator.scripts import Fault, Scripted
from resayil.emulator.values import Outbound, RecordedRequest

DEFAULT_KEY = "sk-emulator"
PLANS = {"starter": 10, "basic": 10, "pro": 30, "enterprise": 60}
WINDOW = 60.0
AMPLE = Decimal(1_000_000)
TOP_UP_PAGE = "https://llm.resayil.io/billing/plans"


@dataclass(slots=True)
class Account:
    """One key: its plan, its credits and the requests of its last minute."""

    key: str
    plan: str
    credits: Decimal
    limit: int | None
    unlimited: bool = False
    hits: deque[float] = field(default_factory=deque)

    def recent(self, now: float, *, fixed: bool) -> int:
        """How many requests count at this moment."""
        start = math.floor(now / WINDOW) * WINDOW if fixed else now - WINDOW
        while self.hits and (self.hits[0] < start if fixed else self.hits[0] <= start):
            self.hits.popleft()
        return len(self.hits)

    def frees_at(self, now: float, *, fixed: bool) -> float:
        """When the next request will pass."""
        if fixed:
            return (math.floor(now / WINDOW) + 1) * WINDOW
        return self.hits[0] + WINDOW if self.hits else now

    def take(self, now: float, *, fixed: bool) -> int:
        """Count one request; its place in the minute, from 1.

        Raises:
            RefusalError: The minute is full.
        """
        counted = self.recent(now, fixed=fixed)
        if self.limit is not None and counted >= self.limit:
            wait = max(1, math.ceil(self.frees_at(now, fixed=fixed) - now))
            message = f"Rate limit exceeded. Max {self.limit} requests per minute."
            raise RefusalError(TOO_MANY, message, extra={"retry_after": wait})
        self.hits.append(now)
        return counted + 1

    def headers(self, now: float, *, fixed: bool) -> dict[str, str]:
        """The limit as its headers tell it."""
        if self.limit is None:
            return {}
        left = max(0, self.limit - self.recent(now, fixed=fixed))
        reset = math.ceil(self.frees_at(now, fixed=fixed) if self.hits else now + WINDOW)
        return {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": str(reset),
        }

    def charge(self, amount: Decimal) -> None:
        """Take credits; the balance may end below zero, since an answer's price is known only afterwards."""
        self.credits -= amount

    def afford(self, *, fields: bool) -> None:
        """Refuse when nothing is left.

        Raises:
            RefusalError: The credits are spent.
        """
        if self.unlimited or self.credits > 0:
            return
        extra = {"top_up_url": TOP_UP_PAGE, "current_credits": float(self.credits)} if fields else {}
        raise RefusalError(PAYMENT, extra=extra)


class World:
    """The one place where anything changes; `lock` guards it."""

    def __init__(self, oddities: frozenset[str], seed: int) -> None:
        """Begin with the default key alone."""
        self.lock = threading.RLock()
        self.oddities = oddities
        self.seed = seed
        self.reset()

    def reset(self) -> None:
        """Forget everything but the settings."""
        with self.lock:
            self.accounts = {DEFAULT_KEY: Account(DEFAULT_KEY, "enterprise", AMPLE, None, unlimited=True)}
            self.script: deque[Scripted] = deque()
            self.faults: deque[Fault] = deque()
            self.requests: list[RecordedRequest] = []
            self.sent: list[Outbound] = []
            self.prompts: set[str] = set()
            self.made = 0

    def new_id(self, prefix: str) -> str:
        """The next id: the same for the same seed and place in the sequence."""
        with self.lock:
            self.made += 1
            digest = hashlib.sha256(f"{self.seed}:{self.made}".encode()).hexdigest()
            return f"{prefix}{digest[:24]}"

    def account(self, headers: Mapping[str, str]) -> Account:
        """The account of a request's key.

        Raises:
            RefusalError: There is no key, or it is not known.
        """
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        key = bearer if scheme == "Bearer" else ""
        if "no-x-api-key" not in self.oddities:
            key = key or headers.get("x-api-key", "")
        if not key:
            raise RefusalError(UNAUTHORIZED, "Invalid or missing API key")
        if key not in self.accounts:
            raise RefusalError(UNAUTHORIZED)
        return self.accounts[key]

    def next_fault(self, path: str) -> Fault | None:
        """The first queued fault for this path, used up once."""
        for index, fault in enumerate(self.faults):
            if fault.path is None or fault.path in path:
                self.faults.remove(fault)
                if fault.times > 1:
                    self.faults.insert(index, replace(fault, times=fault.times - 1))
                return fault
        return None

    def seen(self, prompt: str) -> bool:
        """Whether this beginning of a prompt was sent before; it is remembered."""
        digest = hashlib.sha256(prompt.encode()).hexdigest()
        known = digest in self.prompts
        self.prompts.add(digest)
        return known
