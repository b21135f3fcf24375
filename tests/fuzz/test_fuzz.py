"""Fuzzing with coverage as its guide: a short run of everything, a long one of each target."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz import corpus
from fuzz.targets import ALL, BY_NAME, TARGETS
from proofs import record

TESTS = Path(__file__).parents[1]
SECONDS = 120
"""Time of each target in the long run."""

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris has no wheel for this Python or system: the corpus was run, but nothing was fuzzed",
)


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_holds(target: str) -> None:
    """Every case that fuzzing begins with, and everything that it once found, keeps the target's promise."""
    cases = [*corpus.seeds(target), *corpus.found(target)]
    assert cases
    for case in cases:
        BY_NAME[target](case)


def fuzzed(target: str, folder: Path, *options: str) -> str:
    """What a run of the fuzzer printed; it must have found nothing."""
    command = [sys.executable, "-m", "fuzz", target, "--folder", str(folder / target), *options]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, timeout=SECONDS * 5, check=False)
    printed = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, printed[-4000:]
    assert "Done " in printed
    return printed


@needs_atheris
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    """The corpus and some thousand mutations of it, over all targets."""
    fuzzed(ALL, tmp_path, "--runs", "3000")


@needs_atheris
@pytest.mark.prove
@pytest.mark.parametrize("target", TARGETS)
def test_a_long_run_finds_nothing(target: str, tmp_path: Path) -> None:
    """Two minutes of each target."""
    printed = fuzzed(target, tmp_path, "--seconds", str(SECONDS))
    runs = int(printed.rpartition("Done ")[2].split()[0])
    record(f"fuzzing-{target}", {"runs": runs, "seconds": SECONDS, "seeds": len(list(corpus.seeds(target)))})
