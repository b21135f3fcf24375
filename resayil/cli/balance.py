"""``resayil balance``: the credits left, and how well the estimates hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from resayil.billing import PLANS_PAGE, Balance
from resayil.cli.language import say
from resayil.cli.output import failing
from resayil.client import Client
from resayil.credits import CreditPolicy
from resayil.jsontext import dumps
from resayil.ledger import Ledger, Reconciliation
from resayil.redaction import printable


def balance(
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    ledger: Annotated[
        str | None, typer.Option(envvar="RESAYIL_LEDGER", help="Ledger to reconcile with.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show the credits left on the key; one request, nothing is bought.

    Exit codes: 0 shown; else that of the error.
    """
    with failing("The balance was not read"), Client(base_url=base_url, ledger=ledger) as client:
        found, plans = client.balance(), f"{client.settings.origin}{PLANS_PAGE}"
        reconciliation, policy = Ledger(ledger).reconciliation() if ledger else None, client.credit_policy
    if as_json:
        print(dumps(_told(found, reconciliation, policy)))
    else:
        _show(found, reconciliation, policy, plans)


def _told(found: Balance, reconciliation: Reconciliation | None, policy: CreditPolicy) -> dict[str, Any]:
    told = {name: value if name == "extra" else _text(value) for name, value in asdict(found).items()}
    if reconciliation is not None:
        told["reconciliation"] = {
            **{name: _text(value) for name, value in asdict(reconciliation).items()},
            "ratio": _text(reconciliation.ratio),
            "policy": {
                "basis": policy.basis,
                "per": policy.per,
                "multipliers": {model: str(value) for model, value in policy.multipliers.items()},
            }
            if policy.reconciled
            else None,
        }
    return told


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _show(found: Balance, reconciliation: Reconciliation | None, policy: CreditPolicy, plans: str) -> None:
    console = Console(highlight=False)
    left = say("not told") if found.credits is None else f"{found.credits:f}"
    lines = {
        say("Credits"): left,
        say("Plan"): found.tier,
        say("Status"): found.status,
        say("Until"): found.expires_at,
    }
    for name, value in lines.items():
        if value:
            console.print(f"{name:8} {printable(value)}", markup=False)
    if reconciliation is not None:
        ratio = reconciliation.ratio
        told = say("nothing to compare")
        if ratio is not None:
            told = say("{ratio} per estimated", ratio=f"{ratio:.3f}")
        text = say(
            "Since the first balance: {charged} charged, {estimated} estimated by the ledger: {told}",
            charged=f"{reconciliation.charged:f}",
            estimated=f"{reconciliation.estimated:f}",
            told=told,
        )
        console.print(text, markup=False)
    if policy.reconciled:
        basis = say("the answer's tokens") if policy.basis == "output" else say("all tokens")
        text = say(
            "The balances tell: {basis}, divided by {per}, times the model's multiplier",
            basis=basis,
            per=policy.per,
        )
        console.print(text, markup=False)
    if found.credits is not None and found.credits <= 0:
        console.print(say("Credits are bought at {page}", page=plans), markup=False)
