"""The doctor against the emulator in both profiles and ten broken servers: each row, and what it costs."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from core.support import Scripted, Told
from faults.certificate import untrusted

from resayil.doctor import Report, examine, families
from resayil.doctor_checks import CHECKS
from resayil.emulator import Emulator
from resayil.jsontext import dumps

KEY = "sk-doctor-canary-5511aa77"
NAMES = ["base URL", *(check.name for check in CHECKS)]


def _emulator(*oddities: str, profile: str = "documented", credits: int = 10_000) -> Emulator:  # noqa: A002 - the emulator's word
    emulator = Emulator(profile, oddities)
    emulator.add_key(KEY, plan="enterprise", credits=credits)
    return emulator


def _examined(emulator: Emulator, **given: Any) -> Report:
    base_url = given.pop("base_url", emulator.base_url)
    return examine(given.pop("api_key", KEY), base_url, transport=emulator.transport(), **given)


def _rows(report: Report) -> dict[str, str]:
    return {row.name: row.status for row in report.rows}


def test_the_documented_service_is_healthy() -> None:
    """Every row is looked at, and as documented; the limit's headers are read."""
    report = _examined(_emulator())
    statuses = _rows(report)
    assert list(statuses) == NAMES
    assert {name for name, status in statuses.items() if status != "ok"} <= {"clock"}
    assert report.healthy
    limit = next(row for row in report.rows if row.name == "rate limit")
    assert "limit 60" in limit.observed


def test_the_march_server_is_understood() -> None:
    """What that server does otherwise is named, row by row, with what the client does about it."""
    report = _examined(_emulator(profile="march-2026"))
    found = {row.name: (row.status, row.observed) for row in report.rows}
    assert found["stream"][0] == "note"
    assert "no usage" in found["stream"][1]
    assert "last delta is []" in found["stream"][1]
    assert found["tools"] == ("note", "tools are ignored without a word")
    assert found["tool results"] == ("note", "refused natively, understood as plain text")
    assert found["vision"][0] == "failed"
    assert found["JSON schema"] == ("note", "the schema is ignored")
    assert found["messages"] == ("note", "there is none")
    assert found["count_tokens"] == ("note", "the service does not count")
    assert found["rate limit"] == ("note", "no headers until a 429")
    for name in ("base URL", "key", "models", "chat", "billing"):
        assert found[name][0] == "ok", found[name]


def test_the_costs_are_the_emulators_own_count() -> None:
    """Requests and tokens are told as the emulator saw them, within the stated bounds."""
    emulator = _emulator()
    report = _examined(emulator)
    assert report.requests == len(emulator.requests) <= 20
    assert report.tokens == sum(record.tokens or 0 for record in emulator.requests) <= 4_000


@pytest.mark.parametrize("bound", [1, 3, 6, 9])
def test_it_never_sends_more_than_allowed(bound: int) -> None:
    """The bound holds, what does not fit is skipped, and only permission lifts it."""
    emulator = _emulator()
    report = _examined(emulator, max_requests=bound)
    assert len(emulator.requests) <= bound
    assert any(row.status == "skipped" and "more than" in row.observed for row in report.rows)
    asked: list[str] = []
    more = _examined(_emulator(), max_requests=bound, allow=lambda why: asked.append(why) or True)
    assert asked
    assert not any(row.status == "skipped" for row in more.rows)
    cheap = _examined(_emulator(), max_tokens=150)
    assert cheap.tokens <= 150


# Ten broken servers


@dataclass(frozen=True)
class Broken:
    """A server, and what the doctor must say of it: status and words of rows, and a hint."""

    make: Callable[[], Any]
    rows: dict[str, tuple[str, str]]
    hint: str
    given: dict[str, Any] = field(default_factory=dict)
    base_url: str = "https://emulator.test/v1"
    key: str = KEY


def _spoiled(*faults: tuple[Any, dict[str, Any]]) -> Callable[[], Any]:
    def make() -> Any:
        emulator = _emulator()
        for kind, more in faults:
            emulator.fault(kind, **more)
        return emulator.transport()

    return make


PAGE = Told(200, {"content-type": "text/html"}, (b"<!doctype html><html>Sign in</html>",))
BROKEN = {
    "wrong path": Broken(
        lambda: _emulator().transport(),
        {"base URL": ("failed", "https://emulator.test/v1 does"), "chat": ("ok", "answered")},
        "Set RESAYIL_BASE_URL=https://emulator.test/v1",
        base_url="https://emulator.test/wrong/place",
    ),
    "a page": Broken(
        lambda: Scripted(PAGE),
        {"base URL": ("failed", "text/html"), "chat": ("skipped", "nothing answers")},
        "a proxy or login page",
    ),
    "no stream": Broken(
        lambda: _emulator("empty-stream").transport(),
        {"stream": ("failed", "without a single event"), "chat": ("ok", "answered")},
        "Streams are broken there",
    ),
    "no usage": Broken(
        lambda: _emulator("no-stream-usage").transport(),
        {"stream": ("note", "no usage"), "chat": ("ok", "tokens")},
        "the client copes",
    ),
    "no vision": Broken(
        lambda: _emulator("content-array-422").transport(),
        {"vision": ("failed", "refused a picture"), "chat": ("ok", "answered")},
        "which model takes images",
    ),
    "401": Broken(
        lambda: _emulator().transport(),
        {"base URL": ("ok", "answers"), "key": ("failed", "401"), "chat": ("skipped", "key is refused")},
        "Make a new key",
        key="sk-a-wrong-key-998877",
    ),
    "402": Broken(
        lambda: _emulator(credits=0).transport(),
        {"key": ("ok", "accepted"), "chat": ("failed", "402"), "billing": ("ok", "0 credits")},
        "Buy credits",
    ),
    "slow": Broken(
        _spoiled(("stall", {"seconds": 0.4, "times": 2, "path": "chat/completions"})),
        {"stream": ("note", "first event after 0.4 s")},
        "slow to begin",
        {"slow": 0.2},
    ),
    "WhatsApp": Broken(
        lambda: Scripted(PAGE),
        {"base URL": ("failed", "not usable"), "key": ("skipped", "")},
        "WhatsApp gateway",
        base_url="https://api.resayil.io/v1",
    ),
}


def _assert_found(report: Report, broken: Broken) -> None:
    found = {row.name: row for row in report.rows}
    assert list(found) == NAMES
    for name, (status, words) in broken.rows.items():
        assert found[name].status == status, found[name]
        assert words in found[name].observed, found[name]
    assert any(broken.hint in row.hint for row in report.rows)
    for secret in (KEY, broken.key):
        assert secret not in dumps(report.told())
    assert all(row.hint for row in report.rows if row.status == "failed")


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_server(name: str) -> None:
    """What is broken is named in its row, with a hint; the other rows still say what they can."""
    broken = BROKEN[name]
    report = examine(broken.key, broken.base_url, transport=broken.make(), **broken.given)
    _assert_found(report, broken)


@contextmanager
def _dead_tls() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    context = untrusted()

    def serve() -> None:
        while True:
            try:
                found, _ = listener.accept()
            except OSError:
                return
            with found:
                try:
                    context.wrap_socket(found, server_side=True).close()
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_certificate_that_nobody_trusts() -> None:
    """The tenth broken server: nothing is sent, and the certificate is named."""
    with _dead_tls() as url:
        report = examine(KEY, url)
    rows = {"base URL": ("failed", "certificate"), "chat": ("skipped", "nothing answers")}
    _assert_found(report, Broken(lambda: None, rows, "certificate is not trusted"))


def test_the_key_is_shown_nowhere_although_the_server_echoes_it() -> None:
    """A server that repeats the key in its errors does not bring it into the report."""
    told = json.dumps({"error": {"code": "unauthorized", "message": f"bad key {KEY}"}}).encode()
    report = examine(KEY, "https://example.com", transport=Scripted(Told(401, {}, (told,))))
    assert KEY not in dumps(report.told())
    assert "bad key" in dumps(report.told())


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
