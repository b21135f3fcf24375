"""Clients, one for each distinct configuration, shared by everything in an adapter that has it.

So two hundred models or deployments of one configuration use one pool of connections.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from resayil.async_client import AsyncClient
from resayil.client import Client
from resayil.config import Settings

MAX_CLIENTS = 64
"""Configurations whose clients are kept; the one that came first goes first."""

C = TypeVar("C", Client, AsyncClient)

# A plain dict: its single operations are whole in threads, and a forked child inherits no held lock.
_CLIENTS: dict[Hashable, Any] = {}


def shared(kind: type[C], transport: Any, given: Mapping[str, Any]) -> C:
    """The client of a configuration, made at its first use.

    Args:
        kind: ``Client`` or ``AsyncClient``.
        transport: An httpx transport to use instead of the network.
        given: Settings; what is ``None`` comes from the environment or the defaults.

    Raises:
        ConfigurationError: key, base URL or a setting is unusable.
    """
    given = {name: value for name, value in given.items() if value is not None}
    key = _key(kind, transport, given)
    found: C | None = _CLIENTS.get(key)
    if found is not None:
        return found
    client: C = _CLIENTS.setdefault(key, kind(transport=transport, **given))
    for old in list(_CLIENTS)[:-MAX_CLIENTS]:
        _CLIENTS.pop(old, None)
    return client


def release(kind: type[C], transport: Any, given: Mapping[str, Any]) -> C | None:
    """The client of a configuration, if there is one, no longer shared: to be closed by whoever asked."""
    given = {name: value for name, value in given.items() if value is not None}
    client: C | None = _CLIENTS.pop(_key(kind, transport, given), None)
    return client


def _key(kind: type, transport: Any, given: Mapping[str, Any]) -> Hashable:
    values = vars(Settings.load(**given)).values()
    hashable = (tuple(value.items()) if isinstance(value, Mapping) else value for value in values)
    return (kind, transport, *hashable)
