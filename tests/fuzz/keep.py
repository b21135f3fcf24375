"""``python -m fuzz.keep [SECONDS [TARGET …]]`` in tests/: fuzz, and add the short cases that were found."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import corpus
from fuzz.targets import TARGETS

LONGEST, MOST = 400, 80
"""Bytes of a case that is kept, and cases of a target."""


def kept(target: str, seconds: str) -> list[bytes]:
    """The cases of a target after so many seconds of fuzzing that are not in the golden files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / target
        command = [sys.executable, "-m", "fuzz", target, "--seconds", seconds, "--folder", str(folder)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        cases = {path.read_bytes() for path in folder.iterdir()}
    new = sorted(cases - set(corpus.seeds(target)), key=len)
    return [case for case in new if len(case) <= LONGEST][:MOST]


def main() -> None:
    """Fuzz and keep."""
    for target in sys.argv[2:] or TARGETS:
        corpus.keep(target, kept(target, sys.argv[1] if len(sys.argv) > 1 else "60"))


if __name__ == "__main__":
    main()
