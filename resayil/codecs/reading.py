"""Reading fields of replies: what describes an answer may be odd and says nothing, its content may not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from resayil.errors import MalformedResponseError

_NOTHING: Mapping[str, Any] = {}


def text_of(value: object, what: str) -> str:
    """Text of the answer; empty where there is none.

    Raises:
        MalformedResponseError: it is something else than text.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise MalformedResponseError(f"The answer's {what} is a JSON {type(value).__name__}, not text.")


def table(value: object, what: str) -> Mapping[str, Any]:
    """An object of the answer; empty where there is none.

    Raises:
        MalformedResponseError: it is something else than an object.
    """
    if isinstance(value, Mapping):
        return value
    if value is None:
        return _NOTHING
    raise MalformedResponseError(f"The answer's {what} is a JSON {type(value).__name__}, not an object.")


def word(value: object) -> str:
    """An id, a name or a reason; empty where it is none."""
    return value if isinstance(value, str) else ""


def details(value: object) -> Mapping[str, Any]:
    """An object that describes the answer; empty where it is none."""
    return value if isinstance(value, dict) else _NOTHING


def count(value: object, default: int = 0) -> int:
    """A number of tokens, a place or a time, which some servers write as text."""
    if type(value) is int and value >= 0:  # as nearly always
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _DIGITS:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return default
    return int(value) if value >= 0 else default


_DIGITS = 20
