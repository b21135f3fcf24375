"""Rounds of measuring: within a round every contender of a case has its turn, in a turning order."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from benchmarks import imports, machine
from benchmarks.cases import Case

Figures = dict[str, list[float]]
"""Each figure's values, one for each round."""

Results = dict[str, dict[str, Figures]]
"""By case and contender."""


class ContenderError(Exception):
    """A contender that could not be measured."""


class Process:
    """A worker's process.

    Args:
        family: Whose contenders it runs.
        url: The stub's base URL.
    """

    def __init__(self, family: str, url: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "benchmarks.worker", family, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=machine.environment(),
        )

    def ask(self, order: str, **asked: Any) -> Any:
        """What the worker answers.

        Raises:
            ContenderError: it could not.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise ContenderError("the worker has no pipes")
        self._process.stdin.write(json.dumps([order, asked]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line or '{"error": "the process ended"}')
        if "error" in answer:
            raise ContenderError(answer["error"])
        return answer["answer"]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Rounds:
    """Measures cases on one stub and keeps what came of them.

    Args:
        url: The stub's base URL.
        progress: Where each case is told of.
    """

    def __init__(self, url: str, progress: TextIO) -> None:
        self._url, self._progress = url, progress
        self._processes: dict[str, Process] = {}
        self.results: Results = {}
        self.left_out: dict[str, str] = {}
        """Why a contender was not measured, by its name."""

    def run(self, cases: list[Case]) -> None:
        """Measure the cases, one after another."""
        for n, case in enumerate(cases, 1):
            with self._told(f"[{n}/{len(cases)}] {case.title}"):
                self._measure(case)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        self._progress.write(f"{what} …")
        self._progress.flush()
        began = time.monotonic()
        yield
        self._progress.write(f" {time.monotonic() - began:.1f} s\n")

    def _measure(self, case: Case) -> None:
        places = [(family, name) for family, names in case.contenders.items() for name in names]
        if not case.fresh and case.rounds > 1:
            places = [place for place in places if self._turn(case, *place, counts=False)]
        for n in range(case.rounds):
            turn = n % len(places) if places else 0
            for family, name in places[turn:] + places[:turn]:
                self._turn(case, family, name, counts=True)

    def _turn(self, case: Case, family: str, name: str, *, counts: bool) -> bool:
        process = Process(family, self._url) if case.fresh else self._process(family)
        try:
            figures = process.ask("measure", **asked(case, family, name))
            if not counts:
                process.ask("settle")
        except ContenderError as error:
            self.left_out[name] = f"{case.title}: {error}"
            return False
        finally:
            if case.fresh:
                process.close()
        if counts:
            self._keep(case.key, name, figures)
        return True

    def _keep(self, case: str, name: str, figures: dict[str, float]) -> None:
        kept = self.results.setdefault(case, {}).setdefault(name, {})
        for figure, value in figures.items():
            kept.setdefault(figure, []).append(value)

    def _process(self, family: str) -> Process:
        if family not in self._processes:
            self._processes[family] = Process(family, self._url)
        return self._processes[family]

    def imports(self, rounds: int, names: list[str]) -> None:
        """Measure imports in fresh processes; the first run of each, which may compile it, does not count."""
        with self._told("Imports, in fresh processes"):
            for n in range(rounds + 1):
                for name in names:
                    if n > imports.SELDOM and name not in imports.OFTEN:
                        continue
                    try:
                        figures = imports.measure(name, self._url)
                    except RuntimeError as error:
                        self.left_out[name] = f"import: {error}"
                        continue
                    if n:
                        self._keep("import", name, figures)

    def profile(self, case: Case, family: str, name: str) -> str:
        """Where a contender's time goes."""
        profiled: str = self._process(family).ask("profile", **asked(case, family, name))
        return profiled

    def close(self) -> None:
        """End all workers."""
        for process in self._processes.values():
            process.close()


def asked(case: Case, family: str, name: str) -> dict[str, Any]:
    """What a worker is asked for."""
    number = case.number_of(family)
    return {"contender": name, "work": case.work, "model": case.model.format(n=number), "number": number}
