"""A process of one family of contenders: requests as lines of JSON on stdin, figures as lines on stdout.

Each family has a process of its own, so that what one imports does not slow another down.
"""

from __future__ import annotations

import cProfile
import gc
import io
import json
import os
import pstats
import sys
import time
from importlib import import_module
from typing import Any

from benchmarks.contender import Contender
from benchmarks.work import Work

FAMILIES = {
    "core": ("benchmarks.floors", "benchmarks.core"),
    "openai": ("benchmarks.openai_sdk",),
    "anthropic": ("benchmarks.anthropic_sdk",),
    "langchain": ("benchmarks.floors", "benchmarks.langchain"),
    "langchain_openai": ("benchmarks.langchain:OPENAI",),
    "langchain_anthropic": ("benchmarks.langchain:ANTHROPIC",),
    "langchain_openrouter": ("benchmarks.langchain:OPENROUTER",),
    "litellm": ("benchmarks.litellm_routes",),
}
"""The modules of each family and, behind a colon, the list in it."""


def contenders(family: str) -> dict[str, type[Contender]]:
    """The contenders of a family, by name."""
    found: dict[str, type[Contender]] = {}
    for home in FAMILIES[family]:
        module, _, attribute = home.partition(":")
        found |= {kind.name: kind for kind in getattr(import_module(module), attribute or "CONTENDERS")}
    return found


class Worker:
    """Keeps each work that was asked for, and does it again when it is asked for again."""

    def __init__(self, family: str, url: str) -> None:
        self._url = url
        self._kinds = contenders(family)
        self._works: dict[tuple[str, str, int], Work] = {}

    def measure(self, *, contender: str, work: str, model: str, number: int) -> Any:
        """Do a piece of work once."""
        kind = self._kinds[contender]
        if work == "own":
            own_case = import_module("benchmarks.litellm_routes").own_case
            return own_case(model, kind, self._url)
        key = contender, model, number
        if key not in self._works:
            self._works[key] = Work(lambda name: kind(self._url, name), model, number)
        return getattr(self._works[key], work)()

    def settle(self) -> None:
        """Set aside what has been imported: a full collection would walk all of it, at a case's expense."""
        gc.collect()
        gc.freeze()

    def profile(self, **asked: Any) -> str:
        """Where a piece of work spends its time."""
        profiler = cProfile.Profile(time.process_time)
        profiler.enable()
        self.measure(**asked)
        profiler.disable()
        told = io.StringIO()
        pstats.Stats(profiler, stream=told).strip_dirs().sort_stats("tottime").print_stats(14)
        lines = [line.rstrip() for line in told.getvalue().splitlines() if line.strip()]
        return "\n".join(lines[next(n for n, line in enumerate(lines) if "tottime" in line) :])

    def close(self) -> None:
        """Close all contenders."""
        for work in self._works.values():
            work.close()


def main(family: str, url: str) -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library may print
    worker: Worker | None = None
    for line in sys.stdin:
        order, asked = json.loads(line)
        try:
            worker = worker or Worker(family, url)
            answer = {"answer": getattr(worker, order)(**asked)}
        except Exception as error:  # noqa: BLE001 - a peer may fail in any way; the benchmark says so and goes on
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    if worker is not None:
        worker.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
