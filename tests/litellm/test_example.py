"""The example and the document, run as a reader runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from resayil.emulator import Emulator
from resayil.emulator.server import Server

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/litellm.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
PROXY_FILES = ROOT / "examples/litellm_proxy"


@pytest.mark.parametrize(("total", "points"), [("12.500", 125), ("3.750", 38)])
def test_the_receipt_goes_through_a_router(total: str, points: int) -> None:
    """The conversation reads the total, calls the tool and answers, although the first deployment fails."""
    ran = subprocess.run(
        [sys.executable, "examples/litellm_router.py", total],
        capture_output=True, text=True, check=False, cwd=ROOT, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"{total} KWD" in ran.stdout
    assert f'"total_kwd":{float(total)}' in ran.stdout
    assert f'"points": {points}' in ran.stdout
    assert "chat-reserve" in ran.stdout
    assert re.findall(r"^\d\. (\S+):", ran.stdout, re.MULTILINE) == [
        "qwen3-vl:235b-instruct", "deepseek-v4-pro", "deepseek-v4-pro",
    ]  # fmt: skip


@pytest.fixture
def service(server: Server, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """The emulator where a reader's service is: named by the environment."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", server.key)
    monkeypatch.setenv("RESAYIL_BASE_URL", server.base_url)
    return emulator


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_snippet_runs_and_prints_an_answer(
    program: str, service: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reader who pastes a snippet gets an answer printed, and the service was asked."""
    exec(compile(program, "litellm.md", "exec"), {"__name__": "__main__"})  # noqa: S102 - as a reader does
    assert capsys.readouterr().out.strip()
    assert service.requests


def test_the_container_files_say_what_is_run_bare() -> None:
    """The image runs the page's command, which exists here, with the generator's configuration."""
    compose = yaml.safe_load((PROXY_FILES / "compose.yaml").read_text("utf-8"))
    assert set(compose["services"]) == {"proxy", "redis", "postgres"}
    lines = (PROXY_FILES / "Dockerfile").read_text("utf-8").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith((" ", "#"))]
    assert [step[0] for step in steps] == ["FROM", "RUN", "ENV", "COPY", "EXPOSE", "CMD"]
    command = yaml.safe_load(steps[-1][1])
    assert command == ["litellm", "--config", "/app/config.yaml", "--port", "4000"]
    assert Path(sys.executable).with_name(command[0]).exists()
    config = yaml.safe_load((PROXY_FILES / "config.yaml").read_text("utf-8"))
    assert config["litellm_settings"]["custom_provider_map"][0]["provider"] == "resayil"
