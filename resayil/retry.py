"""Whether and when to send again: a pure policy, and the quota that keeps an outage from growing."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from resayil.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    InternalServerError,
    OverloadedError,
    RateLimitError,
    ResayilError,
    ResponseError,
    UnexpectedContentError,
)

MAX_DELAY = 60.0
"""Longest wait between attempts where the service gives none, in seconds."""

PAID_ATTEMPTS = 3
"""Attempts in all where each one may have been charged: 500, 502, 504, a connection lost."""

RESENT = frozenset({429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may be sent again; a proxy's own 5xx may hide an answer under way."""

LATER = 0.01
"""Seconds added to a wait that the service asks for, since it counts from when its reply had gone out."""

_JITTER = 0.25
_MINUTE = 60.0


def may_be_billed(error: ResayilError) -> bool:
    """Whether the attempt that ended so may have been charged."""
    if isinstance(error, APITimeoutError):
        return error.phase not in {"connect", "pool"}
    if isinstance(error, APIConnectionError):
        # A kept-alive connection that was closed while idle is noticed before it is used, mostly; on this
        # one a request went out, and whether it was read cannot be told.
        return error.phase in {"reused", "fresh", "body"}
    if isinstance(error, UnexpectedContentError):
        return False
    if isinstance(error, ResponseError) or error.partial_text or error.partial_tool_calls:
        return True
    return isinstance(error, InternalServerError) and not isinstance(error, OverloadedError)


def may_be_resent(error: ResayilError, *, after_timeout: bool = False) -> bool:
    """Whether sending again is allowed: never where an answer may exist, unless the caller opted in."""
    if error.partial_text or error.partial_tool_calls or error.usage is not None:
        return False
    if error.response is not None and error.response.headers.get("x-should-retry") == "false":
        return False
    if isinstance(error, APITimeoutError):
        return error.phase == "connect" or (after_timeout and error.phase in {"read", "write"})
    if isinstance(error, APIConnectionError):
        return error.phase in {"connect", "reused", "fresh"}
    return isinstance(error, APIStatusError) and error.retryable and error.status_code in RESENT


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long.

    Attributes:
        max_retries: Attempts after the first.
        budget: Seconds since the call began after which no attempt starts.
        after_timeout: Whether a timeout after the request was sent may be sent again.
        unhinted_429: Where a 429 gives no time: wait for the next UTC minute, or double from 1 s.
    """

    max_retries: int = 2
    budget: float = 120.0
    after_timeout: bool = False
    unhinted_429: Literal["minute", "backoff"] = "minute"

    def delay(
        self, error: ResayilError, *, attempts: int, elapsed: float, now: float, jitter: float
    ) -> float | None:
        """Seconds to wait before the next attempt, or ``None`` to give up.

        Args:
            error: How the last attempt ended.
            attempts: Attempts made.
            elapsed: Seconds since the call began.
            now: Wall-clock time, Unix seconds.
            jitter: A random number from 0 to 1.
        """
        if attempts > self.max_retries or not may_be_resent(error, after_timeout=self.after_timeout):
            return None
        if attempts >= PAID_ATTEMPTS and may_be_billed(error):
            return None
        wait = self.wait(error, attempts=attempts, now=now, jitter=jitter)
        return wait if elapsed + wait <= self.budget else None

    def wait(self, error: ResayilError, *, attempts: int, now: float, jitter: float) -> float:
        """Seconds that the error asks for, or that its kind suggests."""
        if error.retry_after is not None:
            return error.retry_after + LATER
        if isinstance(error, APIConnectionError) and error.phase == "reused":
            return 0.0
        if isinstance(error, RateLimitError) and self.unhinted_429 == "minute":
            return _MINUTE - now % _MINUTE + jitter
        return min(2.0 ** (attempts - 1), MAX_DELAY) * (1 + _JITTER * jitter)


class RetryQuota:
    """Retries that a client may make in a row of failures, over all its calls and threads.

    Each retry takes a share, each success gives one back; with none left, errors are raised at once. A
    429 takes nothing: waiting for the window is no load on a service in trouble.
    """

    CAPACITY = 20

    def __init__(self) -> None:
        self._left = self.CAPACITY
        self._lock = threading.Lock()

    def take(self, error: ResayilError) -> bool:
        """Whether a retry after this error is still within the quota."""
        if isinstance(error, RateLimitError):
            return True
        with self._lock:
            if self._left == 0:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """A call has succeeded."""
        with self._lock:
            self._left = min(self._left + 1, self.CAPACITY)
