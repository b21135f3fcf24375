"""Secret lines that a single call can show: no failure's traceback holds the key, locals included."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faults.case import Ask, Case, Expect
from faults.outcome import KEY, Outcome
from faults.replies import TOKENS, Wire, streamed
from faults.server import Close, Hold, Log, Play, Reset, Wait

TYPED = "ResayilError"


def no_key_in_frames(outcome: Outcome, _: Log) -> str | None:
    """The traceback with every local variable of every frame does not show the key."""
    if outcome.error is None:
        return "no error"
    lines = [line.strip() for line in outcome.error.frames.splitlines() if KEY in line]
    return f"the key stands in {lines[0]!r:.160}" if lines else None


def traced(
    name: str,
    plays: Callable[[Wire], Sequence[Play]],
    error: str = TYPED,
    *,
    ask: Ask | None = None,
    **more: Any,
) -> Case:
    """A failure whose traceback is looked at."""
    settings: Mapping[str, Any] = {"max_retries": 0, "read_timeout": 0.5, **more.pop("settings", {})}
    return Case(
        id=f"A06-{name}",
        says="the traceback of a failure does not show the key, local variables included",
        plays=plays,
        expect=Expect(error=error, strict=(no_key_in_frames,), attempts=more.pop("attempts", (1, 1))),
        settings=settings,
        ask=ask or Ask(),
        frames=True,
        **more,
    )


def reset_inside(wire: Wire) -> list[Play]:
    """A stream that is reset behind two tokens."""
    return [streamed(*wire.tokens(*TOKENS[:2]), then=[Wait(0.1), Reset()])]


CASES: list[Case] = [
    traced("refused", lambda _: [[Close()]], attempts=(0, 0), address="closed", next_call=False),
    traced("untrusted", lambda _: [[Close()]], attempts=(0, 0), address="tls", next_call=False),
    traced("closed", lambda _: [[Close()]]),
    traced("silence", lambda _: [[Hold()]]),
    traced("garbage", lambda _: [[b"SSH-2.0-x\r\n", Hold()]]),
    traced("401", lambda wire: [wire.error(401, "unauthorized", f"bad key {KEY}")]),
    traced("reset", reset_inside, verbs=("stream",)),
    traced(
        "cancelled",
        lambda _: [[Hold()]],
        "CancelledError",
        ask=Ask(leave="cancel"),
        settings={"read_timeout": 20.0},
    ),
]
