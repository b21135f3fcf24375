"""The commands as a person sees them, in a pseudo-terminal: the doctor's question, the tables, the plot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doctor.servers import KEY, emulator
from doctor.terminal import sit

from resayil import Client
from resayil.emulator.server import Server

QUESTION = "Spend more? From chat on: up to 19 requests, about 1750 tokens [y/N]:"
SKIPPED = "it would take more than 3"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The emulator where a person's service is."""
    with emulator().serve() as running:
        monkeypatch.setenv("LLM_RESAYIL_API_KEY", KEY)
        monkeypatch.setenv("RESAYIL_BASE_URL", running.base_url)
        yield running


def test_the_doctor_asks_and_is_told_yes(server: Server) -> None:
    """It says what it may spend, asks once before more, and looks at everything then."""
    sat = sit(["doctor", "--max-requests", "3"], {}, [("[y/N]:", "y")])
    assert sat.code == 0, sat.shown
    assert "at most 3 requests" in sat.shown
    assert sat.shown.count("Spend more?") == sat.shown.count(QUESTION) == 1
    assert SKIPPED not in sat.shown
    assert "called add_numbers" in sat.shown
    assert len(server.emulator.requests) == 10
    assert KEY not in sat.shown


def test_the_doctor_asks_and_is_told_no(server: Server) -> None:
    """Nothing is sent of what was refused, and the table says why it was not looked at."""
    sat = sit(["doctor", "--max-requests", "3"], {}, [("[y/N]:", "n")])
    assert sat.code == 0, sat.shown
    assert QUESTION in sat.shown
    assert SKIPPED in sat.shown
    assert len(server.emulator.requests) == 3  # the checks that fit into what is left are made
    assert KEY not in sat.shown


def test_balance_and_usage_are_shown(server: Server, tmp_path: Path) -> None:
    """Credits, and the ledger as a table with bars, in colour or without, within the terminal's width."""
    told = {"RESAYIL_LEDGER": str(tmp_path / "l.db")}
    assert "10000" in sit(["balance"], told).shown
    with Client(ledger=told["RESAYIL_LEDGER"]) as client:
        client.chat("mistral", "قصة قصيرة", tag="نشرة")
        client.chat("mistral", "قصة", tag="night")
    charged = sum(record.credits or 0 for record in server.emulator.requests)
    for columns in (60, 160):
        usage = sit(["usage", "--by", "tag"], told, columns=columns)
        assert usage.code == 0
        assert "█" in usage.shown
        assert "نشرة" in usage.shown
        assert f"2 calls, {charged} credits" in usage.shown.replace("\r\n", " ")
        lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in usage.shown.splitlines()]
        assert max(map(len, lines)) <= columns
    assert "charged" in sit(["balance"], told).shown
    assert "reconciled" in sit(["usage"], told).shown
