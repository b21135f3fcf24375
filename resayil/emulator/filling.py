"""Values that satisfy a JSON schema, taken from the conversation where it offers them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TypeGuard

from resayil.emulator.evidence import Evidence, is_identifier, latin_digits
from resayil.emulator.values import Json, JsonObject
from resayil.emulator.words import CAMEL, WORD, Number, concepts, shared

NUMERIC = frozenset({"integer", "number"})
FORMATS: dict[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00",
    "email": "user@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
YES = frozenset({"yes", "true", "نعم", "صحيح"})
NO = frozenset({"no", "false", "without", "not", "لا", "بدون", "خطأ"})
DEEPEST = 12
LONGEST_LIST = 8


def fill(schema: JsonObject, evidence: Evidence) -> Json:
    """A value for the whole schema."""
    return _Filling(schema, evidence).value(schema, "", 0)


def words_of(name: str) -> set[str]:
    """What a parameter is about, by its name, whose short words count too."""
    plain = CAMEL.sub(" ", name).replace("_", " ")
    return {word.lower() for word in WORD.findall(plain)} | concepts(plain)


def kind_of(schema: JsonObject) -> str:
    """The type of a schema's value, null aside; unnamed, it follows from what the schema says."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((item for item in kind if item != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def properties_of(schema: JsonObject) -> dict[str, JsonObject]:
    """An object schema's parameters, what is no schema left out."""
    properties = schema.get("properties")
    rows = properties.items() if _is_object(properties) else ()
    return {name: part for name, part in rows if _is_object(part)}


def required_of(schema: JsonObject) -> list[str]:
    """The names of the parameters that must be given."""
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return [name for name in names if name in properties_of(schema)]


def _is_object(value: Json) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


class _Filling:
    """One walk over a schema."""

    def __init__(self, root: JsonObject, evidence: Evidence) -> None:
        self._root = root
        self._evidence = evidence

    def resolved(self, given: Json) -> JsonObject:
        """The schema with its reference followed and its alternatives decided."""
        schema: JsonObject = given if _is_object(given) else {}
        for _ in range(DEEPEST):
            if "$ref" in schema:
                schema = {
                    **self._target(str(schema["$ref"])),
                    **{k: v for k, v in schema.items() if k != "$ref"},
                }
            elif "allOf" in schema:
                merged: JsonObject = {key: item for key, item in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged = _merged(merged, self.resolved(part))
                schema = merged
            elif "anyOf" in schema or "oneOf" in schema:
                chosen = self._alternative(schema.get("anyOf") or schema.get("oneOf") or [])
                rest = {key: item for key, item in schema.items() if key not in ("anyOf", "oneOf")}
                schema = {**rest, **chosen}
            else:
                break
        return schema

    def value(self, schema: Json, name: str, depth: int, number: Number | None = None) -> Json:
        """A value for one place of the schema."""
        schema = self.resolved(schema)
        if "const" in schema or schema.get("enum"):
            return schema["const"] if "const" in schema else self._member(schema)
        match kind := kind_of(schema):
            case "object":
                value: Json = self._object(schema, depth)
            case "array":
                value = self._array(schema, name, depth)
            case "integer" | "number":
                value = self._number(schema, kind, number)
            case "boolean":
                value = self._boolean(schema)
            case "null":
                value = None
            case _:
                value = self._string(schema, name, number)
        return value

    def _target(self, ref: str) -> JsonObject:
        node: Json = self._root
        for step in ref.removeprefix("#").strip("/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            node = node.get(key, {}) if _is_object(node) and key else node
        return node if _is_object(node) else {}

    def _alternative(self, options: list[Json]) -> JsonObject:
        resolved = [self.resolved(option) for option in options]
        return next(
            (option for option in resolved if option.get("type") != "null"), resolved[0] if resolved else {}
        )

    def _object(self, schema: JsonObject, depth: int) -> JsonObject:
        properties = {name: self.resolved(part) for name, part in properties_of(schema).items()}
        required = required_of(schema)
        given = self._evidence.assign({name: words_of(name) for name in _counted(properties)})
        filled: JsonObject = {}
        for name, part in properties.items():
            if name in required:
                filled[name] = self.value(part, name, depth + 1, given.get(name)) if depth < DEEPEST else None
            elif depth < DEEPEST and self._offered(part, name, given.get(name)):
                filled[name] = self.value(part, name, depth + 1, given.get(name))
        return filled

    def _offered(self, part: JsonObject, name: str, number: Number | None) -> bool:
        if "const" in part or part.get("enum"):
            return "const" in part or self._mentioned(part) is not None
        if number is not None:
            words = words_of(name)
            return any(
                candidate == number and self._evidence.closeness(rank, number, words)
                for rank, candidate in self._evidence.pool()
            )
        return kind_of(part) == "string" and bool(self._evidence.written(words_of(name)))

    def _mentioned(self, schema: JsonObject) -> Json:
        for text in self._evidence.texts:
            said = concepts(text) | {word.lower() for word in WORD.findall(text)}
            for member in schema["enum"]:
                if shared(concepts(str(member)) | {str(member).lower()}, said):
                    return member
        return None

    def _member(self, schema: JsonObject) -> Json:
        mentioned = self._mentioned(schema)
        return schema.get("default", schema["enum"][0]) if mentioned is None else mentioned

    def _array(self, schema: JsonObject, name: str, depth: int) -> list[Json]:
        items = self.resolved(schema.get("items") or {"type": "string"})
        least = max(int(schema.get("minItems", 1)), 1)
        most = max(least, min(int(schema.get("maxItems", LONGEST_LIST)), LONGEST_LIST))
        if depth >= DEEPEST:
            return []
        if kind_of(items) in NUMERIC:
            found = [number for rank, number in self._evidence.pool() if rank == 0][:most]
            values = [self._number(items, kind_of(items), number) for number in found]
        else:
            values = [self.value(items, name, depth + 1)]
        return values + [self.value(items, name, depth + 1) for _ in range(least - len(values))]

    def _number(self, schema: JsonObject, kind: str, number: Number | None) -> int | float:
        low, high = _bounds(schema)
        value = number.value if number else Decimal(str(schema.get("default") or 1))
        if kind == "integer":
            value = Decimal(int(value))
        if step := schema.get("multipleOf"):
            value = (value // Decimal(str(step))) * Decimal(str(step))
        value = max(value, low) if low is not None else value
        value = min(value, high) if high is not None else value
        return int(value) if kind == "integer" or value == value.to_integral_value() else float(value)

    def _boolean(self, schema: JsonObject) -> bool:
        said = {word.lower() for word in WORD.findall(self._evidence.newest())}
        if said & NO:
            return False
        return True if said & YES else bool(schema.get("default", True))

    def _string(self, schema: JsonObject, name: str, number: Number | None) -> str:
        words = words_of(name)
        fixed = FORMATS.get(str(schema.get("format")), "")
        found = self._evidence.written(words)
        if not found and number is not None and is_identifier(words):
            found = latin_digits(number.written)
        candidates = [found, fixed, self._evidence.quoted(), self._evidence.newest(), name or "text"]
        if fixed and not found:
            candidates = [fixed]
        text = next(
            candidate for candidate in candidates if candidate and _fits(candidate, schema, last=candidates)
        )
        return _sized(text, schema)


def _fits(text: str, schema: JsonObject, last: list[str]) -> bool:
    """Whether the pattern allows it; the last candidate is taken as it is."""
    pattern = schema.get("pattern")
    return text is last[-1] or not isinstance(pattern, str) or re.search(pattern, text) is not None


def _sized(text: str, schema: JsonObject) -> str:
    longest = schema.get("maxLength")
    text = text[:longest] if isinstance(longest, int) else text
    return text.ljust(int(schema.get("minLength") or 0), ".")


def _counted(properties: dict[str, JsonObject]) -> list[str]:
    """The properties that want a number: numeric ones, and text that is an identifier."""
    return [
        name
        for name, part in properties.items()
        if not part.get("enum")
        and "const" not in part
        and (kind_of(part) in NUMERIC or (kind_of(part) == "string" and is_identifier(words_of(name))))
    ]


def _merged(one: JsonObject, other: JsonObject) -> JsonObject:
    properties = {**properties_of(one), **properties_of(other)}
    required = [*required_of(one), *required_of(other)]
    joined = {**other, **one}
    return {**joined, "properties": properties, "required": required} if properties else joined


def _bounds(schema: JsonObject) -> tuple[Decimal | None, Decimal | None]:
    step = Decimal(1) if kind_of(schema) == "integer" else Decimal("0.001")
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    least = (
        Decimal(str(low)) if low is not None else Decimal(str(above)) + step if above is not None else None
    )
    most = (
        Decimal(str(high)) if high is not None else Decimal(str(below)) - step if below is not None else None
    )
    return least, most
