"""The billing endpoints: reading only, since buying is a matter of the web site.

Field names beyond the subscription's own four are a guess; the prices are those of the documents.
"""

from __future__ import annotations

import datetime as dt

from resayil.emulator import checks
from resayil.emulator.drafts import Draft
from resayil.emulator.exchanges import Exchange
from resayil.emulator.refusals import NOT_FOUND, RefusalError
from resayil.emulator.values import Json, JsonObject

PACKS: tuple[JsonObject, ...] = (
    {"id": 1, "credits": 5_000, "price": 2, "currency": "KWD"},
    {"id": 2, "credits": 15_000, "price": 5, "currency": "KWD"},
    {"id": 3, "credits": 50_000, "price": 15, "currency": "KWD"},
)
BOUGHT: tuple[JsonObject, ...] = tuple(
    {
        "id": 100 + number,
        "credits": 5_000,
        "price": 2,
        "currency": "KWD",
        "created_at": f"2026-0{number}-01T09:00:00Z",
    }
    for number in range(9, 0, -1)
)
PER_PAGE = 5
PERIOD = dt.timedelta(days=30)


def subscription(exchange: Exchange) -> Draft:
    """Plan, state, end and credits of the key's account."""
    ends = dt.datetime.fromtimestamp(exchange.now, dt.UTC) + PERIOD
    account = exchange.account
    whole = account.credits == account.credits.to_integral_value()
    balance = int(account.credits) if whole else float(account.credits)
    told = {
        "tier": account.plan,
        "status": "active",
        "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
        "credits": balance,
    }
    return _billed(exchange, told)


def packs(exchange: Exchange) -> Draft:
    """What can be bought on the web site."""
    if exchange.has("billing-404"):
        raise RefusalError(NOT_FOUND)
    return _billed(exchange, {"data": list(PACKS)})


def history(exchange: Exchange) -> Draft:
    """What was bought, a page at a time."""
    if exchange.has("billing-404"):
        raise RefusalError(NOT_FOUND)
    page = max(1, checks.whole(exchange.request.query.get("page", "")) or 1)
    rows = list(BOUGHT[(page - 1) * PER_PAGE : page * PER_PAGE])
    last = -(-len(BOUGHT) // PER_PAGE)
    return _billed(exchange, {"data": rows, "current_page": page, "last_page": last, "total": len(BOUGHT)})


def pricing(exchange: Exchange) -> Draft:
    """The same packs where one article names them."""
    return exchange.reply({"data": list(PACKS)})


def _billed(exchange: Exchange, body: JsonObject) -> Draft:
    if not exchange.has("wrapped-billing"):
        return exchange.reply(body)
    inner: Json = body.get("data", body) if set(body) == {"data"} else body
    return exchange.reply({"status": "success", "data": inner})
