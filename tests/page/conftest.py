"""What the page's tests share: one browser for each module, and the page of a fresh emulator in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from page.browser import Shown, chromium, opened
from playwright.sync_api import Browser

from resayil.emulator import Emulator
from resayil.emulator.server import Server

BODY: dict[str, Any] = {"model": "mistral", "stream": True}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Shown]]:
    """Serves an emulator and opens its page."""
    with ExitStack() as running:

        def build(emulator: Emulator, **context: Any) -> Shown:
            server = running.enter_context(emulator.serve())
            return running.enter_context(opened(browser, server, **context))

        yield build


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
