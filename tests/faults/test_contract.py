from __future__ import annotations

from collections.abc import Callable

import pytest
from faults.cases import CASES
from faults.judge import Verdict
from faults.run import Run, runs
from faults.surfaces import CORE


def chosen() -> list[object]:
    """Every case on every surface of the core; those that measure short times come first."""
    ordered = sorted(runs(CASES, CORE), key=lambda run: not run.case.quiet)
    return [
        pytest.param(run, id=run.id, marks=[pytest.mark.prove] if run.case.prove else []) for run in ordered
    ]


@pytest.mark.parametrize("run", chosen())
def test_the_line_is_held(run: Run, verdict: Callable[[Run], Verdict]) -> None:
    """The line holds, strictly, on this surface and in this dialect."""
    found = verdict(run)
    assert not [*found.core, *found.strict], run.case.says
