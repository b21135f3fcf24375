"""The other commands in a pseudo-terminal, as a person runs them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from batch.support import write_lines
from cli.screen import Terminal

from resayil import Client
from resayil.batch.values import Totals, pace
from resayil.cli.meter import Meter
from resayil.emulator.scripts import Fault
from resayil.emulator.server import Server


def test_batch_shows_its_progress(server: Server, service: Mapping[str, str], tmp_path: Path) -> None:
    """A bar with rate, time left, credits spent and forecast; Ctrl-C lets the rows under way end."""
    server.emulator.script([Fault("stall", 0.2)] * 500)
    command = ("batch", str(write_lines(tmp_path / "in.jsonl", 200)), str(tmp_path / "out.jsonl"))
    with Terminal(*command, environment=service, columns=120) as terminal:
        while len(server.emulator.requests) < 30:
            time.sleep(0.02)
        for part in ("/200", "/min", " left", " of about ", " credits"):
            terminal.see(part)
        terminal.press("c")
        terminal.see("Ctrl-C again drops them")
        terminal.see("The same command goes on from here.")
        assert terminal.end() == 130
        assert "━" in terminal.text
    spoken = ("--lang", "ar", *command, "--budget", "5")
    with Terminal(*spoken, environment=service, columns=120) as terminal:
        assert terminal.end() == 4
        assert "توقّف" in terminal.text


def test_usage_and_balance(service: Mapping[str, str], tmp_path: Path) -> None:
    """Tables with headings in the language that was chosen."""
    ledger = str(tmp_path / "calls.db")
    with Client(service["LLM_RESAYIL_API_KEY"], service["RESAYIL_BASE_URL"], ledger=ledger) as client:
        client.chat("mistral", "مرحبا", tag="تجربة")
    with Terminal("usage", "--by", "tag", "--ledger", ledger, environment=service) as terminal:
        assert terminal.end() == 0
        assert "تجربة" in terminal.text
        assert "estimated by tokens" in terminal.text
    arabic = {"RESAYIL_LEDGER": ledger, "RESAYIL_LANG": "ar"}
    with Terminal("usage", "--by", "model", environment=service, **arabic) as ours:
        assert ours.end() == 0
        assert "الطلبات" in ours.text
        assert "تقديرًا من الرموز" in ours.text
    with Terminal("balance", environment=service) as terminal:
        assert terminal.end() == 0
        assert "enterprise" in terminal.text


def test_the_emulator_serves_until_control_c(service: Mapping[str, str]) -> None:
    """It tells address and key, answers, and ends well."""
    with Terminal("emulator", "--port", "0", environment=service, columns=150) as terminal:
        terminal.see("Ctrl-C stops it.")
        address = terminal.text.partition("base URL")[2].split()[0]
        assert "not the service" in " ".join(terminal.text.split())
        assert httpx.get(f"{address}/models", headers={"authorization": "Bearer sk-emulator"}).is_success
        terminal.press("c")
        assert terminal.end() == 0


def test_the_emulator_tells_a_script_in_json(service: Mapping[str, str]) -> None:
    """One line, at once; it serves until it is stopped."""
    command = ("emulator", "--port", "0", "--profile", "march-2026", "--json")
    with Terminal(*command, environment=service, columns=150) as terminal:
        terminal.see("}")
        told = json.loads(terminal.text)
        assert (told["api_key"], told["profile"]) == ("sk-emulator", "march-2026")
        key = {"authorization": f"Bearer {told['api_key']}"}
        assert httpx.get(f"{told['base_url']}/models", headers=key).is_success
        terminal.press("c")
        assert terminal.end() == 0


def test_a_batch_without_a_terminal_says_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """How far it is, and the rows that failed; nothing in between."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Meter() as meter:
        for seconds, done in ((59, 1), (1, 2), (1, 3), (59, 4)):
            now += seconds
            meter.show(pace(9, Totals(done=done, failed=1, credits=Decimal(done)), (done, 60.0)))
    assert capsys.readouterr().err.splitlines() == [
        "2/9 2/min · 0:03:30 left · 2 of about 9 credits · 1 failed",
        "4/9 4/min · 0:01:15 left · 4 of about 9 credits · 1 failed",
    ]


def test_litellm_config_is_written(service: Mapping[str, str], tmp_path: Path) -> None:
    """The file is there, and the next command is told."""
    target = tmp_path / "config.yaml"
    with Terminal("litellm-config", "--output", str(target), environment=service, columns=160) as terminal:
        assert terminal.end() == 0
        assert f"litellm --config {target}" in " ".join(terminal.text.split())
    assert "model_list:" in target.read_text("utf-8")


@pytest.mark.parametrize(("language", "said"), [("en", "The balance was not read"), ("ar", "رُفض المفتاح")])
def test_a_refused_key_is_told_with_what_to_do(service: Mapping[str, str], language: str, said: str) -> None:
    """In both languages, with the exit code of its class."""
    wrong = {**service, "LLM_RESAYIL_API_KEY": "sk-nobody-knows-this"}
    with Terminal("--lang", language, "balance", environment=wrong) as terminal:
        assert terminal.end() == 5
        assert said in terminal.text
        assert "resayil doctor" in terminal.text
