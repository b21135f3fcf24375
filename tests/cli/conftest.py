"""What the command's tests share: a service on a socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from resayil.emulator import Emulator
from resayil.emulator.server import Server

KEY = "sk-terminal-canary-5511dd22"


@pytest.fixture
def server() -> Iterator[Server]:
    """An emulator on a socket, with a key of its own."""
    emulator = Emulator()
    emulator.add_key(KEY, plan="enterprise", credits=100_000, requests_per_minute=100_000)
    with emulator.serve() as running:
        yield running


@pytest.fixture
def service(server: Server) -> Mapping[str, str]:
    """What names it to the command."""
    return {"LLM_RESAYIL_API_KEY": KEY, "RESAYIL_BASE_URL": server.base_url}
