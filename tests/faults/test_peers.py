from __future__ import annotations

import pytest
from faults.cases import CASES
from faults.judge import Verdict, judge
from faults.peers import peers
from faults.run import Run, perform, runs

FAIR = ("S01", "N10-idle", "N24", "H01", "T01-whole")
"""Lines that every client of this kind is known to hold: where one fails, the harness is at fault."""


def verdict_on(run: Run) -> Verdict:
    """The verdict on a peer's run."""
    outcome, log = perform(run)
    return judge(run.case, run.surface.verb, outcome, log, peer=True)


@pytest.mark.prove
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "run", [pytest.param(run, id=run.id) for run in runs([c for c in CASES if c.id in FAIR], peers())]
)
def test_other_clients_are_judged_fairly(run: Run) -> None:
    """A right answer, a known refusal and a stale connection pass the core's judgement with every client."""
    assert not verdict_on(run).core
