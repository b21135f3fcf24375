"""JSON schemas as they come in with tools and formats: sound enough to be filled."""

from __future__ import annotations

from resayil.emulator.refusals import invalid
from resayil.emulator.values import Json, JsonObject

KEYWORDS: dict[str, tuple[type, ...]] = {
    "properties": (dict,),
    "$defs": (dict,),
    "definitions": (dict,),
    "required": (list,),
    "enum": (list,),
    "anyOf": (list,),
    "oneOf": (list,),
    "allOf": (list,),
    "minItems": (int,),
    "maxItems": (int,),
    "minLength": (int,),
    "maxLength": (int,),
    "minimum": (int, float),
    "maximum": (int, float),
    "multipleOf": (int, float),
    "pattern": (str,),
    "format": (str,),
    "$ref": (str,),
}
NAMED = ("properties", "$defs", "definitions")
LISTED = ("anyOf", "oneOf", "allOf")
DEEPEST = 64


def sound(value: Json, where: str) -> JsonObject:
    """An optional schema; none means an object without parameters.

    Raises:
        RefusalError: A keyword does not hold what it must, or the schema is nested too deeply.
    """
    if value is None:
        return {"type": "object", "properties": {}}
    if not isinstance(value, dict):
        raise invalid(where, "must be a JSON schema object")
    _check(value, where, 0)
    return value


def _check(schema: Json, where: str, depth: int) -> None:
    if not isinstance(schema, dict):
        return
    if depth > DEEPEST:
        raise invalid(where, "is nested too deeply")
    for name, kinds in KEYWORDS.items():
        if schema.get(name) is not None and not isinstance(schema[name], kinds):
            raise invalid(
                f"{where}.{name}", f"must be of type {' or '.join(kind.__name__ for kind in kinds)}"
            )
    for part in _parts(schema):
        _check(part, where, depth + 1)


def _parts(schema: JsonObject) -> list[Json]:
    named = [part for name in NAMED for part in (schema.get(name) or {}).values()]
    listed = [part for name in LISTED for part in schema.get(name) or ()]
    return [*named, *listed, schema.get("items")]
