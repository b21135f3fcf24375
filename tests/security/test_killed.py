"""``kill -9`` at any moment: what was finished is in the file, and the file can be read and written."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from resayil.adapt import Style
from resayil.batch.journal import Journal
from resayil.capabilities import Capability, read_capabilities, write_capabilities
from resayil.credits import Entry
from resayil.ledger import Ledger

LEDGER = """
import sys
from resayil.credits import Entry
from resayil.ledger import Ledger
ledger = Ledger(sys.argv[1])
for n in range(int(sys.argv[2]), 10**9):
    ledger.enter(Entry(float(n), "m", 1, 2, 3, estimated=False, tag=str(n)))
    print(n, flush=True)
"""

CAPABILITIES = """
import sys
from resayil.capabilities import Capability, write_capabilities
for n in range(int(sys.argv[2]), 10**9):
    write_capabilities(sys.argv[1], "https://a.test/v1", {f"model-{n % 50}": Capability(found_at=float(n))})
    print(n, flush=True)
"""

JOURNAL = """
import sys
from pathlib import Path
from resayil import ResayilError
from resayil.batch.journal import Journal
from resayil.batch.values import Outcome
journal = Journal(Path(sys.argv[1]), {"input": "rows"})
for n in range(int(sys.argv[2]), 10**9):
    journal.add(n, f"line {n}\\n", Outcome(ResayilError("no")))
    print(n, flush=True)
"""

TIMES = [5, pytest.param(60, marks=pytest.mark.prove)]


def killed(program: str, path: Path, first: int, dice: random.Random) -> int:
    """Run a writer and kill it at some moment after its first record; the last record it has finished."""
    command = [sys.executable, "-c", program, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        finished = [process.stdout.readline()]
        time.sleep(dice.uniform(0.0, 0.05))
        process.kill()
        finished += process.stdout.readlines()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    whole = [line for line in finished if line.endswith("\n")]
    return int(whole[-1])


@pytest.mark.parametrize("times", TIMES, ids=["small", "full"])
def test_a_killed_ledger_has_every_finished_line(tmp_path: Path, times: int) -> None:
    """After each kill the ledger holds every line that was reported as written, and takes more."""
    path, dice, last = tmp_path / "ledger.db", random.Random(times), -1  # noqa: S311 - moments, not secrets
    for _ in range(times):
        last = killed(LEDGER, path, last + 1, dice)
        held = {int(entry.tag) for entry in Ledger(path).entries()}
        assert held >= set(range(last + 1))
        last = max(held)  # the line that was being written may have made it
        assert len(held) == last + 1
    Ledger(path).enter(Entry(1.0, "m", 1, 2, 3, estimated=False, tag="alive"))


@pytest.mark.parametrize("times", TIMES, ids=["small", "full"])
def test_a_killed_capabilities_file_has_every_finished_entry(tmp_path: Path, times: int) -> None:
    """After each kill the file holds the newest finished entry of every model, and takes more."""
    path, dice, last = tmp_path / "capabilities.json", random.Random(times), -1  # noqa: S311 - the same
    for _ in range(times):
        last = killed(CAPABILITIES, path, last + 1, dice)
        found = read_capabilities(path)["https://a.test/v1"]
        for n in range(max(0, last - 49), last + 1):
            assert found[f"model-{n % 50}"].found_at >= n
        last = max(last, int(max(entry.found_at for entry in found.values())))
    write_capabilities(path, "https://b.test/v1", {"m": Capability(Style())})
    assert read_capabilities(path).keys() == {"https://a.test/v1", "https://b.test/v1"}


@pytest.mark.parametrize("times", TIMES, ids=["small", "full"])
def test_a_killed_journal_has_every_finished_row(tmp_path: Path, times: int) -> None:
    """After each kill the journal holds every row that was reported as kept, whole, and takes more."""
    output, dice, last = tmp_path / "out.jsonl", random.Random(times), -1  # noqa: S311 - the same
    for _ in range(times):
        last = killed(JOURNAL, output, last + 1, dice)
        with closing(Journal(output, {"input": "rows"})) as journal:
            held = set(journal.numbers())
            journal.write(output, "")
        assert held >= set(range(last + 1))
        last = max(held)
        assert output.read_text("utf-8") == "".join(f"line {n}\n" for n in range(last + 1))
