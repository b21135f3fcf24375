"""One n8n for all tests here, started by the first that needs it; an emulator and a key for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from n8n.bench import Bench, set_up
from n8n.install import folder, unwanted
from n8n.rest import Rest
from n8n.server import N8n, running


@pytest.fixture(scope="session")
def installed() -> None:
    """Skip what needs n8n where it is not there."""
    if unwanted():
        pytest.skip("N8N=0: nothing is shown in the real n8n")
    if not folder().exists():
        pytest.skip("n8n is not installed (`make n8n` does it): nothing is shown in the real n8n")


@pytest.fixture(scope="session")
def n8n(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[N8n]:  # noqa: ARG001 - skips
    """The real n8n, empty."""
    with running(tmp_path_factory.mktemp("n8n")) as server:
        yield server


@pytest.fixture(scope="session")
def rest(n8n: N8n) -> Iterator[Rest]:
    """Its REST interface, signed in as its owner."""
    with closing(Rest(n8n.url)) as client:
        client.set_up_owner()
        yield client


@pytest.fixture
def bench(n8n: N8n, rest: Rest) -> Iterator[Bench]:
    """The templates before an emulator of this test's own."""
    with set_up(n8n, rest) as made:
        yield made
