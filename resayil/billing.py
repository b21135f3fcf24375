"""What the billing pages of the service say: read only, never a purchase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from resayil.errors import MalformedResponseError
from resayil.models import decimal

PLANS_PAGE = "/billing/plans"
"""Where a person buys credits, below the site's origin."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The subscription of a key.

    Attributes:
        credits: Credits left, possibly fractional; ``None`` where the service does not say.
        tier: The plan's name.
        status: The subscription's state.
        expires_at: When it ends, as the service writes it.
        extra: Fields that the pack does not know.
    """

    credits: Decimal | None
    tier: str | None = None
    status: str | None = None
    expires_at: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Topup:
    """A pack of credits that is for sale, or was bought.

    Attributes:
        credits: Credits in the pack.
        price: Its price.
        currency: The currency of the price; ``None`` means that the unit is unknown.
        extra: Fields that the pack does not know.
    """

    credits: Decimal | None
    price: Decimal | None = None
    currency: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


_BALANCE = frozenset({"credits", "tier", "status", "expires_at"})
_TOPUP = frozenset({"credits", "price", "amount", "currency"})
_LISTS = ("data", "packs", "topups", "history", "items")


def read_balance(body: object) -> Balance:
    """The balance in a reply, plain or wrapped in ``data``.

    Raises:
        MalformedResponseError: there is none in it.
    """
    inner = body.get("data") if isinstance(body, Mapping) and isinstance(body.get("data"), Mapping) else body
    if not isinstance(inner, Mapping) or not inner.keys() & _BALANCE:
        raise MalformedResponseError("The reply to the balance request holds no subscription.")
    extra = {key: value for key, value in inner.items() if key not in _BALANCE}
    expires = inner.get("expires_at")
    return Balance(decimal(inner.get("credits")), inner.get("tier"), inner.get("status"), expires, extra)


def read_topups(body: object) -> list[Topup]:
    """The packs in a reply.

    Raises:
        MalformedResponseError: there is no list in it.
    """
    found = body
    while isinstance(found, Mapping):
        found = next((found[name] for name in _LISTS if name in found), None)
    if not isinstance(found, list):
        raise MalformedResponseError("The reply to the top-ups request holds no list.")
    return [
        Topup(
            decimal(item.get("credits")),
            decimal(item.get("price", item.get("amount"))),
            item.get("currency"),
            {key: value for key, value in item.items() if key not in _TOPUP},
        )
        for item in found
        if isinstance(item, Mapping)
    ]
