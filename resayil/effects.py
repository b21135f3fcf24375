"""What a flow asks for, and what it is told: the vocabulary between decisions and the rim.

What is asked for is made several times in each call, and a named tuple is made, and imported, in a third of
the time of a frozen dataclass.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from resayil.credits import Budget, Entry
from resayil.errors import ConnectionPhase, TimeoutPhase


class Acquire(NamedTuple):
    """Ask for a slot of the rate limit; its outcome is a `Place`, perhaps one to wait for, or `Refused`.

    Whoever has waited asks again, since a closed window may have moved the place; so does whoever got the
    answer late, since a slot counts from when it is used.

    Attributes:
        identity: Whose slot; the same each time it is asked for.
        max_wait: Seconds that its moment may be away.
    """

    identity: str
    max_wait: float


class GiveBack(NamedTuple):
    """Give a slot back: its request is not sent."""

    identity: str


class Used(NamedTuple):
    """Tell that a slot was used later than at its moment: connecting took time, or the machine was busy.

    Attributes:
        identity: Whose slot.
        ago: Seconds since its request went out.
    """

    identity: str
    ago: float


class CloseWindow(NamedTuple):
    """Let nobody who shares the limit send for some seconds.

    Attributes:
        seconds: How long.
        refused: Whether the service has refused a request, which widens the margin too; else it has only
            told that the window is full.
    """

    seconds: float
    refused: bool = True


class Observe(NamedTuple):
    """Take over the limit that the service names, in requests per window."""

    requests: int


class Wait(NamedTuple):
    """Wait for a slot's moment, and tell so: how long, and behind how many.

    Attributes:
        seconds: How long to wait before asking again.
        left: Seconds until the moment.
        queued: Requests before this one.
        first: Whether this is the first wait for the slot.
        tag: The caller's word for the call.
    """

    seconds: float
    left: float
    queued: int
    first: bool
    tag: str = ""


class Reserve(NamedTuple):
    """Set credits aside in every budget; its outcome is ``None``, or the budget that is `Short` of them.

    Attributes:
        identity: Whose call.
        amount: Millionths of a credit.
    """

    identity: str
    amount: int


class Short(NamedTuple):
    """A budget that does not cover a call.

    Attributes:
        budget: The budget.
        left: Credits left in it, those set aside for calls under way taken off.
    """

    budget: Budget
    left: Decimal


class Settle(NamedTuple):
    """Put what a call has cost in the place of what was set aside for it."""

    identity: str
    amount: int


class Enter(NamedTuple):
    """Write a call into the ledger."""

    entry: Entry


class Weigh(NamedTuple):
    """Write a balance into the ledger; its outcome is the `Interval`s between balances, oldest first.

    Attributes:
        at: Unix time in seconds at which the balance was read.
        balance: Credits left; ``None`` where none was read and only the intervals are wanted.
    """

    at: float
    balance: Decimal | None


BookEffect = Reserve | Settle | Enter | Weigh


class Send(NamedTuple):
    """Send a request; its outcome is a `Head`, or a `Failure`, as when the monotonic ``due`` passes."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    read_timeout: float
    due: float = math.inf


class Read(NamedTuple):
    """Read on; its outcome is bytes, ``None`` at the end, or a `Failure` once a monotonic time has passed."""

    due: float


class Close(NamedTuple):
    """Let go of the reply."""


class Sleep(NamedTuple):
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of a reply.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        sent_at: Monotonic time at which the request had been written, where that is known.
    """

    status: int
    headers: Mapping[str, str]
    sent_at: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """How sending or reading failed.

    Attributes:
        kind: A clock, the connection, or the body's encoding.
        phase: Where it happened.
        detail: In the library's words, without the key.
        cause: The library's exception, without its frames.
    """

    kind: Literal["timeout", "connection", "encoding"]
    phase: ConnectionPhase | TimeoutPhase
    detail: str
    cause: BaseException | None = field(default=None, compare=False)


Effect = Acquire | GiveBack | Used | CloseWindow | Observe | Wait | BookEffect | Send | Read | Close | Sleep
