"""The newest LiteLLM core, in an environment of its own outside the tree: the same tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.prove

NEWEST = "1.109.1"
ROOT = Path(__file__).parents[2]
PLACE = Path(tempfile.gettempdir()) / f"resayil-litellm-{NEWEST}"
TESTED_WITH = (
    "anthropic", "hatchling", "hypothesis", "mcp", "packaging", "pillow", "pytest", "pytest-asyncio",
    "pytest-socket", "pyyaml", "redis", "rich", "starlette", "typer", "uvicorn",
)  # fmt: skip
LEFT_OUT = ("test_database.py", "test_page.py", "test_proxy.py", "test_shared.py", "test_versions.py")
"""What needs the proxy, whose extra pins packages that cannot be had here, or is this very test."""

_REQUIRES = "from importlib.metadata import requires; print('\\n'.join(requires('litellm')))"


def without_its_certifi(item: Requirement) -> str:
    """A requirement of LiteLLM's as it stands, but for the version of certifi."""
    item.marker = None
    return item.name if item.name == "certifi" else str(item)


def run(*command: str, **environment: str) -> str:
    """What a command prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env={**os.environ, **environment}
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter with that LiteLLM, made at first use and kept.

    LiteLLM wants a certifi that is not published everywhere; any certifi does for these tests.
    """
    python, stamp = str(PLACE / "bin/python"), PLACE / "installed.stamp"
    if not stamp.exists():
        run(sys.executable, "-m", "venv", "--clear", str(PLACE))
        pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        run(*pip, "--no-deps", f"litellm=={NEWEST}")
        wanted = [Requirement(line) for line in run(python, "-c", _REQUIRES).splitlines()]
        needed = [item for item in wanted if item.marker is None or item.marker.evaluate({"extra": ""})]
        run(*pip, *map(without_its_certifi, needed), *TESTED_WITH)
        stamp.touch()
    return python


def test_the_newest_core_passes_the_same_tests(python: str) -> None:
    """Calls, streams, errors, parameters and the Router's matrix hold on the newest LiteLLM too."""
    assert run(python, "-c", "import importlib.metadata as m; print(m.version('litellm'))").strip() == NEWEST
    ignored = [f"--ignore={Path(__file__).parent / name}" for name in LEFT_OUT]
    command = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove")
    path = f"{PLACE / 'bin'}:{os.environ['PATH']}"
    printed = run(*command, *ignored, str(Path(__file__).parent), PYTHONPATH=str(ROOT), PATH=path)
    assert " passed" in printed
    assert " failed" not in printed
