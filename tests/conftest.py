"""What every test begins with: empty windows of the rate limit, which a process otherwise shares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resayil.limiters import forget_limits


@pytest.fixture(autouse=True)
def _empty_windows() -> Iterator[None]:
    forget_limits()
    yield
    forget_limits()
