"""The core's shared clients, imported with the first call: their transport takes half of an import's time."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import resayil

if TYPE_CHECKING:
    from resayil import AsyncClient, Client


def client(transport: Any, given: Mapping[str, Any]) -> Client:
    """The client of a configuration, for threads; see `resayil.sharing.shared`."""
    found: Client = _sharing().shared(resayil.Client, transport, given)
    return found


def async_client(transport: Any, given: Mapping[str, Any]) -> AsyncClient:
    """The same for event loops."""
    found: AsyncClient = _sharing().shared(resayil.AsyncClient, transport, given)
    return found


def released(transport: Any, given: Mapping[str, Any]) -> Client | None:
    """The client of a configuration, if there is one, no longer shared."""
    found: Client | None = _sharing().release(resayil.Client, transport, given)
    return found


def async_released(transport: Any, given: Mapping[str, Any]) -> AsyncClient | None:
    """The same for event loops."""
    found: AsyncClient | None = _sharing().release(resayil.AsyncClient, transport, given)
    return found


def _sharing() -> Any:
    return import_module("resayil.sharing")
