"""Instructions of a streamed chunk and of a call, counted by callgrind: they repeat, beside noisy seconds.

Each client reads two streams of different lengths, or makes two numbers of calls, on a network in memory, in
processes under valgrind; the difference divided by what makes it is what one costs. Start-up cancels out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import machine, report
from benchmarks.counted import CASES

FEW, MANY = 500, 2_500


def _counted(case: str, count: int) -> int:
    """Instructions of a process that reads so many chunks, or makes so many calls."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("valgrind")
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable]
        command += ["-m", "benchmarks.counted", case, str(count)]
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, check=True, env=environment
        )
        summary = re.search(
            r"^(?:totals|summary): (\d+)", Path(folder, "out").read_text(encoding="utf-8"), re.MULTILINE
        )
    if summary is None:
        raise ValueError(f"callgrind told no sum: {ran.stderr[-200:]}")
    return int(summary[1])


def measure() -> dict[str, float]:
    """Instructions of a chunk or a call, by case; two processes at a time."""
    asked = [(case, count) for case in CASES for count in (FEW, MANY)]
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(asked, pool.map(lambda one: _counted(*one), asked), strict=True))
    return {case: (counts[case, MANY] - counts[case, FEW]) / (MANY - FEW) for case in CASES}


def main() -> None:
    """Count, print, and write the figures on the page."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    figures = measure()
    if given.json:
        print(json.dumps(figures))
        return
    lines = ["| | instructions | × bare httpx |", "|---|---:|---:|"]
    floor = 0.0
    for case, count in figures.items():
        floor = count if case.startswith("bare") else floor
        lines.append(f"| {case} | {count:,.0f} | {count / floor:.3f} |")
    print("\n".join(lines))
    report.replace("instructions", "\n".join([*lines, "", machine.described() + "."]))


if __name__ == "__main__":
    main()
