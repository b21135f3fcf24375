"""``resayil doctor``: what the documents say, what the server does, what the client makes of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from resayil.capabilities import write_capabilities
from resayil.cli.language import say
from resayil.cli.output import FAILED, errors, failing, tell
from resayil.doctor import MAX_REQUESTS, MAX_TOKENS, Report, examine
from resayil.jsontext import dumps
from resayil.redaction import printable
from resayil.version import VERSION

_MARKS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "failed": "[red]failed[/]", "skipped": "–"}


def doctor(
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    model: Annotated[str | None, typer.Option(help="Model to ask; the list's first by default.")] = None,
    vision_model: Annotated[
        str | None, typer.Option(help="Model to show a picture; the first that sees by default.")
    ] = None,
    max_requests: Annotated[int, typer.Option(help="Requests that may be sent.", min=0)] = MAX_REQUESTS,
    max_tokens: Annotated[int, typer.Option(help="Tokens that may be spent, about.", min=0)] = MAX_TOKENS,
    capabilities: Annotated[
        Path | None,
        typer.Option(envvar="RESAYIL_CAPABILITIES", help="File to write what was found into, for clients."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="File for a support ticket; without the key.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON; ask nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Spend more where it is needed, unasked.")] = False,
) -> None:
    """Look at key, address and server, within a stated number of requests and tokens.

    Exit codes: 0 nothing stands in the way; 1 something does, each with a hint; 2 called wrongly.
    """
    asks = not as_json and sys.stdin.isatty()
    tell(
        say(
            "Sends at most {requests} requests and spends about {tokens} tokens at most.",
            requests=max_requests,
            tokens=max_tokens,
        )
    )
    with failing("The doctor could not finish"):
        found = examine(
            base_url=base_url,
            model=model,
            vision_model=vision_model,
            max_requests=max_requests,
            max_tokens=max_tokens,
            allow=lambda more: yes or (asks and typer.confirm(say("Spend more? {more}", more=more))),
            tell=lambda name: None if as_json else errors.print(f"… {name}", style="dim"),
            on_wait=lambda waiting: tell(
                say("  waiting {seconds} s for the key's limit", seconds=f"{waiting.seconds:.0f}")
            ),
        )
        told = {"version": VERSION, **found.told()}
        if capabilities is not None and found.capabilities:
            write_capabilities(capabilities, found.base_url, found.capabilities)
            tell(say("Written: {path} (RESAYIL_CAPABILITIES={path})", path=capabilities))
    if report is not None:
        try:
            report.write_text(dumps(told) + "\n", "utf-8")
        except OSError as error:
            tell(say("The report was not written: {reason}. Name another file.", reason=error))
            raise typer.Exit(FAILED) from None
    if as_json:
        print(dumps(told))
    else:
        _show(found)
    raise typer.Exit(0 if found.healthy else FAILED)


def _show(found: Report) -> None:
    headings = (say("what"), say("documented"), say("observed"), say("what the client does"))
    table = Table("", *headings, title=found.base_url)
    for row in found.rows:
        observed = printable(row.observed) + (f"\n→ {printable(row.hint)}" if row.hint else "")
        table.add_row(_MARKS[row.status], row.name, row.documented, _plain(observed), row.does)
    table.caption = say(
        "{requests} requests, {tokens} tokens, model {model}",
        requests=found.requests,
        tokens=found.tokens,
        model=found.model or "–",
    )
    Console(highlight=False).print(table)


def _plain(text: str) -> str:
    """Text that rich takes as it is."""
    return text.replace("[", "\\[")
