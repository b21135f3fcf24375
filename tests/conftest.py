"""What every test begins with, and the one n8n of those that need it, started by the first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from resayil.limiters import forget_limits

if TYPE_CHECKING:
    from n8n.rest import Rest
    from n8n.server import N8n


def pytest_configure() -> None:
    """Let programs that the tests start be interrupted: a shell's background job ignores Control-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _empty_windows() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()


@pytest.fixture(scope="session")
def installed() -> None:
    """Skip what needs n8n where it is not there."""
    from n8n.install import folder, unwanted  # noqa: PLC0415 - its Node is not in every environment

    if unwanted():
        pytest.skip("N8N=0: nothing is shown in the real n8n")
    if not folder().exists():
        pytest.skip("n8n is not installed (`make n8n` does it): nothing is shown in the real n8n")


@pytest.fixture(scope="session")
def n8n(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[N8n]:  # noqa: ARG001 - skips
    """The real n8n, empty."""
    from n8n.server import running  # noqa: PLC0415 - its Node is not in every environment

    with running(tmp_path_factory.mktemp("n8n")) as server:
        yield server


@pytest.fixture(scope="session")
def rest(n8n: N8n) -> Iterator[Rest]:
    """Its REST interface, signed in as its owner."""
    from n8n.rest import Rest  # noqa: PLC0415 - nothing else here needs its client

    with closing(Rest(n8n.url)) as client:
        client.set_up_owner()
        yield client
