"""The code of the READMEs and of the pages in docs, run as it stands against the emulator."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHOWN = {
    f"{page.name} {n}": snippet
    for page in PAGES
    for n, snippet in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
}
SNIPPETS = BLOCK.findall((ROOT / "README.md").read_text())
PROGRAMS = {name: snippet for name, snippet in SHOWN.items() if "def test_" not in snippet}
TESTS = {name: snippet for name, snippet in SHOWN.items() if "def test_" in snippet}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The emulator where a reader's service is: named by the environment."""
    emulator = Emulator()
    with emulator.serve() as server:
        monkeypatch.setenv("LLM_RESAYIL_API_KEY", server.key)
        monkeypatch.setenv("RESAYIL_BASE_URL", server.base_url)
        yield emulator


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A reader's folder, with a picture of a receipt in it."""
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, ROOT / "examples" / "make_receipt.py", "receipt.png"], check=True)
    return tmp_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_snippet_runs_and_prints_an_answer(
    name: str,
    service: Emulator,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """A reader who pastes a snippet gets an answer printed, and the service was asked."""
    program = PROGRAMS[name]
    if "litellm" in program:  # it warns of itself
        warnings.simplefilter("ignore")
    if "receipt.png" in program or "usage.db" in program:
        request.getfixturevalue("folder")
    exec(compile(program, name, "exec"), {"__name__": "__main__"})  # noqa: S102 - that is what a reader does
    assert capsys.readouterr().out.strip()
    assert service.requests or "Emulator(" in program  # it brings its own


@pytest.mark.parametrize("name", TESTS)
def test_a_test_snippet_passes(name: str, tmp_path: Path) -> None:
    """A reader's own test file made of the snippet passes with the packaged fixtures."""
    (tmp_path / "test_snippet.py").write_text(TESTS[name])
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
