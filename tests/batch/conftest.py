"""What the batch tests share: a service on a socket, and the command."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping

import pytest
from batch.support import COMMAND, KEY

from resayil.emulator import Emulator
from resayil.emulator.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """An emulator on a socket, with a key of its own."""
    emulator = Emulator()
    emulator.add_key(KEY, plan="enterprise", credits=10_000_000, requests_per_minute=1_000_000)
    with emulator.serve() as running:
        yield running


@pytest.fixture
def environment(server: Server) -> Mapping[str, str]:
    """What names that emulator to the command."""
    return {**os.environ, "LLM_RESAYIL_API_KEY": KEY, "RESAYIL_BASE_URL": server.base_url}


@pytest.fixture
def batch(environment: Mapping[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``resayil batch`` to its end."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert "Traceback" not in ran.stderr, ran.stderr
        assert KEY not in ran.stdout + ran.stderr
        return ran

    return run
