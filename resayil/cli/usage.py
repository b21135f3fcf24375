"""``resayil usage``: what the ledger holds, as a table and as bars."""

from __future__ import annotations

import time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from resayil.cli.output import FAILED, errors, failing
from resayil.jsontext import dumps
from resayil.ledger import Ledger, Usage
from resayil.redaction import printable

DAY = 86_400.0


class By(StrEnum):
    """What calls are counted together by."""

    day = "day"
    hour = "hour"
    model = "model"
    tag = "tag"


def usage(
    ledger: Annotated[Path | None, typer.Option(envvar="RESAYIL_LEDGER", help="The ledger's file.")] = None,
    by: Annotated[By, typer.Option(help="Count together by day (UTC), hour, model or tag.")] = By.day,
    days: Annotated[float, typer.Option(help="Days to look back.", min=0)] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show calls, tokens and estimated credits from the ledger; no request is sent.

    Exit codes: 0 shown; 1 there is no ledger, or it cannot be read.
    """
    if ledger is None or not ledger.exists():
        errors.print(
            "There is no ledger: set RESAYIL_LEDGER=FILE (or ledger= of a client) and make a call.",
            markup=False,
        )
        raise typer.Exit(FAILED)
    with failing("The ledger was not read"):
        book = Ledger(ledger)
        found, reconciled = book.usage(by.value, time.time() - days * DAY), book.reconciliation()
    ratio = reconciled.ratio if reconciled else None
    if as_json:
        print(dumps([_told(used, ratio) for used in found]))
    else:
        _show(found, by, ratio)


def _told(used: Usage, ratio: Decimal | None) -> dict[str, object]:
    """A row; its credits are an estimate until two balances have told what one really costs."""
    return {
        "name": used.name,
        "calls": used.calls,
        "prompt_tokens": used.prompt_tokens,
        "output_tokens": used.output_tokens,
        "credits": str(used.credits * (1 if ratio is None else ratio)),
        "estimated": ratio is None,
    }


def _show(found: list[Usage], by: By, ratio: Decimal | None) -> None:
    heading = "credits (estimated)" if ratio is None else "credits (reconciled)"
    scale = Decimal(1) if ratio is None else ratio
    table = Table(by.value, "calls", "prompt", "output", heading, "")
    most = float(max((used.credits for used in found), default=0)) or 1.0
    for used in found:
        figures = (
            str(used.calls),
            str(used.prompt_tokens),
            str(used.output_tokens),
            f"{used.credits * scale:f}",
        )
        table.add_row(printable(used.name) or "–", *figures, Bar(most, 0, float(used.credits), width=30))
    total = sum((used.credits * scale for used in found), Decimal(0))
    source = "by estimate" if ratio is None else f"by estimate times {ratio:.3f}, as the balances tell"
    table.caption = f"{sum(used.calls for used in found)} calls, {total:f} credits {source}"
    Console(highlight=False).print(table)
