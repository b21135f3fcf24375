"""The bulk example, run as a person runs it: twice over one folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-of-the-bulk-example"
SUM = Decimal("91.525")


def run(*arguments: object, **environment: str) -> str:
    """What it prints."""
    ran = subprocess.run(
        [sys.executable, "examples/bulk.py", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_it_stops_at_its_budget_and_goes_on() -> None:
    """The first run ends before all photos are read, the second reads the others, the sum is right."""
    first, stopped, second, result = re.findall(r"^.+$", run().partition("\n")[2], re.MULTILINE)
    done, asked = map(int, re.findall(r"\d+", first)[::2])
    assert 0 < done == asked < 6
    assert "BudgetSpentError" in stopped
    assert re.match(rf"6 of 6 rows, {6 - done} asked now", second)
    assert result == f"6 receipts, {SUM} KWD"


def test_a_folder_is_asked_once(tmp_path: Path) -> None:
    """Run again over the same folder, with `--live` and an address, no photo is sent a second time."""
    emulator = Emulator()
    key = emulator.add_key(KEY, plan="enterprise", credits=100_000)
    with emulator.serve() as server:
        given = {"LLM_RESAYIL_API_KEY": key, "RESAYIL_BASE_URL": server.base_url}
        first = run(tmp_path, "--live", **given)
        sent = len(emulator.requests)
        assert sent == 6
        assert run(tmp_path, "--live", **given).splitlines()[-1] == first.splitlines()[-1]
        assert len(emulator.requests) == sent
    assert KEY not in first
