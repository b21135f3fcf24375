"""``python -m tests.faults``: play the whole contract and write the results to docs/."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from faults import comparison
from faults.cases import CASES
from faults.judge import judge
from faults.report import BROKEN, ROOT, Result, as_json, markdown, plain_tests, versions
from faults.run import Run, perform, runs
from faults.surfaces import surfaces

AT_ONCE = 8
PATIENCE = 60.0
"""Seconds after which another client is given up: some sleep for as many years as a server says."""

T = TypeVar("T")


def within(seconds: float, perform_it: Callable[[], T]) -> T:
    """What a function returns; a thread that is still at it after so long is left behind.

    Raises:
        TimeoutError: it is.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(perform_it())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future.result(seconds)


def result_of(run: Run, *, peer: bool) -> Result:
    """Perform a run and judge it; a run that breaks the harness is a failure too."""
    try:
        outcome, log = within(PATIENCE, lambda: perform(run)) if peer else perform(run)
    except TimeoutError:
        return Result(run, "✗", (f"it had not come back after {PATIENCE:g} s",), PATIENCE)
    except Exception as error:  # noqa: BLE001 - one run must not end all others
        return Result(run, "✗", (f"{BROKEN}{type(error).__name__}: {error!s:.200}",), 0.0)
    found = judge(run.case, run.surface.verb, outcome, log, peer=peer)
    return Result(run, found.mark, (*found.core, *found.strict), outcome.seconds)


def play(chosen: Sequence[Run], *, peer: bool) -> list[Result]:
    """Perform runs: those that measure first and alone, the others side by side."""
    quiet = [run for run in chosen if run.case.quiet]
    rest = [run for run in chosen if not run.case.quiet]
    results = [result_of(run, peer=peer) for run in quiet]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for n, result in enumerate(pool.map(lambda run: result_of(run, peer=peer), rest), 1):
            results.append(result)
            if n % 100 == 0:
                sys.stderr.write(f"{n} of {len(rest)} runs\n")
    place = {run.id: n for n, run in enumerate(chosen)}
    return sorted(results, key=lambda result: place[result.run.id])


def write(name: str, text: str, figures: str) -> None:
    """Write a page and its figures."""
    (ROOT / "docs" / f"{name}.md").write_text(text, "utf-8")
    (ROOT / "docs" / f"{name}.json").write_text(figures, "utf-8")


def main() -> int:
    """Play, write, and tell whether everything of the pack passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="play other clients instead, beside our marks")
    parser.add_argument("--full", action="store_true", help="the sizes that the contract names, too")
    parser.add_argument("--only", default="", help="lines or surfaces that begin so, without writing files")
    given = parser.parse_args()
    cases = [case for case in CASES if given.full or not case.prove]
    if given.peers:
        from faults.peers import peers  # noqa: PLC0415 - heavy to import
    chosen = [
        run
        for run in runs(cases, peers() if given.peers else surfaces())
        if run.id.startswith(given.only) or run.surface.name.startswith(given.only)
    ]
    played = play(chosen, peer=given.peers)
    results = [result for result in played if not (given.peers and result.broken)]
    plain = [] if given.only or given.peers else plain_tests()
    notes = ["With " + ", ".join(f"{name} {number}" for name, number in versions().items()) + "."]
    if len(results) < len(played):
        notes.append(
            f"Left out: {len(played) - len(results)} runs that the harness could not follow to their end."
        )
    figures = as_json(results, plain)
    if given.only:
        sys.stdout.write(markdown(results, plain, notes))
    elif given.peers:
        recorded = json.loads((ROOT / "docs" / "fault-results.json").read_text("utf-8"))["marks"]
        write("fault-comparison", comparison.markdown(recorded, json.loads(figures)["marks"], notes), figures)
    else:
        write("fault-results", markdown(results, plain, notes), figures)
    failed = [result.run.id for result in results if result.mark == "✗"]
    failed += [test.name for test in plain if not test.passed]
    sys.stderr.write(f"{len(results)} runs, {len(plain)} tests; without the core's pass: {len(failed)}\n")
    return 1 if failed and not given.peers else 0


if __name__ == "__main__":
    raise SystemExit(main())
