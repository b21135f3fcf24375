"""How a batch is getting on: a bar in a terminal, a line a minute elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from resayil.batch.values import Pace
from resayil.cli.language import say
from resayil.cli.output import amount, errors, tell

LINE_EVERY = 60.0
"""Seconds between two lines where there is no terminal."""


class Meter:
    """Shows the pace of a run on the error stream, within a ``with`` block."""

    def __init__(self) -> None:
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.description}", markup=False),
            console=errors,
        )
        self._task = self._bar.add_task("", total=None)
        self._said_at = time.monotonic()

    def show(self, pace: Pace) -> None:
        """Show how far it is."""
        if errors.is_terminal:
            done = pace.so_far.done
            self._bar.update(self._task, total=pace.total, completed=done, description=described(pace))
        elif time.monotonic() - self._said_at >= LINE_EVERY:
            self._said_at = time.monotonic()
            tell(f"{pace.so_far.done}/{pace.total} {described(pace)}")

    def __enter__(self) -> Self:
        if errors.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if errors.is_terminal:
            self._bar.stop()


def described(pace: Pace) -> str:
    """Rate, time left, credits spent and forecast, and the rows that failed."""
    parts = [
        say("{rate}/min", rate="–" if pace.rows_per_minute is None else f"{pace.rows_per_minute:.0f}"),
        say("{eta} left", eta="–" if pace.eta is None else timedelta(seconds=round(pace.eta))),
        say(
            "{spent} of about {forecast} credits",
            spent=amount(pace.so_far.credits),
            forecast="–" if pace.forecast is None else amount(pace.forecast),
        ),
    ]
    if pace.so_far.failed:
        parts.append(say("{failed} failed", failed=pace.so_far.failed))
    return " · ".join(parts)
