"""The arguments of a tool call, held against the tool's JSON schema.

A numeral in Arabic-Indic, Persian or Latin digits becomes a number where the schema wants one and takes no
such text: ``"١٢٫٥"`` is 12.5 for a ``number`` and stays what it is for a ``string``. Nothing else is altered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

MAX_PROBLEMS = 8
"""Problems that are told at once."""

_DEEPEST = 32
_SHOWN = 60
_POINTER = re.compile(r"#/(?:\$defs|definitions)/([^/]+)\Z")
_DIGIT = "[0-9\u0660-\u0669\u06f0-\u06f9]"
_NUMERAL = re.compile(
    rf"(?P<sign>[-+\u2212]?)(?P<whole>{_DIGIT}{{1,3}}(?:\u066c{_DIGIT}{{3}}){{1,12}}|{_DIGIT}{{1,40}})"
    rf"(?:[.\u066b](?P<rest>{_DIGIT}{{1,40}}))?\Z"
)
_UNSEEN = " \t\r\n\u061c\u200e\u200f"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: _is_number(value) and value == int(value),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, Mapping),
    "array": lambda value: isinstance(value, list),
    "null": lambda value: value is None,
}
_BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool], str]] = {
    "minimum": ("number", lambda value, bound: value >= bound, "must be at least {}"),
    "maximum": ("number", lambda value, bound: value <= bound, "must be at most {}"),
    "exclusiveMinimum": ("number", lambda value, bound: value > bound, "must be greater than {}"),
    "exclusiveMaximum": ("number", lambda value, bound: value < bound, "must be less than {}"),
    "minLength": ("string", lambda value, bound: len(value) >= bound, "must have at least {} characters"),
    "maxLength": ("string", lambda value, bound: len(value) <= bound, "must have at most {} characters"),
    "pattern": ("string", lambda value, bound: _matches(bound, value), "must match {}"),
    "minItems": ("array", lambda value, bound: len(value) >= bound, "must have at least {} items"),
    "maxItems": ("array", lambda value, bound: len(value) <= bound, "must have at most {} items"),
}


def numeral(text: str) -> int | float | None:
    """The number that a text is, in any of the three scripts of digits; ``None`` for every other text."""
    plain = plain_numeral(text)
    if plain is None:
        return None
    return float(plain) if "." in plain else int(plain)


def plain_numeral(text: str) -> str | None:
    """A numeral in Latin digits, every decimal kept; ``None`` for every other text.

    The Arabic separators are read (``١٬٢٠٠٫٥``), and a point; a comma is not, since it parts thousands for
    some readers and decimals for others.
    """
    match = _NUMERAL.match(text.strip(_UNSEEN))
    if match is None:
        return None
    sign = "-" if match["sign"] in {"-", "\u2212"} else ""
    whole, rest = match["whole"].replace("\u066c", ""), match["rest"]
    written = f"{whole}.{rest}" if rest else whole
    return sign + "".join(char if char == "." else str(int(char)) for char in written)


def with_numbers(schema: Schema, value: Any, root: Schema | None = None, depth: int = 0) -> Any:
    """The value, with a number wherever its schema wants one and a numeral stands in its place."""
    root = schema if root is None else root
    if depth > _DEEPEST or not isinstance(value, str | dict | list):
        return value
    options = list(_options(schema, root))
    if isinstance(value, str):
        return _number(options, value, root)
    read = [_walked(option, value, root, depth) for option in options]
    fits = (new for option, new in zip(options, read, strict=True) if not problems(option, new, root))
    return read[0] if len(read) == 1 else next(fits, value)


def with_decimals(value: Any, errors: Sequence[Mapping[str, Any]]) -> Any:
    """The value, with numerals in Latin digits where pydantic says that it could not read a decimal.

    The schema of a ``Decimal`` allows any text, so only the tool's own model can tell.
    """
    for error in errors:
        if error.get("type") == "decimal_parsing":
            value = _replaced(value, tuple(error["loc"]))
    return value


def _replaced(value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return plain_numeral(value) or value if isinstance(value, str) else value
    step, *rest = path
    if isinstance(value, dict) and step in value:
        return {**value, step: _replaced(value[step], tuple(rest))}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return [_replaced(item, tuple(rest)) if n == step else item for n, item in enumerate(value)]
    return value


def problems(schema: Schema, value: Any, root: Schema | None = None, where: str = "") -> list[str]:
    """Why a value does not satisfy a schema; empty where it does.

    Keywords that are not known here, such as ``format``, are the tool's own business.
    """
    root = schema if root is None else root
    if where.count("/") > _DEEPEST:
        return []
    options = list(_options(schema, root))
    found = [list(_of_one(option, value, root, where)) for option in options]
    if not found or [] in found:
        return []
    if len(found) == 1:
        return found[0][:MAX_PROBLEMS]
    wanted = " or ".join(dict.fromkeys(str(option.get("type") or "another value") for option in options))
    return [_told(where, f"must be {wanted}", value)]


def _walked(schema: Schema, value: Any, root: Schema, depth: int) -> Any:
    if isinstance(value, dict):
        known = _mapping(schema.get("properties"))
        rest = _mapping(schema.get("additionalProperties"))
        return {
            name: with_numbers(known.get(name, rest), item, root, depth + 1) for name, item in value.items()
        }
    if isinstance(value, list):
        items = _mapping(schema.get("items"))
        return [with_numbers(items, item, root, depth + 1) for item in value]
    return value


def _number(options: list[Schema], text: str, root: Schema) -> Any:
    if any(not problems(option, text, root) for option in options):
        return text
    if not any(option.get("type") in {"number", "integer"} for option in options):
        return text
    number = numeral(text)
    return text if number is None else number


def _options(schema: Schema, root: Schema, depth: int = 0) -> Iterator[Schema]:
    """The alternatives of a schema, its references followed."""
    match = _POINTER.match(str(schema.get("$ref", "")))
    if match and depth < _DEEPEST:
        definitions = {**_mapping(root.get("definitions")), **_mapping(root.get("$defs"))}
        rest = {key: item for key, item in schema.items() if key != "$ref"}
        yield from _options({**_mapping(definitions.get(match[1])), **rest}, root, depth + 1)
        return
    for keyword in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list) and branches and (keyword != "allOf" or len(branches) == 1):
            rest = {key: item for key, item in schema.items() if key != keyword}
            for branch in branches if depth < _DEEPEST else ():
                yield from _options({**rest, **_mapping(branch)}, root, depth + 1)
            return
    kinds = schema.get("type")
    if isinstance(kinds, list):
        yield from ({**schema, "type": kind} for kind in kinds)
    else:
        yield schema


def _of_one(schema: Schema, value: Any, root: Schema, where: str) -> Iterator[str]:
    kind = str(schema.get("type"))
    if kind in _TYPES and not _TYPES[kind](value):
        yield _told(where, f"must be {kind}", value)
        return
    if "const" in schema and value != schema["const"]:
        yield _told(where, f"must be {schema['const']!r}", value)
    if isinstance(schema.get("enum"), list) and value not in schema["enum"]:
        yield _told(where, f"must be one of {', '.join(map(repr, schema['enum']))}", value)
    for keyword, (of, holds, words) in _BOUNDS.items():
        if schema.get(keyword) is not None and _TYPES[of](value) and not holds(value, schema[keyword]):
            yield _told(where, words.format(schema[keyword]), value)
    if isinstance(value, Mapping):
        yield from _of_object(schema, value, root, where)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from problems(_mapping(schema.get("items")), item, root, f"{where}/{n}")


def _of_object(schema: Schema, value: Mapping[str, Any], root: Schema, where: str) -> Iterator[str]:
    known = _mapping(schema.get("properties"))
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{_place(f'{where}/{name}')}: is missing"
    for name, item in value.items():
        if name not in known and schema.get("additionalProperties") is False:
            yield f"{_place(f'{where}/{name}')}: is no argument of this tool"
        elif isinstance(part := known.get(name, schema.get("additionalProperties")), Mapping):
            yield from problems(part, item, root, f"{where}/{name}")


def _told(where: str, what: str, value: Any) -> str:
    shown = repr(value)
    return f"{_place(where)}: {what}, not {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"


def _place(where: str) -> str:
    return where.lstrip("/").replace("/", ".") or "the arguments"


def _matches(pattern: Any, text: str) -> bool:
    """Whether a pattern is found; its digits are Latin, as in a JSON schema. A broken one forbids nothing."""
    try:
        return re.search(str(pattern), text, re.ASCII) is not None
    except re.error:
        return True


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}
