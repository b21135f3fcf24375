"""The small examples, run as a person runs them: on the emulator, and with `--live` against an address."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
KEY = "sk-canary-of-the-examples"

SAYS = {
    "langchain_agent": (
        r"› .*\n(⚙ get_weather → (الكويت|مسقط): 38 درجة ومشمس\n){2}"  # in parallel, so in either order
        r"نتيجة الأداة .*\n\d+ credits \(estimated\)\n"
    ),
    "vision_receipt": r"12\.500 KWD\n\d+ tokens\n",
    "streaming_arabic": r"\nتفكير: سأل المستخدم.*\nجواب: .*اشرح الربا المركب.*\n\d+ \+ \d+ tokens\n",
    "langgraph_memory": r"(أحمد › .*\n.*\(\d+ tokens\)\n|سارة › .*\n.*\(\d+ tokens\)\n){4}",
    "litellm_sdk": (
        r".+ \d+\n.+\n⚙ get_weather \{\"city\":\"الكويت\"\}\n"
        r"NotFoundError: .*Nearest known ids to 'deepseek-v4-falsh': deepseek-v4-flash.*\n"
    ),
}
"""What each prints below its first line."""


def run(name: str, *arguments: str, **environment: str) -> str:
    """What an example prints."""
    ran = subprocess.run(
        [sys.executable, f"examples/{name}.py", *arguments],
        capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", SAYS)
def test_it_runs_on_the_emulator_and_says_so(name: str) -> None:
    """Without arguments an example needs no key, and shows what its first line promises."""
    first, _, rest = run(name).partition("\n")
    assert "not the service" in first
    assert re.fullmatch(SAYS[name], rest), rest


@pytest.mark.parametrize("name", SAYS)
def test_live_asks_the_service_and_shows_no_key(name: str) -> None:
    """With `--live` the same code asks the address of the environment."""
    emulator = Emulator()
    key = emulator.add_key(KEY, plan="enterprise")
    with emulator.serve() as server:
        printed = run(name, "--live", LLM_RESAYIL_API_KEY=key, RESAYIL_BASE_URL=server.base_url)
    assert re.fullmatch(SAYS[name], printed.partition("\n")[2]), printed
    assert emulator.requests
    assert KEY not in printed


def test_a_photo_can_be_given(tmp_path: Path) -> None:
    """The receipt's example reads the file that it is given."""
    photo = tmp_path / "receipt.png"
    subprocess.run(
        [sys.executable, "examples/make_receipt.py", str(photo), "--total", "3.750"], check=True, cwd=ROOT
    )
    assert "3.750 KWD" in run("vision_receipt", str(photo))


def test_the_memory_keeps_customers_apart_and_the_window_small() -> None:
    """Each customer's prompt grows with their own turns alone."""
    tokens = [int(n) for n in re.findall(r"\((\d+) tokens\)", run("langgraph_memory"))]
    assert tokens[0] == tokens[1] < tokens[2] == tokens[3] < 300


def test_your_chain_is_tested_with_two_fixtures() -> None:
    """The test file that a user copies passes as it stands."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "examples/test_your_chain.py"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
