"""``resayil batch`` as it is run: resumed, stopped, held to a budget, refused."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batch.support import COMMAND, asked, kept, read_lines, write_lines

from resayil.emulator.scripts import Fault
from resayil.emulator.server import Server

Run = Callable[..., subprocess.CompletedProcess[str]]


def told(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The summary in JSON."""
    summary: dict[str, Any] = json.loads(ran.stdout)
    return summary


def test_a_second_run_asks_nothing(batch: Run, server: Server, tmp_path: Path) -> None:
    """The same command again sends no request at all, and the output stays as it is."""
    source, output = write_lines(tmp_path / "in.jsonl", 5), tmp_path / "out.jsonl"
    first = batch(source, output, "--json")
    assert first.returncode == 0
    assert told(first)["answered"] == told(first)["asked"] == 5
    assert Decimal(told(first)["credits"]) > 0
    sent, written = len(server.emulator.requests), output.read_bytes()
    again = batch(source, output, "--json")
    assert (again.returncode, told(again)["asked"], told(again)["answered"]) == (0, 0, 5)
    assert len(server.emulator.requests) == sent
    assert output.read_bytes() == written
    assert stray(tmp_path) == {"in.jsonl", "out.jsonl", "out.jsonl.journal"}


def stray(folder: Path) -> set[str]:
    """The files of a folder."""
    return {path.name for path in folder.iterdir()}


def test_a_changed_input_is_refused(batch: Run, server: Server, tmp_path: Path) -> None:
    """Another input, prompt or model under the same output is told before anything is sent."""
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("a\n1\n", "utf-8")
    given = ("--model", "mistral", "--prompt", "{a}؟")
    assert batch(source, output, *given).returncode == 0
    sent = len(server.emulator.requests)
    other = batch(source, output, "--model", "mistral", "--prompt", "{a}!")
    assert (other.returncode, "another model, prompt or schema" in other.stderr) == (3, True)
    source.write_text("a\n2\n", "utf-8")
    changed = batch(source, output, *given)
    assert (changed.returncode, "another input" in changed.stderr) == (3, True)
    (tmp_path / "out.csv.journal").unlink()
    orphan = batch(source, output, *given)
    assert (orphan.returncode, "without its journal" in orphan.stderr) == (3, True)
    assert len(server.emulator.requests) == sent


def test_two_runs_at_once_are_refused(batch: Run, tmp_path: Path) -> None:
    """A journal that somebody else writes is left alone."""
    source, output = write_lines(tmp_path / "in.jsonl", 1), tmp_path / "out.jsonl"
    assert batch(source, output).returncode == 0
    other = sqlite3.connect(tmp_path / "out.jsonl.journal", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    refused = batch(source, output)
    other.close()
    assert refused.returncode == 3
    assert "another run is writing it" in refused.stderr


def test_it_stops_at_the_budget_and_goes_on_with_more(batch: Run, server: Server, tmp_path: Path) -> None:
    """No row is asked that could cross the budget, over all runs; what is answered by then is written."""
    source, output = write_lines(tmp_path / "in.jsonl", 30), tmp_path / "out.jsonl"
    ran = batch(source, output, "--budget", "2000", "--json")
    first = told(ran)
    assert (ran.returncode, first["stopped"]) == (4, "BudgetSpentError")
    assert 0 < Decimal(first["credits"]) <= 2000
    assert 0 < first["answered"] < 30
    assert len(read_lines(output)) == first["answered"] == len(asked(server.emulator))
    assert first["left"] == 30 - first["answered"]
    assert "Raise the budget" in ran.stderr
    assert told(batch(source, output, "--budget", "2000", "--json"))["asked"] == 0
    last = batch(source, output, "--budget", "9000", "--json")
    assert (last.returncode, told(last)["answered"], told(last)["left"]) == (0, 30, 0)
    assert sorted(asked(server.emulator)) == list(range(30))


@pytest.mark.parametrize(("status", "code"), [(401, 5), (402, 4)])
def test_a_refused_key_or_empty_balance_stops_the_batch(
    batch: Run, server: Server, tmp_path: Path, status: int, code: int
) -> None:
    """Rows are not spent on what no row can help; the same command goes on afterwards."""
    source, output = write_lines(tmp_path / "in.jsonl", 20), tmp_path / "out.jsonl"
    server.emulator.script(["نعم"] * 3 + [Fault(status)] * 2)
    ran = batch(source, output, "--concurrency", "2")
    assert ran.returncode == code
    assert "goes on from here" in ran.stderr
    assert len(kept(output)) == 3
    assert not [line for line in read_lines(output) if line["error"]]
    assert told(batch(source, output, "--json"))["answered"] == 20


def test_a_key_that_the_model_list_refuses_asks_no_row(batch: Run, server: Server, tmp_path: Path) -> None:
    """What it costs is asked first, and tells that the key is not good."""
    server.emulator.fault(401, path="/models")
    assert batch(write_lines(tmp_path / "in.jsonl", 2), tmp_path / "out.jsonl").returncode == 5
    assert asked(server.emulator) == []


def test_several_addresses_share_rows_and_prices(batch: Run, server: Server, tmp_path: Path) -> None:
    """Each is asked some of the rows; the model list is asked once, and its prices hold for all."""
    addresses = [f"{server.origin}/v1", f"{server.origin}/api/v1"]
    source, output = write_lines(tmp_path / "in.jsonl", 6), tmp_path / "out.jsonl"
    source.write_text(source.read_text("utf-8").replace("mistral", "deepseek-v4-pro"), "utf-8")
    given = [option for address in addresses for option in ("--base-url", address)]
    ran = told(batch(source, output, "--concurrency", "2", "--json", *given))
    chats = [request for request in server.emulator.requests if request.dialect == "chat"]
    assert {request.path.removesuffix("/chat/completions") for request in chats} == {"/v1", "/api/v1"}
    assert len(server.emulator.requests) == len(chats) + 1
    assert Decimal(ran["credits"]) == sum(request.credits for request in chats)


def test_a_service_that_is_gone_is_waited_for(batch: Run, server: Server, tmp_path: Path) -> None:
    """A row that finds it busy is put back, not failed; without patience the batch stops."""
    source, output = write_lines(tmp_path / "in.jsonl", 4), tmp_path / "out.jsonl"
    server.emulator.script([Fault(503, headers={"retry-after": "0", "x-should-retry": "false"})] * 4)
    assert told(batch(source, output, "--json", "--concurrency", "2"))["answered"] == 4
    gone = tmp_path / "gone.jsonl"
    ran = batch(source, gone, "--base-url", "http://127.0.0.1:9/v1", "--patience", "0", "--json")
    assert (ran.returncode, told(ran)["stopped"], told(ran)["left"]) == (9, "APIConnectionError", 4)


def test_control_c_lets_the_rows_under_way_end(
    server: Server, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """One Ctrl-C: no row is asked twice by the next run. Two: the rows under way are dropped at once."""
    source, output = write_lines(tmp_path / "in.jsonl", 40), tmp_path / "out.jsonl"
    server.emulator.script([Fault("stall", 0.5)] * 200)
    command = [*COMMAND, str(source), str(output), "--concurrency", "4"]

    def interrupted(times: int) -> tuple[int, str]:
        sent = len(server.emulator.requests)
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        while len(server.emulator.requests) < sent + 8:
            time.sleep(0.02)
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        _, said = process.communicate(timeout=60)
        return process.returncode, said

    code, said = interrupted(1)
    assert (code, "rows under way end first" in said) == (130, True)
    assert sorted(kept(output)) == sorted(asked(server.emulator)), "all that was asked is kept"
    assert len(read_lines(output)) == len(kept(output))
    before = kept(output)
    code, said = interrupted(2)
    assert code == 130, said
    assert "Traceback" not in said
    assert before < kept(output)
    assert len(set(asked(server.emulator)) - kept(output)) <= 4


def test_a_dry_run_sends_nothing(batch: Run, server: Server, tmp_path: Path) -> None:
    """Rows, unusable rows and a forecast from low to high; no output, no journal, no request."""
    source = write_lines(tmp_path / "in.jsonl", 3)
    source.write_text(source.read_text("utf-8") + "broken\n", "utf-8")
    forecast = told(batch(source, tmp_path / "out.jsonl", "--dry-run", "--json"))
    assert (forecast["rows"], forecast["unusable"], forecast["estimated"]) == (4, 1, True)
    assert 0 < Decimal(forecast["low"]) < Decimal(forecast["likely"]) < Decimal(forecast["high"])
    assert "3 at least" not in batch(source, tmp_path / "out.jsonl", "--dry-run").stdout
    assert not server.emulator.requests
    assert stray(tmp_path) == {"in.jsonl"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, to be in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("in.csv", "o.csv"), 2, "--model and --prompt"),
        (("in.jsonl", "o.jsonl", "--prompt", "x"), 2, "only a table"),
        (("in.jsonl", "o.jsonl", "--budget", "free"), 2, "credits above 0"),
        (("none.jsonl", "o.jsonl"), 3, "cannot be read"),
        (("in.jsonl", "o.jsonl", "--structured", "none.json"), 3, "cannot be read"),
        (("in.jsonl", "o.jsonl", "--plan", "gold"), 3, "starter, basic, pro, enterprise"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    batch: Run, folder: Path, arguments: tuple[str, ...], code: int, why: str
) -> None:
    """Exit code 2 for the call, 3 for files and settings; the reason on the error stream."""
    write_lines(folder / "in.jsonl", 1)
    (folder / "in.csv").write_text("a\n1\n", "utf-8")
    ran = batch(*arguments)
    assert ran.returncode == code, ran.stderr
    assert why in " ".join(ran.stderr.replace("│", " ").split())


def test_it_speaks_arabic(environment: Mapping[str, str], tmp_path: Path) -> None:
    """With ``--lang ar``, or ``RESAYIL_LANG``, the command's own words are Arabic."""
    source = write_lines(tmp_path / "in.jsonl", 2)
    program, *rest = COMMAND[:-1], COMMAND[-1]
    spoken = [*program, "--lang", "ar", *rest, str(source), str(tmp_path / "o.jsonl")]
    ran = subprocess.run(spoken, env=environment, capture_output=True, text=True, check=True)
    assert "أُجيب عن 2 صفًّا" in ran.stdout
    variable = {**environment, "RESAYIL_LANG": "ar"}
    missing = [*COMMAND, str(tmp_path / "none.jsonl"), str(tmp_path / "p.jsonl")]
    ran = subprocess.run(missing, env=variable, capture_output=True, text=True, check=False)
    assert ran.returncode == 3
    assert "لم تُنفَّذ الدفعة" in ran.stderr


def test_concurrency_stays_within_the_limit(
    server: Server, environment: Mapping[str, str], tmp_path: Path
) -> None:
    """Eight rows at a time under a limit of three a minute: three requests go out, nobody is refused."""
    source = write_lines(tmp_path / "in.jsonl", 20)
    command = [*COMMAND, str(source), str(tmp_path / "out.jsonl"), "--requests-per-minute", "3"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    while len(server.emulator.requests) < 3:
        time.sleep(0.02)
    time.sleep(1)
    process.kill()
    process.communicate()
    assert [request.status for request in server.emulator.requests] == [200, 200, 200]
