"""Answers that must satisfy a JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from resayil.errors import ConfigurationError, MalformedResponseError
from resayil.jsontext import loads
from resayil.messages import ChatResponse


def read_schema(path: Path) -> Mapping[str, Any]:
    """The JSON schema in a file.

    Raises:
        ConfigurationError: there is none.
    """
    try:
        schema = loads(path.read_bytes())
    except (OSError, MalformedResponseError) as error:
        raise ConfigurationError(f"The schema {str(path)!r} cannot be read: {error}.") from error
    if not isinstance(schema, Mapping):
        raise ConfigurationError(f"The schema in {str(path)!r} is an object, not {type(schema).__name__}.")
    return schema


def fits(schema: Mapping[str, Any]) -> Callable[[ChatResponse], MalformedResponseError | None]:
    """Says why an answer does not satisfy a schema; needs the package jsonschema, and fetches nothing.

    Raises:
        ConfigurationError: the schema is none, or refers to what is not in it.
    """
    from jsonschema.exceptions import SchemaError, best_match  # type: ignore[import-untyped] # noqa: PLC0415 - an extra's, without types
    from jsonschema.validators import validator_for  # type: ignore[import-untyped] # noqa: PLC0415 - the same
    from referencing import Registry  # noqa: PLC0415 - the same
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - the same
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415 - the same

    whole = dict(schema)
    kind = validator_for(whole)
    inside = Registry().with_resource("", DRAFT202012.create_resource(whole)).resolver()
    try:
        kind.check_schema(whole)
        for reference in _references(whole):
            inside.lookup(reference)
    except SchemaError as error:
        raise ConfigurationError(f"This is no JSON schema: {error.message}.") from None
    except Unresolvable as error:
        raise ConfigurationError(f"The schema refers to {error.ref!r:.80}, which is not in it.") from None
    validator = kind(whole, registry=Registry())

    def check(answer: ChatResponse) -> MalformedResponseError | None:
        try:
            wrong = best_match(validator.iter_errors(loads(answer.text)))
            reason = wrong and f"{wrong.json_path}: {wrong.message}"
        except MalformedResponseError:
            reason = "it is not JSON."
        if not reason:
            return None
        failure = MalformedResponseError(f"The answer does not satisfy the schema: {reason}")
        failure.partial_text, failure.usage = answer.text, answer.usage
        return failure

    return check


def _references(node: object) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
