"""The tool binding's example, run as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-of-the-example"


def run(*arguments: str, **environment: str) -> str:
    """What the example prints."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "examples/tool_binding.py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("arguments", [[], ["--emulated"]])
def test_the_question_is_answered_with_the_tools_points(arguments: list[str]) -> None:
    """With tools and without: the approved call, its result, and an answer that holds the points."""
    *_, called, result, answer = run(*arguments).splitlines()
    assert called == "⚙ get_loyalty_points {'member_id': '7788', 'total_kwd': 12.5}"
    assert result == '⚙ get_loyalty_points → {"member_id": "7788", "points": 125, "tier": "ذهبي"}'
    assert "النقاط: 125" in answer


def test_live_asks_the_service_and_shows_no_key() -> None:
    """With `--live` the same code asks the address of the environment."""
    emulator = Emulator()
    key = emulator.add_key(KEY, plan="enterprise")
    with emulator.serve() as server:
        printed = run("--live", LLM_RESAYIL_API_KEY=key, RESAYIL_BASE_URL=server.base_url)
    assert "النقاط: 125" in printed
    assert len(emulator.requests) == 2
    assert KEY not in printed
