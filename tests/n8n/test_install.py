"""The installer leaves a whole n8n or none, and says in one line what is then not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from n8n.install import UNFINISHED

ROOT = Path(__file__).parents[2]


def install(cache: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the program with a cache of the test's own and a package registry that nobody answers for."""
    nowhere = {
        "XDG_CACHE_HOME": str(cache),
        "npm_config_cache": str(cache / "npm"),
        "npm_config_registry": "http://127.0.0.1:9/",
        "npm_config_fetch_retries": "0",
    }
    return subprocess.run(
        [sys.executable, "-m", "tests.n8n.install"],
        cwd=ROOT,
        env=os.environ | nowhere | settings,
        capture_output=True,
        check=False,
        timeout=120,
        encoding="utf-8",
    )


@pytest.mark.slow
def test_a_failed_installation_leaves_nothing(tmp_path: Path) -> None:
    """What a killed one left is cleared away, a failed one is none, and one line says so."""
    place = tmp_path / "resayil-n8n"
    (place / f"{UNFINISHED}killed" / "node_modules").mkdir(parents=True)
    done = install(tmp_path, N8N="1")
    announced, failed = done.stdout.splitlines()
    assert "680 MB" in announced
    assert "N8N=0" in announced
    assert failed.startswith(
        "n8n: it could not be installed, so the tests in tests/n8n are not run: npm ci failed"
    )
    assert done.returncode == 1
    assert [path.name for path in place.iterdir()] == ["lock"]


def test_it_can_be_left_out(tmp_path: Path) -> None:
    """With N8N=0 nothing is made and nothing fails."""
    done = install(tmp_path, N8N="0")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert list(tmp_path.iterdir()) == []
