"""A first-come-first-served limit: at most N requests in any rolling window, over all that share a key.

Each request reserves the earliest moment at which it may go out, and asks again when that has come. Who waits
for longer than a window asks once in each, since a moment that is given back moves everybody behind it up:
nobody overtakes. The plan of a window is a list of such moments; this module is its arithmetic,
`limit_stores` keeps it.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import inf

PLANS = {"starter": 10, "basic": 10, "pro": 30, "enterprise": 60}
"""Requests per minute of each plan (one-page reference)."""

WINDOW = 60.0
"""Seconds of a plan's rolling window."""

MARGIN = 0.5
"""Least seconds added to the window: a request that goes out on time reaches the service a little later."""

CALM = 5
"""Windows without a 429 after which a widened margin has halved."""

INCIDENT = 0.1
"""Share of a window within which several 429s are one incident, which widens the margin once."""

LATE = 0.05
"""Share of the margin by which a request may go out late before its moment is corrected."""

TICK = 1e-6
"""Seconds by which moments that are meant to be equal may differ, clocks being what they are."""

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

    @property
    def late(self) -> float:
        """Seconds by which a request may go out after its moment."""
        return LATE * (MARGIN if self.margin is None else self.margin)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the queue.

    Attributes:
        wait: Seconds until its moment, from when it was asked for; 0 means: go now.
        queued: Requests before it that wait as well.
        check: Seconds after which to ask again although the moment has not come: it may have moved.
    """

    wait: float = 0.0
    queued: int = 0
    check: float = inf


@dataclass(frozen=True, slots=True)
class Refused:
    """No place within the wait that is allowed; nothing is kept.

    Attributes:
        retry_after: Seconds until the earliest place.
        reason: Why, where it is not for the wait.
    """

    retry_after: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that is about to wait for its turn.

    Attributes:
        tag: The caller's word for its call.
        seconds: How long, if nobody before it leaves.
        queued: Requests before it that wait as well.
    """

    tag: str
    seconds: float
    queued: int


NOW = Place()
"""The place of whoever need not wait."""


@dataclass(slots=True)
class Entry:
    """A moment, and whose it is."""

    moment: float
    id: str


def _moment(entry: Entry) -> float:
    return entry.moment


@dataclass(slots=True)
class Plan:
    """The moments of one key's window and queue, oldest first, on one clock.

    Attributes:
        entries: Every moment of the last window and of the queue.
        closed_until: Nothing goes out before this.
        margin: The margin as the last 429 left it.
        warned_at: When that was.
        requests: The quota of who asked last; 0 where the queue has to be ordered anew.
        held: The entry of each identity.
    """

    entries: list[Entry] = field(default_factory=list)
    closed_until: float = 0.0
    margin: float = MARGIN
    warned_at: float = 0.0
    requests: int = 0
    held: dict[str, Entry] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.held = {entry.id: entry for entry in self.entries}

    def ask(self, quota: Quota, identity: str, now: float, max_wait: float) -> Place | Refused:
        """The place of an identity: the one it holds, else the first that is free."""
        span = self.span(quota, now)
        self._forget(now, span)
        if not 0 < self.requests <= quota.requests:
            self._settle(quota, now)
        self.requests = quota.requests
        entry = self.held.get(identity)
        return (
            self._reserve(quota, identity, now, span, max_wait)
            if entry is None
            else self._again(quota, entry, now, max_wait)
        )

    def _reserve(
        self, quota: Quota, identity: str, now: float, span: float, max_wait: float
    ) -> Place | Refused:
        earliest = max(now, self.closed_until)
        moment = self._next(quota.requests, earliest, span, len(self.entries))
        wait = moment - now
        if wait > max_wait:
            return Refused(wait)
        entry = self.held[identity] = Entry(moment, identity)
        self.entries.append(entry)
        return Place(wait, self._ahead(entry, now)) if wait else NOW

    def _again(self, quota: Quota, entry: Entry, now: float, max_wait: float) -> Place | Refused:
        """The moment may have moved; one that is used late counts from when it is used."""
        wait = entry.moment - now
        if wait > max_wait:
            self.give_back(entry.id)
            return Refused(wait)
        if wait > 0:
            return Place(wait, self._ahead(entry, now))
        if -wait > quota.late:
            self._move(quota, entry, now, now)
        return NOW

    def used(self, quota: Quota, identity: str, now: float, ago: float) -> None:
        """Count a place from when its request went out, so many seconds ago."""
        entry = self.held.get(identity)
        if entry is not None and now - ago > entry.moment:
            self._move(quota, entry, now, now - ago)

    def _move(self, quota: Quota, entry: Entry, now: float, moment: float) -> None:
        self.entries.remove(entry)
        entry.moment = moment
        self._insert(entry)
        self._settle(quota, now)

    def _insert(self, entry: Entry) -> None:
        self.entries.insert(bisect_right(self.entries, entry.moment, key=_moment), entry)

    def _next(self, requests: int, earliest: float, span: float, before: int) -> float:
        """The earliest moment for an entry that has so many before it."""
        moment = max(earliest, self.entries[before - 1].moment) if before else earliest
        return max(moment, self.entries[before - requests].moment + span) if before >= requests else moment

    def _ahead(self, entry: Entry, now: float) -> int:
        passed = bisect_right(self.entries, now, key=_moment)
        return bisect_right(self.entries, entry.moment, key=_moment) - 1 - passed

    def span(self, quota: Quota, now: float) -> float:
        """Seconds that must lie between a request and the one N before it."""
        if quota.margin is not None:
            return quota.window + quota.margin
        calm: float = 0.5 ** (max(0.0, now - self.warned_at) / (CALM * quota.window))
        return quota.window + max(MARGIN, self.margin * calm)

    def _forget(self, now: float, span: float) -> None:
        """Drop what lies before the window."""
        passed = 0
        while passed < len(self.entries) and self.entries[passed].moment <= now - span + TICK:
            self.held.pop(self.entries[passed].id, None)
            passed += 1
        del self.entries[:passed]

    def give_back(self, identity: str) -> None:
        """Free a place whose request was not sent; the next to ask finds everybody behind it moved up."""
        entry = self.held.pop(identity, None)
        if entry is not None:
            self.entries.remove(entry)
            self.requests = 0

    def close(self, quota: Quota, now: float, seconds: float, *, refused: bool = True) -> None:
        """Let nothing out for some seconds and move the queue behind; after a 429 widen the margin too."""
        if refused:
            if now - self.warned_at >= INCIDENT * quota.window:
                self.margin = min(2 * (self.span(quota, now) - quota.window), quota.window)
            self.warned_at = now
        self.shut(quota, now, now + min(seconds, LONGEST_CLOSURE))

    def shut(self, quota: Quota, now: float, until: float) -> None:
        """Let nothing out before a moment, and move the queue behind it."""
        self.closed_until = max(self.closed_until, until)
        self._settle(quota, now)

    def add(self, quota: Quota, now: float, count: int) -> None:
        """Count requests that went out without a place, as of now."""
        for _ in range(count):
            self._insert(Entry(now, ""))
        self._settle(quota, now)

    def _settle(self, quota: Quota, now: float) -> None:
        """Move what is still to come to where the entries before it allow it, later or earlier."""
        span, earliest = self.span(quota, now), max(now, self.closed_until)
        for n in range(bisect_right(self.entries, now, key=_moment), len(self.entries)):
            self.entries[n].moment = self._next(quota.requests, earliest, span, n)

    def sent(self, quota: Quota, now: float) -> int:
        """Requests that went out in the window that ends now."""
        start = now - self.span(quota, now)
        return sum(start < entry.moment <= now for entry in self.entries)
