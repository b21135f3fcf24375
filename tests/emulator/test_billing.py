from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

ORIGIN = "http://emulator.test"


def test_subscription_tells_plan_and_balance(client: Client) -> None:
    """The four documented fields are there, and the balance falls by what a chat costs."""
    key = client.emulator.add_key(plan="pro", credits=1000)
    client.http.headers["authorization"] = f"Bearer {key}"
    before = client.http.get(f"{ORIGIN}/api/billing/subscription").json()
    assert before.keys() == {"tier", "status", "expires_at", "credits"}
    assert (before["tier"], before["status"], before["credits"]) == ("pro", "active", 1000)
    used = client.chat(model="mistral").json()["usage"]["total_tokens"]
    assert client.http.get(f"{ORIGIN}/api/billing/subscription").json()["credits"] == 1000 - used


def test_balance_may_be_fractional(client: Client) -> None:
    """Credits need not be whole."""
    client.http.headers["authorization"] = f"Bearer {client.emulator.add_key(credits=12.5)}"
    assert client.http.get(f"{ORIGIN}/api/billing/subscription").json()["credits"] == 12.5


def test_packs_are_told_in_both_places(client: Client) -> None:
    """The documents' three packs stand under billing and under pricing."""
    packs = client.http.get(f"{ORIGIN}/api/billing/topup-packs").json()["data"]
    assert [(pack["credits"], pack["price"]) for pack in packs] == [(5000, 2), (15000, 5), (50000, 15)]
    assert client.http.get("/pricing/topups").json()["data"] == packs


def test_history_has_pages(client: Client) -> None:
    """Pages do not overlap, the one after the last is empty, and a wrong number shows the first."""

    def page(number: Any) -> list[int]:
        body = client.http.get(f"{ORIGIN}/api/billing/topup-history", params={"page": number}).json()
        return [row["id"] for row in body["data"]]

    assert len(page(1)) == 5
    assert page(2)
    assert not set(page(1)) & set(page(2))
    assert page(3) == []
    assert page("x") == page("9" * 5000) == page(1)


@pytest.mark.parametrize("path", ["/api/billing/subscription", "/v1/pricing/topups"])
def test_billing_wants_a_key_and_cannot_buy(client: Client, path: str) -> None:
    """Without a key it is 401; nothing there takes a POST."""
    assert client.http.post(ORIGIN + path, json={}).status_code == 405
    assert client.http.get(ORIGIN + path, headers={"authorization": ""}).status_code == 401


def test_wrapping_holds_every_answer(connect: Callable[..., Client]) -> None:
    """The wrapped form has status and data, the rows directly under data."""
    client = connect("wrapped-billing")
    packs = client.http.get(f"{ORIGIN}/api/billing/topup-packs").json()
    assert packs["status"] == "success"
    assert len(packs["data"]) == 3
