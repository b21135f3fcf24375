"""The doctor against the emulator in both profiles and ten broken servers: each row, and what it costs."""

from __future__ import annotations

import json
import re
import time
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from core.support import Scripted, Told, answer, json_reply
from doctor.servers import KEY, SERVERS, WRONG_KEY, emulator, examined
from doctor.table import HEALTHY, ROWS, SAID
from typer.testing import CliRunner

from resayil.capabilities import write_capabilities
from resayil.cli.app import app
from resayil.doctor import MAX_REQUESTS, MAX_TOKENS, Report, examine, families
from resayil.doctor_patient import Row
from resayil.jsontext import dumps


def _row(report: Report, name: str) -> Row:
    return next(row for row in report.rows if row.name == name)


def _wrong(report: Report, expected: str) -> list[str]:
    """Rows that do not read as they must."""
    return [
        f"{row.name}: {row.status} {row.observed!r} {row.hint!r}, not {found}"
        for row in report.rows
        if (found := ROWS[expected][row.name])
        and not (
            row.status == found.status
            and re.fullmatch(found.observed, row.observed, re.DOTALL)
            and re.fullmatch(found.hint, row.hint, re.DOTALL)
        )
    ]


@pytest.mark.parametrize("name", SERVERS)
def test_each_row_of_the_table(name: str) -> None:
    """Both profiles and ten broken servers: status, observation and hint of every row are the table's."""
    with SERVERS[name]() as given:
        report = examine(**given)
    assert [row.name for row in report.rows] == list(HEALTHY)
    assert _wrong(report, name) == []
    for row in report.rows:
        documented, does = SAID[row.name]
        assert documented in row.documented
        assert does in row.does
        assert row.hint or row.status != "failed"
    assert report.healthy is not any(found.status == "failed" for found in ROWS[name].values())


@pytest.mark.parametrize("name", SERVERS)
def test_the_key_is_nowhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every server: not in the table, nor in JSON, report or capabilities; exit code 1 where it failed."""
    report, capabilities = tmp_path / "report.json", tmp_path / "capabilities.json"
    failed = any(found.status == "failed" for found in ROWS[name].values())
    for more in ([], ["--json"]):
        with SERVERS[name]() as given:
            monkeypatch.setenv("LLM_RESAYIL_API_KEY", given["api_key"])
            fixed = {key: given[key] for key in given.keys() - {"api_key", "base_url"}}
            monkeypatch.setattr("resayil.cli.doctor.examine", partial(examine, **fixed))
            files = ["--report", str(report), "--capabilities", str(capabilities)]
            result = CliRunner().invoke(app, ["doctor", "--base-url", given["base_url"], *files, *more])
        assert result.exit_code == int(failed), result.output
        written = [path.read_text("utf-8") for path in tmp_path.iterdir()]
        assert [row["name"] for row in json.loads(report.read_text("utf-8"))["rows"]] == list(HEALTHY)
        for text in (result.stdout, result.stderr, *written):
            assert KEY not in text
            assert WRONG_KEY not in text


def test_the_key_is_shown_nowhere_although_the_server_echoes_it() -> None:
    """A server that repeats the key in its errors does not bring it into the report."""
    told = json.dumps({"error": {"code": "unauthorized", "message": f"bad key {KEY}"}}).encode()
    report = examine(KEY, "https://example.com", transport=Scripted(Told(401, {}, (told,))))
    assert KEY not in dumps(report.told())
    assert "bad key" in dumps(report.told())


def test_the_costs_are_the_emulators_own_count() -> None:
    """Requests and tokens are told as the emulator saw them."""
    made = emulator()
    report = examined(made)
    assert report.requests == len(made.requests)
    assert report.tokens == sum(record.tokens or 0 for record in made.requests) > 0


@pytest.mark.parametrize("profile", ["documented", "march-2026"])
@pytest.mark.parametrize("bound", [0, 1, 2, 3, 6, 9, MAX_REQUESTS])
def test_it_never_sends_more_than_allowed(bound: int, profile: str) -> None:
    """By the emulator's count, at the right address and at a wrong one; what does not fit is skipped."""
    for path in ("/v1", "/wrong/place"):
        made = emulator(profile=profile)
        url = made.base_url.removesuffix("/v1") + path
        report = examine(KEY, url, transport=made.transport(), max_requests=bound)
        assert report.requests == len(made.requests) <= bound
        assert sum(record.tokens or 0 for record in made.requests) <= MAX_TOKENS
        if bound < 10:
            assert any(row.status == "skipped" for row in report.rows)
        if 1 < bound < 10:
            assert any("more than" in row.observed for row in report.rows)


def test_it_never_spends_more_tokens_than_allowed() -> None:
    """By the emulator's count: a check that might cross the bound is not made."""
    for bound in (0, 99, 150, 400, 900):
        made = emulator()
        report = examined(made, max_tokens=bound)
        assert sum(record.tokens or 0 for record in made.requests) <= bound
        assert _row(report, "billing").status == "ok"


def test_more_is_spent_where_it_is_allowed() -> None:
    """Whoever is asked learns what would be spent, and for what."""
    for bounds in ({"max_requests": 3}, {"max_tokens": 0}):
        asked: list[str] = []
        report = examined(emulator(), **bounds, allow=lambda why, to=asked: to.append(why) or True)
        assert not any(row.status == "skipped" for row in report.rows)
        assert asked == ["From chat on: up to 19 requests, about 1750 tokens"]
    asked = []
    examined(emulator(), max_requests=3, allow=lambda why: bool(asked.append(why)))
    assert len(asked) == 1


def test_a_check_stays_within_what_it_named() -> None:
    """A server that refuses every way of saying something is not asked on and on."""
    refusals = iter(["response_format", "tools", *["role"] * 50])

    def refused(request: Any) -> Told:
        if request.method == "GET":
            return json_reply({"data": [{"id": "m"}]})
        if b"response_format" not in request.content and b"json" not in request.content.lower():
            return json_reply(answer())
        return json_reply({"error": {"message": f"no {next(refusals)}"}}, 422)

    transport = Scripted(*[refused] * 60)
    report = examine(KEY, "https://example.com", transport=transport)
    assert report.requests == len(transport.requests) <= MAX_REQUESTS
    row = _row(report, "JSON schema")
    assert (row.status, row.observed) == (
        "failed",
        "After 3 requests it was not understood yet; no more were sent.",
    )


def test_a_network_that_is_gone_is_no_certificate() -> None:
    """Where nobody answers, the way there is looked at, and nothing else is tried."""
    report = examine(KEY, "https://example.com", transport=Scripted(httpx.ConnectError("refused")))
    assert report.rows[0].status == "failed"
    assert report.rows[0].hint == "Look at the network, the proxy variables and the address."
    assert {row.status for row in report.rows[1:]} == {"skipped"}


def test_a_balance_without_credits_is_told() -> None:
    """A subscription that names no credits is no empty one."""
    report = examine(KEY, "https://example.com", transport=Scripted(json_reply({"data": [], "tier": "pro"})))
    row = _row(report, "billing")
    assert (row.status, row.observed) == ("note", "the reply names no credits")
    assert "on the web" in row.hint


@pytest.mark.parametrize(
    ("ago", "observed", "hint"),
    [(3600, r"this machine is \+36\d\d s off", "Set the clock"), (0, r"[+-]\d s apart", "")],
)
def test_the_clocks_are_compared(ago: int, observed: str, hint: str) -> None:
    """By the date of the last reply, whose zone may be left out."""
    date = formatdate(time.time() - ago, usegmt=True).removesuffix(" GMT")
    report = examine(KEY, "https://example.com", transport=Scripted(json_reply({"data": []}, date=date)))
    row = _row(report, "clock")
    assert re.fullmatch(observed, row.observed)
    assert row.hint.startswith(hint)
    assert bool(row.hint) is bool(hint)


@pytest.mark.parametrize("date", ["soon", f"Mon, 01 Jan {10**20} 00:00:00 GMT"])
def test_a_date_that_is_none_tells_no_time(date: str) -> None:
    """A server may put anything there."""
    report = examine(KEY, "https://example.com", transport=Scripted(json_reply({"data": []}, date=date)))
    assert _row(report, "clock").observed == "the server tells no time"


def test_a_list_without_models_is_told() -> None:
    """A server that answers with an empty list answers; what would need a model is skipped with a way out."""
    report = examine(KEY, "https://example.com", transport=Scripted(json_reply({"data": []})))
    assert _row(report, "base URL").status == "ok"
    assert _row(report, "models").status == "failed"
    assert "--model" in _row(report, "chat").observed


def test_another_failure_says_nothing_of_vision() -> None:
    """Only a refusal of the picture is kept as blindness: a passing error is not."""
    made = emulator()
    made.fault(500, path="chat/completions", times=20)
    report = examined(made)
    assert "500" in _row(report, "vision").observed
    assert all(found.vision is None for found in report.capabilities.values())
    with pytest.warns(UserWarning, match="the server's answer decides"):
        blind = examined(emulator("content-array-422"), vision_model="mistral")
    assert blind.capabilities["mistral"].vision is False


def test_no_key_at_all_is_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is sent, and where to get one is said."""
    for name in ("LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    report = examine(base_url="https://example.com")
    assert report.rows[0].status == "failed"
    assert "api-keys" in report.rows[0].hint
    assert report.requests == 0


def test_a_key_is_only_tried_at_the_service_or_the_same_host() -> None:
    """Another address is tried only where the given one's owner is: never a stranger's host."""
    assert list(families("https://llm.resayil.io/v1", "https://llm.resayil.io")) == [
        "https://llmapi.resayil.io/v1",
        "https://llm.resayil.io/api/v1",
    ]
    assert list(families("https://example.com/x", "https://example.com")) == [
        "https://example.com/v1",
        "https://example.com/api/v1",
    ]
    assert "https://llm.resayil.io/v1" not in families("https://notresayil.io/v1", "https://notresayil.io")


def test_findings_are_written_by_model(tmp_path: Path) -> None:
    """What was found of the two models that were asked is in the file, with its age."""
    report = examined(emulator())
    write_capabilities(tmp_path / "c.json", report.base_url, report.capabilities)
    assert set(report.capabilities) == {"deepseek-v4-flash", "qwen3-vl:235b-instruct"}
    assert all(0 <= found.age < 60 for found in report.capabilities.values())
