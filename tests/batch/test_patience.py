"""What a row is to blame for, and what is waited for."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
from batch.support import read_lines, run, write_lines
from core.support import Scripted

from resayil import APIConnectionError
from resayil.batch import JsonLines, runner
from resayil.emulator import Emulator


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LONGEST_PAUSE", 0.01)


def test_a_full_minute_is_no_rows_fault(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """However often the limit refuses a row, it is put back and asked again."""
    source = JsonLines(write_lines(tmp_path / "in.jsonl", 2))
    resayil_emulator.fault(429, times=20, headers={"retry-after": "60"})
    summary = run(resayil_emulator, source, tmp_path / "out.jsonl", concurrency=2)
    assert (summary.so_far.done, summary.so_far.failed, summary.asked) == (2, 0, 2)
    assert len(resayil_emulator.requests) == 22


def test_a_row_that_is_always_too_much_ends_in_its_error(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """A 503 may be the row's own, a prompt too long for one: three times, then it stands in its row."""
    source = JsonLines(write_lines(tmp_path / "in.jsonl", 1))
    resayil_emulator.fault(503, times=20)
    summary = run(resayil_emulator, source, tmp_path / "out.jsonl")
    (line,) = read_lines(tmp_path / "out.jsonl")
    assert line["error"]["type"] == "OverloadedError"
    assert (summary.so_far.failed, len(resayil_emulator.requests)) == (1, runner.TRIES)


def test_a_certificate_that_nobody_trusts_stops_the_batch(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """No row would be answered, and waiting would not help, so none is blamed and nothing is waited for."""
    distrusted = httpx.ConnectError("certificate verify failed")
    distrusted.__cause__ = ssl.SSLCertVerificationError()
    transport = Scripted(distrusted)
    source = JsonLines(write_lines(tmp_path / "in.jsonl", 3))
    summary = run(resayil_emulator, source, tmp_path / "out.jsonl", transport=transport, concurrency=1)
    assert isinstance(summary.stopped, APIConnectionError)
    assert (summary.stopped.phase, summary.left, len(transport.requests)) == ("certificate", 3, 1)
    assert read_lines(tmp_path / "out.jsonl") == []


def test_without_patience_the_batch_stops_and_keeps_its_rows(
    resayil_emulator: Emulator, tmp_path: Path
) -> None:
    """What is left has no answer, and no error either; the next run asks it."""
    source = JsonLines(write_lines(tmp_path / "in.jsonl", 3))
    resayil_emulator.fault(429, times=20)
    summary = run(resayil_emulator, source, tmp_path / "out.jsonl", concurrency=1, patience=0)
    assert (type(summary.stopped).__name__, summary.left) == ("RateLimitError", 3)
    assert read_lines(tmp_path / "out.jsonl") == []
    resayil_emulator.reset()
    assert run(resayil_emulator, source, tmp_path / "out.jsonl").left == 0
