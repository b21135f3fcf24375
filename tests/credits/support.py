"""What the tests of credits share."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from resayil import Client
from resayil.emulator import Emulator


def client_of(emulator: Emulator, **settings: Any) -> Client:
    """A client of the emulator that tries once."""
    return Client(
        emulator.key, emulator.base_url, transport=emulator.transport(), **{"max_retries": 0, **settings}
    )


def charged(emulator: Emulator) -> Decimal:
    """What the emulator's own books say was charged."""
    return sum((Decimal(record.credits or 0) for record in emulator.requests), Decimal(0))
