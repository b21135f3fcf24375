"""The clients that adapters share: one for each configuration, so many and no more."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import BASE_URL, KEY

from resayil import AsyncClient, Client
from resayil.sharing import MAX_CLIENTS, release, shared


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resayil.sharing._CLIENTS", {})


def _given(**settings: Any) -> dict[str, Any]:
    return {"api_key": KEY, "base_url": BASE_URL, **settings}


def test_one_configuration_is_one_client() -> None:
    """However it is spelled; another kind, transport or setting is another."""
    client = shared(Client, None, _given())
    assert shared(Client, None, _given(base_url=f"{BASE_URL}/", deadline=None)) is client
    assert shared(Client, None, _given(max_retries=1)) is not client
    assert isinstance(shared(AsyncClient, None, _given()), AsyncClient)
    priced = _given(credit_policy={"multipliers": {"m": 2}})
    assert shared(Client, None, priced) is shared(Client, None, priced)


def test_the_first_gives_way_to_the_last() -> None:
    """Whoever still holds it goes on; who asks for it again gets a new one."""
    first = shared(Client, None, _given())
    for number in range(1, MAX_CLIENTS):
        shared(Client, None, _given(deadline=number))
    assert shared(Client, None, _given()) is first
    shared(Client, None, _given(deadline=0.5))
    assert shared(Client, None, _given()) is not first


def test_a_client_that_is_released_is_the_askers() -> None:
    """Who releases it may close it: nobody gets it any more."""
    client = shared(Client, None, _given())
    assert release(Client, None, _given(deadline=None)) is client
    assert release(Client, None, _given()) is None
    assert shared(Client, None, _given()) is not client
