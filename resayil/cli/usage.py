"""``resayil usage``: what the ledger holds, as a table and as bars."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from resayil.cli.language import say
from resayil.cli.output import FAILED, failing, tell
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


_HEADINGS: Mapping[By, Callable[[], str]] = {
    By.day: lambda: say("day"),
    By.hour: lambda: say("hour"),
    By.model: lambda: say("model"),
    By.tag: lambda: say("tag"),
}


def usage(
    ledger: Annotated[Path | None, typer.Option(envvar="RESAYIL_LEDGER", help="The ledger's file.")] = None,
    by: Annotated[By, typer.Option(help="Count together by day (UTC), hour, model or tag.")] = By.day,
    days: Annotated[float, typer.Option(help="Days to look back.", min=0)] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Show calls, tokens and estimated credits from the ledger; no request is sent.

    Exit codes: 0 shown; 1 there is no ledger; 3 it cannot be read.
    """
    if ledger is None or not ledger.exists():
        tell(say("There is no ledger: set RESAYIL_LEDGER=FILE (or ledger= of a client) and make a call."))
        raise typer.Exit(FAILED)
    with failing("The ledger was not read"):
        found = Ledger(ledger).usage(by.value, time.time() - days * DAY)
    if as_json:
        print(dumps([{**asdict(used), "credits": str(used.credits)} for used in found]))
    else:
        _show(found, by)


def _show(found: list[Usage], by: By) -> None:
    """The table; credits are estimates until two balances around the calls have told what they cost."""
    estimated = any(used.estimated for used in found)
    headings = (say("calls"), say("prompt"), say("output"), say("credits"))
    table = Table(_HEADINGS[by](), *headings, "")
    most = float(max((used.credits for used in found), default=0)) or 1.0
    for used in found:
        credits_ = f"{'~' if used.estimated else ''}{used.credits:f}"
        figures = str(used.calls), str(used.prompt_tokens), str(used.output_tokens), credits_
        table.add_row(printable(used.name) or "–", *figures, Bar(most, 0, float(used.credits), width=30))
    total = sum((used.credits for used in found), Decimal(0))
    source = say("~ estimated by tokens") if estimated else say("reconciled with the balances")
    calls = sum(used.calls for used in found)
    table.caption = say(
        "{calls} calls, {credits} credits, {source}", calls=calls, credits=f"{total:f}", source=source
    )
    Console(highlight=False).print(table)
