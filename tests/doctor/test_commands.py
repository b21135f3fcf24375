"""``resayil balance``, ``usage`` and ``doctor`` as a person or a script calls them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from resayil import Client
from resayil.cli.app import app
from resayil.credits import Entry
from resayil.emulator import Emulator
from resayil.emulator.server import Server
from resayil.ledger import Ledger

KEY = "sk-command-canary-4488ee11"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An emulator on a socket, named by the environment."""
    emulator = Emulator()
    emulator.add_key(KEY, plan="enterprise", credits=5000)
    with emulator.serve() as running:
        monkeypatch.setenv("LLM_RESAYIL_API_KEY", KEY)
        monkeypatch.setenv("RESAYIL_BASE_URL", running.base_url)
        yield running


def _run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert KEY not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_balance_in_words_and_in_json(server: Server) -> None:
    """One request each; exact figures; nothing is bought."""
    words, told = _run("balance"), _run("balance", "--json")
    assert words.exit_code == told.exit_code == 0
    assert "5000" in words.stdout
    assert "enterprise" in words.stdout
    assert json.loads(told.stdout)["credits"] == "5000"
    assert len(server.emulator.requests) == 2


def test_balance_reconciles_with_the_ledger(server: Server, tmp_path: Path) -> None:
    """Two balances around some calls tell what an estimated credit really cost."""
    ledger = str(tmp_path / "l.db")
    assert _run("balance", "--ledger", ledger).exit_code == 0
    with Client(ledger=ledger) as client:
        for _ in range(3):
            client.chat("mistral", "قصة")
    told = json.loads(_run("balance", "--ledger", ledger, "--json").stdout)
    assert told["reconciliation"]["ratio"] == "1"
    assert told["reconciliation"]["estimated"] == told["reconciliation"]["charged"]
    assert "per estimated" in _run("balance", "--ledger", ledger).stdout
    assert server.emulator.requests


def test_balance_shows_what_it_was_told_and_no_more(server: Server, tmp_path: Path) -> None:
    """A field that did not come has no line; without calls nothing is compared; no credits, where to buy."""
    server.emulator.fault(200, body={"credits": 0}, times=2)
    first, second = (_run("balance", "--ledger", str(tmp_path / "l.db")) for _ in range(2))
    assert first.exit_code == second.exit_code == 0
    assert "Plan" not in first.stdout
    assert "nothing to compare" in second.stdout
    assert f"Credits are bought at {server.origin}" in first.stdout


def test_usage_shows_table_and_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By day, model or tag; a script gets one line of JSON; a hostile tag cannot speak to the terminal."""
    ledger = Ledger(tmp_path / "l.db")
    for tag, amount in (("نشرة", 30_500_000), ("\x1b[31mred", 10_000_000), ("", 5_000_000)):
        ledger.enter(Entry(time.time(), "mistral", 10, 20, amount, estimated=False, tag=tag))
    ledger.enter(Entry(time.time() - 40 * 86_400, "old-model", 10, 20, 1, estimated=False))
    monkeypatch.setenv("RESAYIL_LEDGER", str(ledger.path))
    words = _run("usage", "--by", "tag")
    assert words.exit_code == 0
    assert "نشرة" in words.stdout
    assert "30.5" in words.stdout
    assert "█" in words.stdout
    assert "\x1b[31m" not in words.stdout
    told = json.loads(_run("usage", "--by", "model", "--json").stdout)
    assert told == [
        {
            "name": "mistral",
            "calls": 3,
            "prompt_tokens": 30,
            "output_tokens": 60,
            "credits": "45.5",
            "estimated": True,
        }
    ]
    assert len(json.loads(_run("usage", "--by", "model", "--days", "60", "--json").stdout)) == 2
    ledger.note_balance(0.0, Decimal(1000))
    ledger.note_balance(time.time(), Decimal("977.2499995"))
    (row,) = json.loads(_run("usage", "--by", "model", "--json").stdout)
    assert not row["estimated"]
    assert Decimal(row["credits"]) == pytest.approx(Decimal("22.75"), abs=Decimal("0.01"))
    assert "reconciled" in _run("usage").stdout


def test_usage_without_a_ledger_says_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, and the variable to set."""
    monkeypatch.delenv("RESAYIL_LEDGER", raising=False)
    result = _run("usage")
    assert result.exit_code == 1
    assert "RESAYIL_LEDGER" in result.stderr
    (tmp_path / "l.db").write_text("not a database, but long enough to be looked at as one" * 40)
    broken = _run("usage", "--ledger", str(tmp_path / "l.db"))
    assert broken.exit_code > 0
    assert "cannot be used" in broken.stderr


def test_doctor_writes_what_it_found(server: Server, tmp_path: Path) -> None:
    """Table, JSON, a report for support and the capabilities file; exit code 0 where all is well."""
    report, capabilities = tmp_path / "report.json", tmp_path / "capabilities.json"
    result = _run("doctor", "--report", str(report), "--capabilities", str(capabilities))
    assert result.exit_code == 0, result.output
    assert "at most 20 requests" in result.stderr
    for word in ("documented", "observed", "what the client does", "count_tokens"):
        assert word in result.stdout
    told = json.loads(_run("doctor", "--json").stdout)
    assert told["rows"] == json.loads(report.read_text())["rows"] or told["requests"]
    assert {row["status"] for row in told["rows"]} <= {"ok", "note"}
    assert server.base_url in capabilities.read_text()
    assert KEY not in report.read_text() + capabilities.read_text()


def test_doctor_fails_where_something_is_broken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 and a hint; more requests than allowed are not sent unasked."""
    few = _run("doctor", "--max-requests", "3", "--json")
    assert sum(row["status"] == "skipped" for row in json.loads(few.stdout)["rows"]) > 3
    assert len(server.emulator.requests) <= 3
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", "sk-no-such-key-0000")
    result = _run("doctor")
    assert result.exit_code == 1
    assert "Make a new key" in result.stdout


def test_a_report_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    """Exit code 1, the system's reason, and what to do."""
    result = _run("doctor", "--max-requests", "0", "--report", str(tmp_path), "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Name another file." in result.stderr
    assert server.emulator.requests == []


@pytest.mark.parametrize("command", ["balance", "doctor"])
def test_an_error_has_a_next_step(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key or a server a command says what to do and leaves no traceback."""
    monkeypatch.delenv("LLM_RESAYIL_API_KEY", raising=False)
    monkeypatch.delenv("RESAYIL_API_KEY", raising=False)
    result = _run(command, "--base-url", "http://127.0.0.1:1/v1")
    assert result.exit_code > 0
    assert "api-keys" in result.output
    assert "Traceback" not in result.output
