"""How a command ends: the one table of exit codes."""

from __future__ import annotations

from typing import NamedTuple

from resayil.errors import (
    APIConnectionError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    InsufficientCreditsError,
    InternalServerError,
    LocalRateLimitError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestError,
    RequestTooLargeError,
    ResayilError,
    ResponseError,
)

DONE = 0
FAILED = 1
CALLED_WRONGLY = 2
INTERRUPTED = 130


class Exit(NamedTuple):
    """A code, its meaning, and the errors that end a command so."""

    code: int
    meaning: str
    errors: tuple[type[ResayilError], ...] = ()


EXITS = (
    Exit(DONE, "done"),
    Exit(CALLED_WRONGLY, "the command was called wrongly, or a package of its is not installed"),
    Exit(3, "the key, the address, a file or a setting is unusable", (ConfigurationError,)),
    Exit(4, "the credits or the budget are spent", (InsufficientCreditsError, BudgetExceededError)),
    Exit(5, "the key was refused", (AuthenticationError, PermissionDeniedError)),
    Exit(6, "too many requests", (RateLimitError, LocalRateLimitError)),
    Exit(7, "there is no such model or address", (NotFoundError,)),
    Exit(8, "this request cannot be answered", (RequestError, BadRequestError, RequestTooLargeError)),
    Exit(9, "the service was not reached, or went silent", (APIConnectionError,)),
    Exit(10, "the service failed, or is overloaded", (InternalServerError,)),
    Exit(11, "what came back is not an answer", (ResponseError,)),
    Exit(FAILED, "some of it failed, or something is broken", (ResayilError,)),
    Exit(INTERRUPTED, "Ctrl-C ended it"),
)
"""An error ends a command by the first row that names its class or one above it."""


def exit_of(error: ResayilError) -> Exit:
    """The row of an error."""
    return next(row for row in EXITS if isinstance(error, row.errors))
