"""``resayil models``: the model list as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from resayil.cli.exits import FAILED
from resayil.cli.language import say
from resayil.cli.output import failing, tell
from resayil.client import Client
from resayil.jsontext import dumps
from resayil.models import SNAPSHOT, ModelInfo, nearest, sees
from resayil.redaction import printable

MODELS: Mapping[str, str] = {
    category: next(info.id for info in SNAPSHOT.values() if info.category == category)
    for category in ("chat", "vision")
}
"""The first model of a category in the documents: what a command asks unless told."""


def complete_model(incomplete: str) -> list[str]:
    """The ids that begin so, of those that the documents name; the shell asks while one types."""
    return [name for name in SNAPSHOT if name.startswith(incomplete)]


def models(
    name: Annotated[
        str | None, typer.Argument(help="Only ids that contain this.", autocompletion=complete_model)
    ] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    vision: Annotated[bool, typer.Option("--vision", help="Only models that take pictures.")] = False,
    min_context: Annotated[int, typer.Option(help="Only windows of so many tokens or more.", min=0)] = 0,
    inactive: Annotated[bool, typer.Option("--all", help="Those that are not served now, too.")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="What the documents name, without asking the service.")
    ] = False,
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """List the models; one request.

    Exit codes: 0 listed; 1 no model is like that, and the nearest names are told.
    """
    with failing("The models were not listed"):
        if snapshot:
            listed = [*SNAPSHOT.values()]
        else:
            with Client(base_url=base_url) as client:
                listed = client.models(include_inactive=inactive)
    known = {info.id: info for info in listed}
    seeing = [replace(info, sees=sees(info.id, known)) for info in listed]
    found = [
        info
        for info in seeing
        if (name or "").lower() in info.id.lower()
        and category in {None, info.category}
        and (info.sees or not vision)
        and (info.context_window or 0) >= min_context
    ]
    if as_json:
        print(dumps([_told(info) for info in found]))
    elif found:
        _show(found, snapshot=snapshot)
    if not found:
        near = ", ".join(nearest(name, known)) if name else ""
        tell(say("No model is like that."))
        if near:
            tell(say("Nearest names: {names}", names=printable(near)))
        raise typer.Exit(FAILED)


def _told(info: ModelInfo) -> dict[str, object]:
    multiplier = info.credit_multiplier
    return {**asdict(info), "credit_multiplier": None if multiplier is None else str(multiplier)}


def _show(found: list[ModelInfo], *, snapshot: bool) -> None:
    table = Table(say("model"), say("category"), say("window"), say("credits per token"), say("sees"))
    for info in found:
        window = "–" if info.context_window is None else f"{info.context_window:,}"
        price = "–" if info.credit_multiplier is None else f"× {info.credit_multiplier:f}"
        sight = {True: "✓", False: "", None: "?"}[info.sees]
        name = printable(info.id).replace("[", "\\[")
        style = "dim" if info.is_active is False else ""
        table.add_row(name, printable(info.category or "–"), window, price, sight, style=style)
    if snapshot:
        table.caption = say("what the published documents name, not the live list")
    Console(highlight=False).print(table)
