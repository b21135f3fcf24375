"""Instructions of a streamed chunk, counted by callgrind: a figure that repeats, beside noisy seconds.

Each client reads two streams of different lengths from a network in memory, each in a process under
valgrind; the difference divided by the chunks that make it is what a chunk costs. Start-up cancels out.
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

FEW, MANY = 500, 2_500
CASES = ("floor", "Client.stream")


def _counted(case: str, chunks: int) -> int:
    """Instructions of a process that reads one stream."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("valgrind")
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable]
        command += ["-m", "benchmarks.counted", case, str(chunks)]
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
    """Instructions of a chunk, by case; two processes at a time."""
    asked = [(case, chunks) for case in CASES for chunks in (FEW, MANY)]
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
    lines = ["| | instructions per chunk | × floor |", "|---|---:|---:|"]
    lines += [
        f"| {case} | {count:,.0f} | {count / figures['floor']:.3f} |" for case, count in figures.items()
    ]
    print("\n".join(lines))
    report.replace("instructions", "\n".join([*lines, "", machine.described() + "."]))


if __name__ == "__main__":
    main()
