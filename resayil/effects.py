"""What a flow asks for, and what it is told: the vocabulary between decisions and the rim."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from resayil.credits import Budget, Entry
from resayil.errors import ConnectionPhase, TimeoutPhase


@dataclass(frozen=True, slots=True)
class Acquire:
    """Ask for a slot of the rate limit; its outcome is a `Place`, perhaps one to wait for, or `Refused`.

    Whoever has waited asks again, since a closed window may have moved the place; so does whoever got the
    answer late, since a slot counts from when it is used.

    Attributes:
        identity: Whose slot; the same each time it is asked for.
        max_wait: Seconds that its moment may be away.
    """

    identity: str
    max_wait: float


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give a slot back: its request is not sent."""

    identity: str


@dataclass(frozen=True, slots=True)
class Used:
    """Tell that a slot was used later than at its moment: connecting took time, or the machine was busy.

    Attributes:
        identity: Whose slot.
        ago: Seconds since its request went out.
    """

    identity: str
    ago: float


@dataclass(frozen=True, slots=True)
class CloseWindow:
    """Let nobody who shares the limit send for some seconds.

    Attributes:
        seconds: How long.
        refused: Whether the service has refused a request, which widens the margin too; else it has only
            told that the window is full.
    """

    seconds: float
    refused: bool = True


@dataclass(frozen=True, slots=True)
class Observe:
    """Take over the limit that the service names, in requests per window."""

    requests: int


@dataclass(frozen=True, slots=True)
class Wait:
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


@dataclass(frozen=True, slots=True)
class Reserve:
    """Set credits aside in every budget; its outcome is ``None``, or the budget that is `Short` of them.

    Attributes:
        identity: Whose call.
        amount: Millionths of a credit.
    """

    identity: str
    amount: int


@dataclass(frozen=True, slots=True)
class Short:
    """A budget that does not cover a call.

    Attributes:
        budget: The budget.
        left: Credits left in it, those set aside for calls under way taken off.
    """

    budget: Budget
    left: Decimal


@dataclass(frozen=True, slots=True)
class Settle:
    """Put what a call has cost in the place of what was set aside for it."""

    identity: str
    amount: int


@dataclass(frozen=True, slots=True)
class Enter:
    """Write a call into the ledger."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Weigh:
    """Write a balance into the ledger; its outcome is the `Interval`s between balances, oldest first.

    Attributes:
        at: Unix time in seconds at which the balance was read.
        balance: Credits left; ``None`` where none was read and only the intervals are wanted.
    """

    at: float
    balance: Decimal | None


BookEffect = Reserve | Settle | Enter | Weigh


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; its outcome is a `Head`, or a `Failure`, as when the monotonic ``due`` passes."""

    method: Literal["GET", "POST"]
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    read_timeout: float
    due: float = math.inf


@dataclass(frozen=True, slots=True)
class Read:
    """Read on; its outcome is bytes, ``None`` at the end, or a `Failure` once a monotonic time has passed."""

    due: float


@dataclass(frozen=True, slots=True)
class Close:
    """Let go of the reply."""


@dataclass(frozen=True, slots=True)
class Sleep:
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
