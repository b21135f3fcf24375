"""JSON schemas of functions and models: references resolved where they can be."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import BaseModel, Field, create_model
from pydantic.errors import PydanticUserError

from resayil.errors import RequestError

_POINTER = re.compile(r"^#/(\$defs|definitions)/([^/]+)$")
_ARGUMENT = re.compile(r"^\s*\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.+)$")


def resolve(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every ``$ref`` written out; a definition that holds itself stays in ``$defs``."""
    found = [schema[name] for name in ("definitions", "$defs") if isinstance(schema.get(name), Mapping)]
    definitions = {name: definition for table in found for name, definition in table.items()}
    if not definitions:
        return dict(schema)
    recursive = {name for name in definitions if name in _reached(definitions, definitions[name])}
    body = {key: value for key, value in schema.items() if key not in {"$defs", "definitions"}}
    resolved = _inline(body, definitions, recursive)
    kept = {name for name in recursive if name in _reached(definitions, resolved)}
    if kept:
        resolved["$defs"] = {
            name: _inline(definitions[name], definitions, recursive) for name in sorted(kept)
        }
    return dict(resolved)


def _name(reference: object) -> str | None:
    match = _POINTER.match(reference) if isinstance(reference, str) else None
    return match.group(2).replace("~1", "/").replace("~0", "~") if match else None


def _reached(definitions: Mapping[str, Any], node: object) -> set[str]:
    """The definitions that a node refers to, directly or through others."""
    reached: set[str] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Mapping):
            name = _name(current.get("$ref"))
            if name is not None and name in definitions and name not in reached:
                reached.add(name)
                waiting.append(definitions[name])
            waiting.extend(current.values())
        elif isinstance(current, list):
            waiting.extend(current)
    return reached


def _inline(node: Any, definitions: Mapping[str, Any], recursive: set[str]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions, recursive) for item in node]
    if not isinstance(node, Mapping):
        return node
    name = _name(node.get("$ref"))
    if name is None or name not in definitions:
        return {key: _inline(value, definitions, recursive) for key, value in node.items()}
    siblings = {key: _inline(value, definitions, recursive) for key, value in node.items() if key != "$ref"}
    if name in recursive:
        return {"$ref": f"#/$defs/{name}", **siblings}
    return {**_inline(definitions[name], definitions, recursive), **siblings}


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The resolved schema of a pydantic model, without its title."""
    schema = resolve(model.model_json_schema(by_alias=True))
    schema.pop("title", None)
    return schema


def function_model(function: Callable[..., Any]) -> type[BaseModel]:
    """A pydantic model of a function's parameters, described by its docstring's ``Args`` section.

    Raises:
        RequestError: a parameter without a type, ``*args``, or a type that has no JSON schema.
    """
    name = getattr(function, "__name__", "tool")
    described = argument_docs(inspect.getdoc(function) or "")
    try:
        typed = function if inspect.isroutine(function) else type(function).__call__
        hints = get_type_hints(typed, include_extras=True)
    except (NameError, TypeError) as error:
        raise RequestError(f"The types of {name}() cannot be read: {error}.") from error
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY}:
            raise RequestError(f"{name}() takes {parameter}; a tool's parameters are named one by one.")
        if parameter.name not in hints:
            raise RequestError(
                f"{name}() has no type for {parameter.name!r}; a tool's schema comes from its types."
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        info = Field(default, description=described.get(parameter.name))
        fields[parameter.name] = (hints[parameter.name], info)
    try:
        model = create_model(name, **fields)
        model.model_json_schema()
    except PydanticUserError as error:
        raise RequestError(f"The parameters of {name}() have no JSON schema: {error}.") from error
    return model


def summary(docstring: str) -> str:
    """A docstring up to its ``Args`` section."""
    return re.split(r"\n\s*(?:Args|Arguments|Parameters|Returns|Raises|Yields)\s*:\s*\n", docstring)[
        0
    ].strip()


def argument_docs(docstring: str) -> dict[str, str]:
    """The ``Args`` section of a docstring, by parameter."""
    found: dict[str, str] = {}
    section = re.search(r"(?:^|\n)(?:Args|Arguments):[ \t]*\n(.*?)(?:\n\S|\Z)", docstring, re.DOTALL)
    indent, current = None, None
    for line in section.group(1).splitlines() if section else ():
        match = _ARGUMENT.match(line)
        depth = len(line) - len(line.lstrip())
        if match and (indent is None or depth <= indent):
            indent, current = depth, match.group(1)
            found[current] = match.group(2).strip()
        elif current and line.strip():
            found[current] += " " + line.strip()
    return found
