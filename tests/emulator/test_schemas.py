"""JSON schemas, of tools and of answers: filled from the words, in every form, and refused where broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

SCHEMAS: dict[str, tuple[dict[str, Any], Any]] = {
    "enum by word": ({"enum": ["celsius", "fahrenheit"], "type": "string"}, "fahrenheit"),
    "const": ({"const": "v1"}, "v1"),
    "bounds": ({"type": "integer", "minimum": 100, "maximum": 200}, 100),
    "exclusive bounds": ({"type": "integer", "exclusiveMaximum": 10, "exclusiveMinimum": 0}, 9),
    "decimal": ({"type": "number"}, 42),
    "boolean": ({"type": "boolean"}, True),
    "null or number": ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 42),
    "type list": ({"type": ["null", "integer"]}, 42),
    "numbers": ({"type": "array", "items": {"type": "integer"}}, [42]),
    "steps": ({"type": "integer", "multipleOf": 5}, 40),
    "nothing": ({"type": "array", "items": {"type": "null"}}, [None]),
    "a reference to itself": ({"$ref": "#/$defs/Loop"}, "Show 42 in fahrenheit"),
    "least items": ({"type": "array", "items": {"const": 1}, "minItems": 3}, [1, 1, 1]),
    "reference": ({"$ref": "#/$defs/Kind"}, "fahrenheit"),
    "all of": ({"allOf": [{"$ref": "#/$defs/Kind"}]}, "fahrenheit"),
    "nested": (
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
        {"n": 42},
    ),
    "format": ({"type": "string", "format": "date"}, "2026-01-01"),
    "length": ({"type": "string", "maxLength": 4}, "Show"),
    "pattern": ({"type": "string", "pattern": "^[a-z]$"}, None),
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
DEFS = {"Kind": {"type": "string", "enum": ["celsius", "fahrenheit"]}, "Loop": {"$ref": "#/$defs/Loop"}}


@pytest.mark.parametrize("case", SCHEMAS)
def test_arguments_satisfy_their_schema(client: Client, case: str) -> None:
    """Each form of schema gets a value that it allows, taken from the words where they offer one."""
    part, expected = SCHEMAS[case]
    parameters = {"type": "object", "properties": {"x": part}, "required": ["x"], "$defs": DEFS}
    [(_, arguments)] = client.called(
        "Show 42 in fahrenheit", {"name": "show", "parameters": parameters}, tool_choice="required"
    )
    assert arguments.keys() == {"x"}
    assert expected is None or arguments["x"] == expected


LISTS_OF_LISTS = {"type": "array", "items": {"$ref": "#/properties/next"}}


@pytest.mark.parametrize("held", [{"$ref": "#"}, LISTS_OF_LISTS])
def test_recursive_schema_ends(client: Client, held: dict[str, Any]) -> None:
    """A schema that holds itself is filled to a bounded depth."""
    node = {"type": "object", "properties": {"next": held}, "required": ["next"]}
    [(name, _)] = client.called("go", {"name": "walk", "parameters": node}, tool_choice="walk")
    assert name == "walk"


def test_json_mode_uses_the_keys_that_the_prompt_names(client: Client) -> None:
    """json_object answers an object with the quoted keys, or of the printed example or schema."""
    wanted = {"type": "json_object"}
    quoted = client.said("Return JSON with 'setup' and 'punchline' keys.", response_format=wanted)
    assert json.loads(quoted["content"]).keys() == {"setup", "punchline"}
    example = client.said('Extract the age 42 as {"age": 0, "name": "x"}', response_format=wanted)
    assert json.loads(example["content"])["age"] == 42
    schema = json.dumps(CITY)
    printed = client.said(f"I live in Doha. The schema: {schema}", response_format=wanted)
    assert json.loads(printed["content"]) == {"city": "Doha"}
    assert json.loads(client.said("hi", response_format=wanted)["content"]).keys() == {"answer"}
    turns = [{"role": "system", "content": 'No {this} or {}, below 42: {"age": 0}'}]
    alone = client.said(messages=turns, response_format=wanted)
    assert json.loads(alone["content"]) == {"age": 1}, "an instruction's numbers are no facts"


def test_a_forced_tool_of_any_object_is_filled_as_the_prompt_describes(client: Client) -> None:
    """JSON that is asked for as a tool's arguments has the prompt's own keys; a tool not named takes none."""
    tool = {"name": "answer", "parameters": {"type": "object"}}
    words = 'Extract the age 42 as {"age": 0}'
    assert client.called(words, tool, tool_choice="answer") == [("answer", {"age": 42})]
    assert client.called(words, tool, tool_choice="required") == [("answer", {})]


def test_json_schema_is_filled_in_both_dialects(client: Client) -> None:
    """A JSON schema gets a fitting object from the user's words."""
    words, expected = "My name is Layla and my age is ٤٢", {"name": "Layla", "age": 42}
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    assert json.loads(client.said(words, response_format=form)["content"]) == expected
    config = {"format": {"type": "json_schema", "schema": PERSON}}
    assert json.loads(client.message(words, output_config=config).json()["content"][0]["text"]) == expected


BROKEN: dict[str, dict[str, Any]] = {
    "properties": {"type": "object", "properties": []},
    "required": {"type": "object", "required": True},
    "properties.x.enum": {"type": "object", "properties": {"x": {"enum": "no"}}},
    "anyOf": {"anyOf": {}},
    "minItems": {"type": "array", "minItems": "1"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_schemas_are_refused(client: Client, name: str) -> None:
    """A schema whose keyword holds the wrong thing is 422 for a tool, never a crash."""
    function = {"name": "x", "parameters": BROKEN[name]}
    response = client.chat("go", tools=[{"type": "function", "function": function}])
    assert response.status_code == 422
    assert name.rpartition(".")[2] in next(iter(response.json()["errors"]))


def test_schema_without_end_is_refused(client: Client) -> None:
    """A schema nested beyond reason is 422."""
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    function = {"name": "x", "parameters": deep}
    assert client.chat("go", tools=[{"type": "function", "function": function}]).status_code == 422
