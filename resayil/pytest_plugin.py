"""Fixtures for testing against the emulator: in process, and on a loopback socket.

Only pytest is imported at the top, since this module is loaded by every test run of every project that has
the package installed.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from resayil.emulator import Emulator
    from resayil.emulator.server import Server


@pytest.fixture
def resayil_emulator() -> Emulator:
    """A fresh emulator in process: script it, and give its transport to the client under test."""
    from resayil.emulator import Emulator  # noqa: PLC0415 - only test runs that use the fixture pay for it

    return Emulator()


@pytest.fixture
def resayil_server(resayil_emulator: Emulator) -> Generator[Server]:
    """The same emulator on a loopback socket: `.base_url`, `.key`, `.emulator`."""
    with resayil_emulator.serve() as server:
        yield server
