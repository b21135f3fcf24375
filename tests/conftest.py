"""What every test begins with: a Control-C that is heard, and empty windows of the rate limit."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from resayil.limiters import forget_limits


def pytest_configure() -> None:
    """Let programs that the tests start be interrupted: a shell's background job ignores Control-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _empty_windows() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()
