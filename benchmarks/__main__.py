"""Measure, and print medians with their spread and their ratio to the floor."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from importlib.metadata import version

from benchmarks.streaming import CASES, FLOOR_OF
from benchmarks.stub import serving


def measure(chunks: int, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds per chunk of each case, the cases taking turns."""
    with serving(chunks) as base_url:
        runs = {name: make(base_url) for name, make in CASES.items()}
        for run in runs.values():
            run()
        figures: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                began = time.process_time()
                run()
                figures[name].append((time.process_time() - began) / chunks * 1e6)
    return figures


def main() -> None:
    """Run the benchmark that the arguments ask for."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks")
    arguments.add_argument("--chunks", type=int, default=5_000)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    figures = measure(given.chunks, given.rounds)
    medians = {name: statistics.median(values) for name, values in figures.items()}
    machine = f"Python {platform.python_version()}, httpx {version('httpx')}, {platform.machine()}"
    if given.json:
        print(
            json.dumps(
                {"machine": machine, "chunks": given.chunks, "us_per_chunk": figures}, ensure_ascii=False
            )
        )
        return
    print(f"CPU per streamed chunk, {given.chunks} chunks, median of {given.rounds} rounds; {machine}\n")
    for name, values in figures.items():
        ratio = medians[name] / medians[FLOOR_OF[name]] if name in FLOOR_OF else 1
        print(
            f"{name:28} {medians[name]:6.2f} µs  ({min(values):.2f}-{max(values):.2f})  {ratio:.2f} x floor"
        )


if __name__ == "__main__":
    main()
