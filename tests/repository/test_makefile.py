"""The Makefile explains itself and keeps real keys out of the tests."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PHONY = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="make is missing: its targets are not checked"
)


def make(*arguments: str) -> str:
    """What `make` prints, started as from a shell rather than from another make."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=env, capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout


def test_help_explains_every_target() -> None:
    """`make help` prints one line with an explanation for each target."""
    explained = dict(line.split(maxsplit=1) for line in make("help").splitlines())
    assert sorted(explained) == sorted(" ".join(PHONY).split())


@pytest.mark.parametrize("target", ["test", "test-fast", "prove"])
@pytest.mark.parametrize(
    "variable", ["LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
)
def test_tests_never_see_a_key(target: str, variable: str) -> None:
    """Each target that runs tests removes the key variables from pytest's environment."""
    commands = [line for line in make("--dry-run", target).splitlines() if "pytest" in line]
    assert commands
    assert all(f" -u {variable} " in command for command in commands)
