"""Other clients as surfaces, so that a report can show both sides."""

from __future__ import annotations

from faults.surfaces import Surface


def peers() -> tuple[Surface, ...]:
    """Every peer that is installed."""
    return ()
