"""``python -m fuzz TARGET`` in tests/: fuzz one target, its coverage guiding; ``--keep`` adds what was found.

A failing case is written to build/fuzz and its traceback is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["resayil", "langchain_resayil"]):
    from fuzz import corpus, targets

FAILURES = Path(__file__).parents[2] / "build" / "fuzz"


def filled(folder: Path, target: str) -> Path:
    """A folder with the cases to begin with."""
    folder.mkdir()
    cases = corpus.everything() if target == targets.ALL else (*corpus.seeds(target), *corpus.found(target))
    for case in cases:
        (folder / hashlib.sha1(case, usedforsecurity=False).hexdigest()).write_bytes(case)
    return folder


def main() -> None:
    """Fuzz; atheris ends the process itself, with a code other than 0 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", choices=targets.BY_NAME)
    parser.add_argument("--runs", type=int, default=-1, help="cases to try; without end by default")
    parser.add_argument("--seconds", type=int, default=0, help="time to spend; without end by default")
    parser.add_argument("--folder", type=Path, help="where the corpus is unpacked and grows")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    FAILURES.mkdir(parents=True, exist_ok=True)
    folder = given.folder or Path(tempfile.mkdtemp()) / given.target
    words = folder.with_suffix(".dict")
    words.write_text(corpus.dictionary(), "ascii")
    options = {
        "runs": given.runs,
        "max_total_time": given.seconds,
        "seed": given.seed,
        "max_len": 4096,
        "timeout": 10,
        "rss_limit_mb": 2048,
        "dict": words,
        "artifact_prefix": f"{FAILURES}/{given.target}-",
    }
    arguments = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *arguments, str(filled(folder, given.target))], targets.BY_NAME[given.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
