"""``resayil balance``: the credits left, and how well the estimates hold."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from resayil.billing import PLANS_PAGE, Balance
from resayil.cli.output import failing
from resayil.client import Client
from resayil.jsontext import dumps
from resayil.ledger import Ledger, Reconciliation


def balance(
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    ledger: Annotated[
        str | None, typer.Option(envvar="RESAYIL_LEDGER", help="Ledger to reconcile with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show the credits left on the key; one request, nothing is bought.

    Exit codes: 0 shown; 1 the service was not reached or refused.
    """
    with failing("The balance was not read"), Client(base_url=base_url) as client:
        found, reconciled = client.balance(), None
        if ledger and found.credits is not None:
            book = Ledger(ledger)
            book.note_balance(time.time(), found.credits)
            reconciled = book.reconciliation()
        if as_json:
            print(dumps(_told(found, reconciled)))
        else:
            _show(found, reconciled, f"{client.settings.origin}{PLANS_PAGE}")


def _told(found: Balance, reconciled: Reconciliation | None) -> dict[str, Any]:
    told = {name: value if name == "extra" else _text(value) for name, value in asdict(found).items()}
    if reconciled is not None:
        told["reconciliation"] = {
            **{name: _text(value) for name, value in asdict(reconciled).items()},
            "ratio": _text(reconciled.ratio),
        }
    return told


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _show(found: Balance, reconciled: Reconciliation | None, plans: str) -> None:
    console = Console(highlight=False)
    left = "not told" if found.credits is None else f"{found.credits:f}"
    console.print(f"Credits  {left}", markup=False)
    for name, value in (("Plan", found.tier), ("Status", found.status), ("Until", found.expires_at)):
        if value:
            console.print(f"{name:8} {value}", markup=False)
    if reconciled is not None:
        ratio = "nothing to compare" if reconciled.ratio is None else f"{reconciled.ratio:.3f} per estimated"
        console.print(
            f"Since the first balance: {reconciled.charged:f} charged, {reconciled.estimated:f} estimated "
            f"by the ledger: {ratio}",
            markup=False,
        )
    if found.credits is not None and found.credits <= 0:
        console.print(f"Credits are bought at {plans}", markup=False)
