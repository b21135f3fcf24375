"""Places in a value that n8n fills in, and values written as JavaScript.

A body is encoded by the core with a slot's placeholder where user text, a model or a number will stand;
`javascript` writes it as an expression with the slot's own expression in that place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resayil.jsontext import dumps

_OPEN, _CLOSE = "⟦", "⟧"
_SLOT = re.compile(f"{_OPEN}(.*?){_CLOSE}", re.DOTALL)
_INDENT = "  "
_NUMBERS = 9_000_000_000


@dataclass(frozen=True, slots=True)
class Script:
    """JavaScript that stands where a value would."""

    text: str


def slot(expression: str) -> str:
    """A placeholder for text: the expression's value takes its place."""
    return f"{_OPEN}{expression}{_CLOSE}"


class Numbers:
    """Placeholders for numbers, which a codec wants to be numbers."""

    def __init__(self) -> None:
        self._expressions: dict[int, str] = {}

    def slot(self, expression: str) -> int:
        """A placeholder for a number."""
        number = _NUMBERS + len(self._expressions)
        self._expressions[number] = expression
        return number

    def expression(self, value: object) -> str | None:
        """The expression behind a number, if it is a placeholder."""
        return self._expressions.get(value) if type(value) is int else None


def javascript(value: object, numbers: Numbers | None = None, *, depth: int = 0) -> str:
    """A value as JavaScript, slots replaced, one field per line.

    No two braces ever meet: n8n would take them for the end of its expression.
    """
    if isinstance(value, Script):
        return value.text
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return _lines("[]", [javascript(item, numbers, depth=depth + 1) for item in value], depth)
    if isinstance(value, dict):
        fields = [
            f"{dumps(str(name))}: {javascript(item, numbers, depth=depth + 1)}"
            for name, item in value.items()
        ]
        return _lines("{}", fields, depth)
    found = numbers.expression(value) if numbers else None
    return dumps(value) if found is None else found


def _lines(brackets: str, items: list[str], depth: int) -> str:
    if not items:
        return brackets
    inner, outer = "\n" + _INDENT * (depth + 1), "\n" + _INDENT * depth
    return f"{brackets[0]}{inner}{f',{inner}'.join(items)}{outer}{brackets[1]}"


def _text(value: str) -> str:
    """A string, or a sum of strings and expressions where it holds slots."""
    pieces = _SLOT.split(value)
    if len(pieces) == 3 and not pieces[0] and not pieces[2]:  # noqa: PLR2004 - before, expression, after
        return pieces[1]
    terms = [
        f"({piece})" if n % 2 else dumps(piece).replace("{{", r"{\u007b").replace("}}", r"}\u007d")
        for n, piece in enumerate(pieces)
        if piece or len(pieces) == 1
    ]
    return " + ".join(terms)


def expression(value: object, numbers: Numbers | None = None) -> str:
    """A value as an n8n expression."""
    written = javascript(value, numbers)
    body = f"({written})" if written.startswith("{") else written
    return f"={{{{ {body} }}}}"
