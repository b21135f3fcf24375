"""Measure this project beside its peers: `python -m benchmarks`, or `make bench`.

A full run writes `docs/benchmarks.md`, `docs/benchmarks.json` and the plots; with `--only` or `--quick`
nothing is written.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime

from benchmarks import imports, machine, report
from benchmarks.cases import CASES, Case
from benchmarks.rounds import ContenderError, Rounds
from benchmarks.stub import serving

IMPORT_ROUNDS = 7


def _chosen(given: argparse.Namespace) -> list[Case]:
    cases = [case for case in CASES if not given.only or case.key in given.only]
    if given.quick:
        return [quicker for case in cases if (quicker := case.quick()) is not None]
    return [replace(case, rounds=given.rounds or case.rounds) for case in cases]


def _profile(rounds: Rounds, run: report.Run) -> None:
    """Profile what was not reached."""
    for verdict in run.verdicts():
        culprit = verdict.claim.culprit
        if verdict.kept or culprit is None:
            continue
        key, family, name = culprit
        case = next(case for case in CASES if case.key == key)
        try:
            run.profiles[f"{key}, {name}"] = rounds.profile(case, family, name)
        except ContenderError as error:
            run.left_out[f"profile of {name}"] = str(error)


def _arguments() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="CASE",
        help="'import', or one of: " + " ".join(case.key for case in CASES),
    )
    arguments.add_argument("--quick", action="store_true", help="few chunks, one round, the core alone")
    arguments.add_argument("--rounds", type=int, help="turns of each contender, whatever the case asks for")
    arguments.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = arguments.parse_args()
    if unknown := set(given.only) - {"import", *(case.key for case in CASES)}:
        arguments.error(f"no such case: {', '.join(sorted(unknown))}")
    return given


def main() -> None:
    """Run what the arguments ask for."""
    given = _arguments()
    began = time.monotonic()
    run = report.Run(
        datetime.now(UTC).date().isoformat(), machine.described(), machine.versions(), machine.load()
    )
    if machine.is_busy(run.load):
        print(f"The load is {run.load:.1f}: trust ratios rather than times.", file=sys.stderr)
    with serving() as url:
        rounds = Rounds(url, sys.stderr)
        try:
            rounds.run(_chosen(given))
            if not given.only or "import" in given.only:
                names = list(imports.OFTEN[:3] if given.quick else imports.PROGRAMS)
                rounds.imports(1 if given.quick else given.rounds or IMPORT_ROUNDS, names)
            run.results, run.left_out = rounds.results, rounds.left_out
            if not given.quick:
                _profile(rounds, run)
        finally:
            rounds.close()
    run.seconds = time.monotonic() - began
    if given.json:
        print(json.dumps(asdict(run), ensure_ascii=False))
    else:
        print("\n".join([*report.claims_table(run), "", *report.tables(run)]))
    if not given.only and not given.quick:
        report.write(run)
        print(f"\nWritten: {report.PAGE.name}, {report.FIGURES.name}, plots; {run.seconds:.0f} s")


if __name__ == "__main__":
    main()
