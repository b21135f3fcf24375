"""An emulator and a key for each test, before the one n8n that all tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from n8n.bench import Bench, set_up
from n8n.rest import Rest
from n8n.server import N8n


@pytest.fixture
def bench(n8n: N8n, rest: Rest) -> Iterator[Bench]:
    """The templates before an emulator of this test's own."""
    with set_up(n8n, rest) as made:
        yield made
