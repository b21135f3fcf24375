"""Debian's Chromium, driven as a person's browser; nothing is downloaded, and it asks no network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Dialog, Locator, Page, expect, sync_playwright

from resayil.emulator.server import Server

PROGRAM = shutil.which("chromium")
MISSING = "chromium is missing (`make system-deps`): the emulator's page is not shown in a browser"
PATIENCE = 30_000
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser with a profile of its own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=PROGRAM, headless=True, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


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


@contextmanager
def opened(browser: Browser, server: Server, **context: Any) -> Iterator[Shown]:
    """A server's page; in the end nothing has left its origin, and nothing has failed."""
    with browser.new_context(**context) as made:
        shown = Shown(made.new_page(), server)
        shown.listen()
        shown.visit()
        yield shown
    assert shown.asked
    assert [url for url in shown.asked if not url.startswith(f"{server.origin}/")] == []
    assert shown.complaints == []
