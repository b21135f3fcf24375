"""The benchmarks run, read what the stub sends, and judge figures by their limits; no time is asserted."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.cases import CASES
from benchmarks.claims import CLAIMS
from benchmarks.report import PAGE, Run, case_table, claims_table, import_table
from benchmarks.stub import serving
from benchmarks.worker import Worker
from resayil import Client

ROOT = Path(__file__).parents[2]
CORE = ("raw socket", "httpx", "Client")


def run(*arguments: str) -> dict[str, Any]:
    """What a quick run has measured."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def save(text: str) -> None:
    """Save a text."""


def measured(claim_of: float) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Figures of one case, ours so many times the floor."""
    return {"stream": {"httpx": {"cpu": [9.0, 10.0, 11.0]}, "Client": {"cpu": [10.0 * claim_of] * 3}}}


def a_run(results: dict[str, Any]) -> Run:
    """A run that has come to these figures."""
    return Run("2026-11-20", "a machine", {}, 0.0, results=results)


def test_a_quick_run_measures_every_contender_that_it_names() -> None:
    """Streams, calls and constructors of the core, with nothing left out."""
    told = run("--only", "stream", "--only", "acall", "--only", "constructor")
    assert told["left_out"] == {}
    assert {case: tuple(rows) for case, rows in told["results"].items()} == {
        "stream": CORE,
        "acall": ("httpx async", "AsyncClient"),
        "constructor": ("httpx", "Client"),
    }
    assert all(figures["cpu"][0] > 0 for rows in told["results"].values() for figures in rows.values())


@pytest.mark.parametrize("api", ["chat", "messages"])
@pytest.mark.parametrize("kind", ["text", "arabic", "reasoning", "tools"])
def test_the_stub_sends_whole_answers_in_both_dialects(api: Any, kind: str) -> None:
    """Every kind of stream is a whole answer to the client, of as many fragments as its name says."""
    with serving() as url, Client("sk-bench", url, api=api) as client:
        stream = client.stream(f"{kind}-7", "x", tools=[save])
        assert sum("delta" in event.type for event in stream) >= 7
        response = stream.response()
    if kind == "tools":
        assert response.tool_calls[0].arguments == {"text": "word " * 7}
    elif kind != "reasoning":
        assert response.text == {"text": " word", "arabic": "مرحبا "}[kind] * 7
    assert response.usage.output_tokens == 7


def test_a_stream_that_is_cut_is_no_figure() -> None:
    """A contender that passes fewer chunks on than were asked for, at first or later, is refused."""
    asked = {"contender": "Client", "work": "chunks", "model": "text-9"}
    with serving() as url, closing(Worker("core", url)) as worker:
        assert worker.measure(**asked, number=9)["cpu"] > 0
        with pytest.raises(RuntimeError, match="of 50 chunks"):
            worker.measure(**asked, number=50)


def test_a_gate_opens_once_all_have_come() -> None:
    """A gated stream goes on alone where it is the only one of its like."""
    asked = {"model": "text-2-gate1", "stream": True, "messages": []}
    with serving() as url:
        assert httpx.post(f"{url}/chat/completions", json=asked).text.count(" word") == 2


@pytest.mark.parametrize(("times", "verdict"), [(1.29, "| reached |"), (1.31, "| **not reached** |")])
def test_a_claim_is_judged_by_its_limit(times: float, verdict: str) -> None:
    """The limit decides, and what was not measured is not judged."""
    rows = list(claims_table(a_run(measured(times))))[2:]
    assert len(rows) == 1
    assert rows[0].endswith(verdict)
    assert f"{times:.2f} ×" in rows[0]


def test_a_table_shows_medians_and_ratios() -> None:
    """Median, spread, ratio to the floor and to this project."""
    case = next(case for case in CASES if case.key == "stream")
    assert "| httpx | 10 | 9–11 | 1.00 | 0.80 |" in list(case_table(case, a_run(measured(1.25))))
    assert list(import_table(a_run({}))) == []


def test_every_claim_can_be_profiled() -> None:
    """A claim names a case, a family and a contender that exist."""
    named = {
        (case.key, family, name)
        for case in CASES
        for family, names in case.contenders.items()
        for name in names
    }
    assert {claim.culprit for claim in CLAIMS if claim.culprit} <= named


def test_the_page_has_its_markers() -> None:
    """The commands find where to write."""
    page = PAGE.read_text(encoding="utf-8")
    for name in ("figures", "instructions"):
        assert page.count(f"<!-- {name}: written by the command -->") == 1
        assert page.count(f"<!-- end of {name} -->") == 1
