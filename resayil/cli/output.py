"""What the commands share: where words and errors go, and how an error ends a command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console

from resayil.errors import ResayilError

FAILED = 1
"""Exit code of a command that could not do its work, or that found something broken."""

errors = Console(stderr=True)


@contextmanager
def failing(what: str) -> Generator[None]:
    """Within it, an error of the pack ends the command with its reason and what to do next."""
    try:
        yield
    except ResayilError as error:
        errors.print(f"{what}: {error}", markup=False, highlight=False)
        errors.print("Next: resayil doctor looks at key, address and server.", markup=False)
        raise typer.Exit(FAILED) from None
