"""The READMEs' code, run as it stands against the emulator."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
SNIPPETS = BLOCK.findall((ROOT / "README.md").read_text())
PROGRAMS = [snippet for snippet in SNIPPETS if "def test_" not in snippet]
TESTS = [snippet for snippet in SNIPPETS if "def test_" in snippet]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The emulator where a reader's service is: named by the environment."""
    emulator = Emulator()
    with emulator.serve() as server:
        monkeypatch.setenv("LLM_RESAYIL_API_KEY", server.key)
        monkeypatch.setenv("RESAYIL_BASE_URL", server.base_url)
        yield emulator


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_snippet_runs_and_prints_an_answer(
    program: str, service: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader who pastes a snippet gets an answer printed, and the service was asked."""
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - that is what a reader does
    assert capsys.readouterr().out.strip()
    assert service.requests


@pytest.mark.parametrize("program", TESTS, ids=range(len(TESTS)))
def test_a_test_snippet_passes(program: str, tmp_path: Path) -> None:
    """A reader's own test file made of the snippet passes with the packaged fixtures."""
    (tmp_path / "test_snippet.py").write_text(program)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_arabic_readme_shows_the_same_code() -> None:
    """Both READMEs show the same snippets in the same order."""
    assert BLOCK.findall((ROOT / "README.ar.md").read_text()) == [
        snippet.replace("  # the key comes from LLM_RESAYIL_API_KEY", "  # المفتاح من LLM_RESAYIL_API_KEY")
        for snippet in SNIPPETS
    ]


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("*.md")))
def test_no_link_within_the_tree_is_dead(name: str) -> None:
    """Every relative link of a top-level document names a file that is there."""
    missing = [link for link in LINK.findall((ROOT / name).read_text()) if not (ROOT / link).exists()]
    assert not missing
