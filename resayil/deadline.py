"""When a reply's head and body are due: said by whoever sends, asked by the streams that read.

They stand apart from these streams so that httpcore is imported with the first request, not with a client.
"""

from __future__ import annotations

import math
import threading

import httpx

_heads = threading.local()
"""When the head of the reply that a thread waits for is due: its stream is not known before it has come."""


class Bounded:
    """A network stream whose reads end by a moment."""

    def __init__(self) -> None:
        self.due = math.inf

    @property
    def read_due(self) -> float:
        """When the next read has to end, a monotonic time: the head's moment while one is waited for."""
        due: float | None = getattr(_heads, "due", None)
        return self.due if due is None else due


def head_due(moment: float | None) -> None:
    """Bound this thread's wait for a reply's head by a monotonic time; ``None`` ends the wait."""
    _heads.due = moment


def body_due(response: httpx.Response, moment: float) -> None:
    """Bound the reads of a reply's body by a monotonic time, where the transport is of the kind."""
    stream = response.extensions.get("network_stream")
    if isinstance(stream, Bounded):
        stream.due = moment
