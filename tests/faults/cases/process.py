"""Process lines that a single call can show: leaving a stream early, by every way there is."""

from __future__ import annotations

from faults.case import Ask, Case, Expect
from faults.outcome import Leave
from faults.replies import TOKENS, Wire, streamed
from faults.server import Hold, Play


def unending(wire: Wire) -> list[Play]:
    """Four tokens, and then silence."""
    return [streamed(*wire.tokens(*TOKENS), then=[Hold()])]


def leaving(name: str, says: str, leave: Leave, error: str = "") -> Case:
    """A stream that its reader leaves, without ``with``; the garbage collector is off meanwhile."""
    return Case(
        id=name,
        says=says,
        plays=unending,
        expect=Expect(error=error, within=10),
        verbs=("stream",),
        settings={"read_timeout": 20.0, "gap_timeout": 20.0},
        ask=Ask(leave=leave),
        quiet=True,
    )


def before_the_head(name: str, leave: Leave, error: str) -> Case:
    """A call that is given up while its answer is awaited."""
    return Case(
        id=f"{name}-head",
        says="a call that is cancelled before its answer comes lets go of the connection",
        plays=lambda _: [[Hold()]],
        expect=Expect(error=error, within=10),
        settings={"read_timeout": 20.0},
        ask=Ask(leave=leave),
    )


CASES: list[Case] = [
    leaving("P01", "a break lets go of the connection, before garbage collection", "break"),
    leaving("P02", "so does the reader's own exception, which arrives unchanged", "raise", "ConsumerError"),
    leaving("P03", "so does closing the generator", "close"),
    leaving("P09", "so does a keyboard interrupt, which is never retried", "interrupt", "KeyboardInterrupt"),
    leaving("c_cancel", "so does a cancelled task", "cancel", "CancelledError"),
    leaving("c_waitfor", "so does a wait that runs out", "wait_for", "TimeoutError"),
    before_the_head("c_cancel", "cancel", "CancelledError"),
    before_the_head("c_waitfor", "wait_for", "TimeoutError"),
]
