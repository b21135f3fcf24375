"""Runs cases side by side: most of their time is waiting, so each test collects a run begun before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from faults.judge import Verdict, judge
from faults.run import Run, perform

AHEAD = 12
"""Runs at once."""


def verdict_of(run: Run) -> Verdict:
    """Perform a run and judge it."""
    outcome, log = perform(run)
    return judge(run.case, run.surface.verb, outcome, log)


class Runner:
    """Begins the runs that come next while a test waits for its own.

    Those that measure short times come first, each alone.
    """

    def __init__(self, order: Sequence[Run], pool: ThreadPoolExecutor) -> None:
        self._order = {run.id: place for place, run in enumerate(order)}
        self._runs = list(order)
        self._begun: dict[str, Future[Verdict]] = {}
        self._pool = pool

    def verdict(self, run: Run) -> Verdict:
        """The verdict on a run."""
        if run.case.quiet:
            return verdict_of(run)
        place = self._order[run.id]
        for later in self._runs[place : place + AHEAD]:
            if later.id not in self._begun:
                self._begun[later.id] = self._pool.submit(verdict_of, later)
        return self._begun[run.id].result()


@pytest.fixture(scope="session")
def verdict(request: pytest.FixtureRequest) -> Iterator[Callable[[Run], Verdict]]:
    """Gives the verdict on a run."""
    chosen: list[Run] = []
    for item in request.session.items:
        run = getattr(item, "callspec", None) and item.callspec.params.get("run")  # type: ignore[attr-defined] # a function's own
        if isinstance(run, Run) and not run.case.quiet:
            chosen.append(run)
    with ThreadPoolExecutor(AHEAD) as pool:
        yield Runner(chosen, pool).verdict
