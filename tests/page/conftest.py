"""What the page's tests share: one browser for each module, and the page of a fresh emulator in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from page.browser import MISSING, PROGRAM, chromium
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from resayil.emulator import Emulator
from resayil.emulator.server import Server

BODY: dict[str, Any] = {"model": "mistral", "stream": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    if PROGRAM is None:
        pytest.skip(MISSING)
    with chromium() as started:
        yield started


@dataclass
class Shown:
    """The page as it is open, and everything that it did in the browser."""

    page: Page
    server: Server
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note every request, dialog, error and word on the console."""

        def alerted(dialog: Dialog) -> None:
            self.complaints.append(f"dialog: {dialog.message}")
            dialog.dismiss()

        self.page.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("dialog", alerted)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", lambda said: self.complaints.append(f"console: {said.text}"))

    def visit(self, language: str = "en") -> None:
        """Open the page in a language."""
        self.page.goto(f"{self.server.origin}/?lang={language}")
        self.page.locator("#faults button").first.wait_for()

    def fault(self, kind: str, *, on: bool) -> Locator:
        """The button of a fault, once it is on or off."""
        button = self.page.locator(f'#faults button[data-kind="{kind}"][aria-pressed="{str(on).lower()}"]')
        button.wait_for()
        return button

    @property
    def rows(self) -> Locator:
        """The lines of the table of requests, newest first."""
        return self.page.locator("#rows tr")

    def row(self, number: int) -> Locator:
        """The line of one request, once it is over."""
        line = self.page.locator(f'#rows tr[data-number="{number}"]:not(.running)')
        line.wait_for()
        return line

    def cells(self, number: int) -> dict[str, str]:
        """A request's line by the columns' titles."""
        titles = self.page.locator("#columns th").all_inner_texts()
        return dict(zip(titles, self.row(number).locator("th, td").all_inner_texts(), strict=True))

    def open(self, number: int) -> None:
        """Choose a finished request, and wait for its whole timeline."""
        self.row(number).locator("button").click()
        expect(self.page.locator("#timeline-note")).not_to_be_empty()

    def events(self) -> list[str]:
        """The timeline's events as they were sent."""
        return self.page.locator("#events td.raw").all_text_contents()


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Shown]]:
    """Serves an emulator and opens its page; afterwards nothing has left its origin or failed."""
    with ExitStack() as running:
        opened: list[Shown] = []

        def build(emulator: Emulator, **context: Any) -> Shown:
            server = running.enter_context(emulator.serve())
            page = running.enter_context(browser.new_context(**context)).new_page()
            opened.append(Shown(page, server))
            opened[-1].listen()
            opened[-1].visit()
            return opened[-1]

        yield build
        assert opened
        for shown in opened:
            assert shown.asked
            assert [url for url in shown.asked if not url.startswith(f"{shown.server.origin}/")] == []
            assert shown.complaints == []


@pytest.fixture
def shown(show: Callable[..., Shown], resayil_emulator: Emulator) -> Shown:
    """The page of the fresh emulator, in English."""
    return show(resayil_emulator)


class Asker:
    """A plain HTTP client of one server."""

    def __init__(self, server: Server) -> None:
        headers = {"authorization": f"Bearer {server.key}"}
        self.http = httpx.Client(base_url=server.base_url, headers=headers, timeout=30)

    def stream(self, text: str = "مرحبا", path: str = "/chat/completions", **fields: Any) -> bytes:
        """The bytes of a streamed reply, as many as came."""
        body = {**BODY, "messages": [{"role": "user", "content": text}], **fields}
        got = b""
        with self.http.stream("POST", path, json=body) as response:
            try:
                for part in response.iter_raw():
                    got += part
            except httpx.TransportError:
                return got
        return got

    def status(self, text: str = "hello", **fields: Any) -> int:
        """The status of a whole reply."""
        body = {**BODY, "stream": False, "messages": [{"role": "user", "content": text}], **fields}
        return self.http.post("/chat/completions", json=body).status_code


@pytest.fixture
def ask(shown: Shown) -> Iterator[Asker]:
    """A client of the emulator that is shown."""
    asker = Asker(shown.server)
    yield asker
    asker.http.close()
