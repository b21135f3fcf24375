"""Who may look at the page and use its switches, and what a browser is told to allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from resayil.emulator import Emulator
from resayil.emulator.server import Server, app

FAULT = "/_emulator/faults/503"
JSON = {"content-type": "application/json"}
READ = ("/", "/_emulator/page.js", "/_emulator/changes", "/_emulator/requests/1")


@pytest.fixture
def http(resayil_server: Server) -> Iterator[httpx.Client]:
    """A program on the same machine."""
    with httpx.Client(base_url=resayil_server.origin, timeout=10) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example"},
        {"host": ""},
    ],
    ids=str,
)
def test_other_sites_switch_and_read_nothing(
    http: httpx.Client, resayil_emulator: Emulator, headers: dict[str, str]
) -> None:
    """A page of another site, of another port or under a name that only points here is refused."""
    assert http.put(FAULT, json={}, headers=headers).status_code == 403
    assert http.delete(FAULT, headers={**JSON, **headers}).status_code == 403
    assert http.get("/_emulator/requests/1", headers=headers).status_code == 403
    assert resayil_emulator.faults == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_can_send_switches_nothing(
    http: httpx.Client, resayil_emulator: Emulator, content_type: str
) -> None:
    """Only JSON is taken, which no site can send without asking first; and nobody answers that question."""
    headers = {"content-type": content_type}
    assert http.put(FAULT, content=b"{}", headers=headers).status_code == 415
    assert http.post(FAULT, content=b"{}", headers=JSON).status_code == 405
    preflight = http.options(FAULT, headers={"access-control-request-method": "PUT"})
    assert not [name for name in preflight.headers if name.startswith("access-control")]
    assert resayil_emulator.faults == []


@pytest.mark.parametrize(
    "order",
    [
        b"",
        b"[]",
        b"nonsense",
        b"[" * 250,
        b'{"times": 0}',
        b'{"times": "2"}',
        b'{"seconds": -1}',
        b'{"seconds": NaN}',
        b'{"after_events": -1}',
        b" " * 300 + b"{}",
    ],
)
def test_a_wrong_order_is_told_and_changes_nothing(
    http: httpx.Client, resayil_emulator: Emulator, order: bytes
) -> None:
    """What is no order of the page is 400, and what waited still waits."""
    resayil_emulator.fault(503)
    assert http.put(FAULT, content=order, headers=JSON).status_code == 400
    assert http.put("/_emulator/faults/nothing", json={}).status_code == 400
    assert [fault.kind for fault in resayil_emulator.faults] == [503]


def test_the_own_page_may_switch(http: httpx.Client, resayil_server: Server) -> None:
    """With its own origin, or from a program without one, a fault is set, replaced and taken back."""
    own = {"origin": resayil_server.origin, "sec-fetch-site": "same-origin"}
    assert http.put(FAULT, json={"times": 2}, headers=own).json() == {"503": 2}
    assert http.put(FAULT, json={"times": 5}).json() == {"503": 5}
    assert http.delete(FAULT, headers=JSON).json() == {}
    assert resayil_server.emulator.requests == []


async def test_other_machines_are_refused() -> None:
    """The page answers loopback alone, the emulated service whoever it is served to."""
    emulator = Emulator()
    transport = httpx.ASGITransport(app(emulator), client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as far:
        for path in READ:
            assert (await far.get(path)).status_code == 403
        assert (await far.put(FAULT, json={})).status_code == 403
        models = await far.get("/v1/models", headers={"x-api-key": emulator.key})
    assert models.status_code == 200


def test_what_a_browser_is_told(http: httpx.Client) -> None:
    """Every answer of the page forbids foreign sources, framing, sniffing and keeping."""
    for path in ("/", "/_emulator/page.css", "/_emulator/page.js", "/_emulator/requests/9"):
        headers = http.get(path, headers={"accept": "text/html"}).headers
        policy = headers["content-security-policy"]
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"
        )
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_programs_get_the_banner(http: httpx.Client) -> None:
    """Who does not ask for HTML is told in a line whose reading this is."""
    assert "not the service" in http.get("/").text
    assert http.get("/").headers["content-type"].startswith("text/plain")
    assert http.get("/_emulator/page.py").status_code == 404


def test_no_key_is_in_what_the_page_is_told(http: httpx.Client, resayil_emulator: Emulator) -> None:
    """Neither known keys nor those of a request's headers, masked or not, reach the page."""
    body: dict[str, Any] = {"model": "mistral", "messages": [{"role": "user", "content": "hi"}]}
    keys = [resayil_emulator.add_key("sk-known-0123456789"), "sk-unknown-9876543210"]
    for key in keys:
        headers = {"authorization": f"Bearer {key}", "x-api-key": key, "cookie": key}
        http.post("/v1/chat/completions", json=body, headers=headers)
    told = [http.get(f"/_emulator/requests/{n}{tail}").text for n in (1, 2) for tail in ("", "/timeline")]
    with http.stream("GET", "/_emulator/changes") as changes:
        lines = changes.iter_lines()
        told += [next(line for line in lines if line.startswith("data:")) for _ in range(2)]
    assert json.loads(told[0])["payload"] == body
    assert len(json.loads(told[-1].removeprefix("data: "))["rows"]) == 2
    assert not [text for text in told for key in keys if key in text or key[-4:] in text]
