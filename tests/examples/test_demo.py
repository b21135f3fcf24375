"""The demo, run as a person runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-of-the-demo"


def run(*arguments: str, **environment: str) -> str:
    """What the demo prints."""
    ran = subprocess.run(
        [sys.executable, "examples/demo.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "100", **environment},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize(("total", "points"), [("12.500", 125), ("3.750", 38), ("48.200", 482)])
def test_each_receipt_gives_its_own_answer(total: str, points: int) -> None:
    """The total is read from the picture's file, travels through the tool call, and comes back as points."""
    printed = run(total)
    assert "Emulator:" in printed
    assert re.search(rf"هو {re.escape(total)} KWD", printed)
    assert f'"member_id":"7788","total_kwd":{float(total)}' in printed
    assert f"النقاط: {points}" in printed


def test_each_answer_has_tokens_and_credits() -> None:
    """The closing table prices three answers and their sum."""
    table = run().split("What it took")[1]
    rows = re.findall(r"│ (\d) +│ (\S+) +│ (\d+) +│ (\d+) +│ (\d+) +│", table)
    assert [row[1] for row in rows] == ["qwen3-vl:235b-instruct", "deepseek-v4-pro", "deepseek-v4-pro"]
    total = int(re.findall(r"(\d+) +│\n└", table)[0])
    assert total == sum(int(row[4]) for row in rows)


def test_live_forecasts_before_it_sends_and_shows_no_key() -> None:
    """With LIVE set the same code asks the named service, and says what it may cost before the first chat."""
    emulator = Emulator()
    key = emulator.add_key(KEY, plan="enterprise", credits=100_000)
    with emulator.serve() as server:
        printed = run(LIVE="1", LLM_RESAYIL_API_KEY=key, RESAYIL_BASE_URL=server.base_url)
    assert printed.index("Forecast: three requests, about ") < printed.index("12.500 KWD")
    assert [request.dialect for request in emulator.requests] == ["chat"] * 3
    assert KEY not in printed
