"""The wheel, installed alone into empty environments: each extra by itself, on each Python there is.

pip asks the package registry, so this is a proof and no part of `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
EXTRAS = {
    "": "import resayil; assert resayil.Client('sk-x')",
    "langchain": "from langchain_resayil import ChatResayil, ResayilToolBinding",
    "litellm": "import litellm_provider; litellm_provider.register()",
    "redis": "import resayil.limit_redis",
    "emulator": "from resayil.emulator import Emulator\nwith Emulator().serve() as s: print(s.base_url)",
    "cli": "from resayil_n8n.library import texts; assert len(texts()) > 10",
    "all": "import langchain_resayil.chat_models, litellm_provider, resayil_n8n, resayil.emulator.server",
}
"""What has to run where only this extra is installed."""


def _python(version: str) -> str | None:
    """An interpreter of a version, on the path or beside it as pyenv keeps them."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    kept = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    # pyenv's own commands stand on the path even where its version is switched off.
    return str(kept[-1]) if kept else shutil.which(f"python{version}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The distribution, built from the tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.prove
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: extra or "bare")
def test_an_extra_installs_and_imports_by_itself(
    version: str, extra: str, wheel: Path, tmp_path: Path
) -> None:
    """In an empty environment, outside the tree, what the extra promises is there."""
    found = _python(version)
    if found is None:
        pytest.skip(f"there is no Python {version} here")
    subprocess.run([found, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    asked = f"{wheel}[{extra}]" if extra else str(wheel)
    subprocess.run([python, "-m", "pip", "install", "--quiet", asked], check=True, capture_output=True)
    given = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": ""}
    program = EXTRAS[extra]
    subprocess.run([python, "-W", "error::ImportWarning", "-c", program], check=True, cwd=tmp_path, env=given)
    if extra in {"cli", "all"}:
        ran = subprocess.run(
            [tmp_path / "env" / "bin" / "resayil", "n8n", "list", "--json"],
            check=True, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert "01-first-check" in ran.stdout
    if extra == "emulator":
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest"], check=True, capture_output=True)
        (tmp_path / "test_it.py").write_text("def test_it(resayil_server):\n    assert resayil_server.key\n")
        subprocess.run([python, "-m", "pytest", "-q", "test_it.py"], check=True, cwd=tmp_path)
