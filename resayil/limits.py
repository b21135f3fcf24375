"""A first-come-first-served limit: at most N requests in any rolling window, over all that share a key.

Each request reserves the earliest moment at which it may go out, so nobody polls and nobody overtakes. The
plan of a window is a list of such moments; this module is its arithmetic, `limit_stores` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PLANS = {"starter": 10, "basic": 10, "pro": 30, "enterprise": 60}
"""Requests per minute of each plan (one-page reference)."""

WINDOW = 60.0
"""Seconds of a plan's rolling window."""

MARGIN = 0.5
"""Least seconds added to the window: a request that goes out on time reaches the service a little later."""

CALM = 5
"""Windows without a 429 after which a widened margin has halved."""

LONGEST_CLOSURE = 3600.0
"""Seconds for which one 429 may close a window, whatever it says."""


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests in any so many seconds.

    Attributes:
        requests: Requests per window.
        window: Seconds of the window.
        margin: Seconds added to it; ``None`` begins with half a second, doubles with each 429 and
            halves with each quiet while.
    """

    requests: int
    window: float = WINDOW
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place in the queue.

    Attributes:
        id: Its name.
        wait: Seconds until its moment, from when it was asked for.
        queued: Requests before it that wait as well.
    """

    id: str
    wait: float
    queued: int = 0


@dataclass(slots=True)
class Entry:
    """A moment, whose it is, and whether that one has given it back."""

    moment: float
    id: str
    freed: bool = False


@dataclass(slots=True)
class Plan:
    """The moments of one key's window and queue, oldest first, on one clock.

    Attributes:
        entries: Every moment of the last window and of the queue.
        freed: How many of them have been given back.
        closed_until: Nothing goes out before this.
        margin: The margin as the last 429 left it.
        warned_at: When that was.
    """

    entries: list[Entry] = field(default_factory=list)
    freed: int = 0
    closed_until: float = 0.0
    margin: float = MARGIN
    warned_at: float = 0.0

    def reserve(self, quota: Quota, identity: str, now: float, max_wait: float) -> Reservation | float:
        """A place, or the wait in seconds where that is longer than allowed; then nothing is kept."""
        span = self.span(quota, now)
        self._forget(now, span)
        earliest = max(now, self.closed_until)
        free = self._free(earliest) if self.freed else None
        entry = free or Entry(self._next(quota.requests, earliest, span, len(self.entries)), identity)
        wait = entry.moment - now
        if wait > max_wait:
            return wait
        if free is None:
            self.entries.append(entry)
        else:
            self.freed -= 1
        entry.id, entry.freed = identity, False
        return Reservation(identity, wait, self._ahead(entry, now) if wait else 0)

    def _next(self, requests: int, earliest: float, span: float, before: int) -> float:
        """The earliest moment for an entry that has so many before it."""
        moment = max(earliest, self.entries[before - 1].moment) if before else earliest
        return max(moment, self.entries[before - requests].moment + span) if before >= requests else moment

    def _free(self, earliest: float) -> Entry | None:
        return next((entry for entry in self.entries if entry.freed and entry.moment >= earliest), None)

    def _ahead(self, entry: Entry, now: float) -> int:
        return sum(now < other.moment <= entry.moment for other in self.entries) - 1

    def span(self, quota: Quota, now: float) -> float:
        """Seconds that must lie between a request and the one N before it."""
        if quota.margin is not None:
            return quota.window + quota.margin
        calm: float = 0.5 ** (max(0.0, now - self.warned_at) / (CALM * quota.window))
        return quota.window + max(MARGIN, self.margin * calm)

    def _forget(self, now: float, span: float) -> None:
        """Drop what lies before the window, and moments that passed unused."""
        if self.freed:
            self.entries = [entry for entry in self.entries if not entry.freed or entry.moment >= now]
            self.freed = sum(entry.freed for entry in self.entries)
        passed = 0
        while passed < len(self.entries) and self.entries[passed].moment <= now - span:
            passed += 1
        del self.entries[:passed]

    def remaining(self, identity: str, now: float) -> float:
        """Seconds until the moment of a place, which a closed window may have moved."""
        moment = next((entry.moment for entry in self.entries if entry.id == identity), now)
        return max(0.0, moment - now)

    def give_back(self, identity: str) -> None:
        """Free a place whose request was not sent; the next in line takes it if it is still to come."""
        for entry in self.entries:
            if entry.id == identity and not entry.freed:
                entry.freed = True
                self.freed += 1

    def close(self, quota: Quota, now: float, seconds: float) -> None:
        """After a 429: let nothing out for some seconds, move the queue behind, and widen the margin."""
        self.margin = min(2 * (self.span(quota, now) - quota.window), quota.window)
        self.warned_at = now
        self.closed_until = max(self.closed_until, now + min(seconds, LONGEST_CLOSURE))
        span = self.span(quota, now)
        for n, entry in enumerate(self.entries):
            if entry.moment > now:
                entry.moment = max(entry.moment, self._next(quota.requests, self.closed_until, span, n))
