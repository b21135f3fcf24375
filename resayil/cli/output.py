"""What the commands share: where words and errors go, and how an error ends a command."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal

import typer
from rich.console import Console

from resayil.cli.exits import CALLED_WRONGLY, FAILED, exit_of
from resayil.cli.language import CHOSEN, Language, say
from resayil.errors import ConfigurationError, RequestError, ResayilError

__all__ = ["CALLED_WRONGLY", "FAILED", "amount", "errors", "failing", "tell"]

errors = Console(stderr=True)


def tell(text: str) -> None:
    """Show a text on the error stream as it is; in a terminal its lines break between words."""
    errors.print(text, markup=False, highlight=False, soft_wrap=not errors.is_terminal)


def amount(value: Decimal) -> str:
    """Credits as a person reads them: no more than three places, no empty ones."""
    return f"{value.quantize(Decimal('0.001')).normalize():f}"


@contextmanager
def failing(what: str) -> Generator[None]:
    """Within it, an error of the pack ends the command with its reason and what to do next.

    Args:
        what: What was not done, in English.
    """
    try:
        yield
    except ResayilError as error:
        ended = exit_of(error)
        # The error's own words are English; its class says the same in every language.
        meaning = "" if CHOSEN.get() is Language.en else f"{say(ended.meaning)}.\n"
        tell(f"{say(what)}: {meaning}{error}")
        if not isinstance(error, ConfigurationError | RequestError):  # those say what to do
            tell(say("Next: resayil doctor looks at key, address and server."))
        raise typer.Exit(ended.code) from None
