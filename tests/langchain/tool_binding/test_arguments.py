"""Arguments against schemas: numerals become numbers, texts stay texts, and problems are told by place."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.tools import StructuredTool
from pydantic import BaseModel, Field

from langchain_resayil.arguments import numeral, plain_numeral, problems, with_numbers
from langchain_resayil.execution import Workbench

ARABIC = str.maketrans("0123456789.,", "٠١٢٣٤٥٦٧٨٩٫٬")
PERSIAN = str.maketrans("0123456789.,", "۰۱۲۳۴۵۶۷۸۹٫٬")


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30), st.sampled_from(["", "ar", "fa"]))
def test_every_integer_is_read_in_three_scripts(value: int, script: str) -> None:
    """Grouped by Arabic thousands separators or not, the value is exact."""
    table = {"": {}, "ar": ARABIC, "fa": PERSIAN}[script]
    assert numeral(str(value).translate(table)) == value
    if script:
        assert numeral(f"{value:,}".translate(table)) == value


@settings(deadline=None)
@given(st.decimals(-(10**6), 10**6, places=3))
def test_every_amount_keeps_its_decimals(value: Decimal) -> None:
    """Three decimals, as dinars have, come through as written."""
    assert plain_numeral(str(value).translate(ARABIC)) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "١,٢٠٠",
        "١٢٫",
        "٫٥",
        "١٬٢٠",
        "1e3",
        "١٢ دينار",
        "12/5",
        "--1",
        "½",
        "²",
        "１２",
        "nan",
        "٫",
        "1" * 41,
    ],
)
def test_what_is_no_numeral_is_none(text: str) -> None:
    """Nothing is guessed: no comma, no unit, no other script."""
    assert numeral(text) is None


class Line(BaseModel):
    """A line of a bill."""

    price: float
    label: str


class Bill(BaseModel):
    """A bill."""

    total: float
    count: int
    code: str
    either: int | str = ""
    maybe: int | None = None
    kind: Literal["1", "2"] = "1"
    lines: list[Line] = Field(default_factory=list)
    rates: dict[str, float] = Field(default_factory=dict)


def test_numbers_where_the_schema_wants_numbers_and_nowhere_else() -> None:
    """At any depth; a text, a union that holds text, a key and an enumeration are left as they are."""
    given_arguments = {
        "total": "١٢٫٥",
        "count": "١٬٢٠٠",
        "code": "٧٧٨٨",
        "either": "٥",
        "maybe": "۳",
        "kind": "١",
        "lines": [{"price": "٠٫٢٥٠", "label": "١"}],
        "rates": {"٥": "٥"},
        "unknown": "٩",
    }
    assert with_numbers(Bill.model_json_schema(), given_arguments) == {
        **given_arguments,
        "total": 12.5,
        "count": 1200,
        "maybe": 3,
        "lines": [{"price": 0.25, "label": "١"}],
        "rates": {"٥": 5},
    }


def test_a_union_is_read_as_the_member_that_fits() -> None:
    """Of two kinds of objects, numerals are read as the one wants them that the whole satisfies."""
    one = {"properties": {"kind": {"const": "one"}, "n": {"type": "string"}}, "required": ["kind"]}
    two = {"properties": {"kind": {"const": "two"}, "n": {"type": "number"}}, "required": ["kind"]}
    schema = {"properties": {"item": {"oneOf": [one, two]}}}
    assert with_numbers(schema, {"item": {"kind": "one", "n": "٣"}})["item"]["n"] == "٣"
    assert with_numbers(schema, {"item": {"kind": "two", "n": "٣"}})["item"]["n"] == 3
    assert with_numbers(schema, {"item": {"kind": "three", "n": "٣"}})["item"]["n"] == "٣"


PROBLEMS: dict[str, tuple[dict[str, Any], Any, str]] = {
    "type": ({"properties": {"a": {"type": "integer"}}}, {"a": "x"}, "a: must be integer, not 'x'"),
    "fraction": ({"properties": {"a": {"type": "integer"}}}, {"a": 1.5}, "a: must be integer, not 1.5"),
    "no bool": ({"properties": {"a": {"type": "number"}}}, {"a": True}, "a: must be number, not True"),
    "missing": ({"required": ["a"]}, {}, "a: is missing"),
    "more": ({"additionalProperties": False}, {"b": 1}, "b: is no argument of this tool"),
    "enum": ({"properties": {"a": {"enum": ["x", "y"]}}}, {"a": "z"}, "a: must be one of 'x', 'y', not 'z'"),
    "const": ({"properties": {"a": {"const": 1}}}, {"a": 2}, "a: must be 1, not 2"),
    "least": ({"properties": {"a": {"minimum": 3}}}, {"a": 2}, "a: must be at least 3, not 2"),
    "most": ({"properties": {"a": {"exclusiveMaximum": 2}}}, {"a": 2}, "a: must be less than 2, not 2"),
    "length": (
        {"properties": {"a": {"maxLength": 1}}},
        {"a": "xy"},
        "a: must have at most 1 characters, not 'xy'",
    ),
    "pattern": ({"properties": {"a": {"pattern": r"^\d+$"}}}, {"a": "٣"}, r"a: must match ^\d+$, not '٣'"),
    "items": (
        {"properties": {"a": {"items": {"type": "string"}}}},
        {"a": ["x", 1]},
        "a.1: must be string, not 1",
    ),
    "few": ({"properties": {"a": {"minItems": 2}}}, {"a": []}, "a: must have at least 2 items, not []"),
    "union": (
        {"properties": {"a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}},
        {"a": "x"},
        "a: must be integer or null, not 'x'",
    ),
    "types": (
        {"properties": {"a": {"type": ["integer", "null"]}}},
        {"a": []},
        "a: must be integer or null, not []",
    ),
    "reference": (
        {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"type": "string"}}},
        {"a": 1},
        "a: must be string, not 1",
    ),
    "whole": ({"type": "object"}, [], "the arguments: must be object, not []"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_problem_is_told_with_its_place_and_value(case: str) -> None:
    """What is wrong, where, and what stood there."""
    schema, value, told = PROBLEMS[case]
    assert problems(schema, value) == [told]


def test_a_recursive_schema_and_endless_arguments_end() -> None:
    """A definition that holds itself is followed as deep as the arguments go, within bounds."""
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"properties": {"n": {"type": "integer"}, "next": {"$ref": "#/$defs/Node"}}}},
    }
    value: dict[str, Any] = {"n": "٢"}
    for _ in range(200):
        value = {"n": "١", "next": value}
    read = with_numbers(schema, value)
    assert (read["n"], read["next"]["n"]) == (1, 1)
    assert problems(schema, {"next": {"n": "x"}}) == ["next.n: must be integer, not 'x'"]
    assert isinstance(problems({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, {}), list)


class Unit(Enum):
    """A unit."""

    GRAM = "g"


def pay(amount: Decimal, account: str, unit: Unit = Unit.GRAM, note: Decimal | None = None) -> str:
    """Pay an amount."""
    return f"{amount} {account} {unit} {note}"


def checked(tool: StructuredTool, **args: Any) -> Any:
    """What a workbench says of a call."""
    bench = Workbench({tool.name: tool}, None, 1, [])
    read = bench.checked({"type": "tool_call", "id": "c1", "name": tool.name, "args": args})
    return read if isinstance(read, str) else read["args"]


def test_a_decimal_keeps_every_digit() -> None:
    """A `Decimal`, whose schema allows any text, is read where pydantic cannot, with its three decimals."""
    tool = StructuredTool.from_function(pay)
    assert checked(tool, amount="١٢٫٥٠٠", account="١٢٫٥٠٠") == {"amount": "12.500", "account": "١٢٫٥٠٠"}
    assert tool.invoke(checked(tool, amount="١٢٫٥٠٠", account="a")).startswith("12.500 a")


def test_pydantic_says_what_is_wrong() -> None:
    """A typed function's arguments are held against its types, all problems at once."""
    told = checked(StructuredTool.from_function(pay), amount="much", unit="kg")
    assert "amount: Input should be a valid decimal" in told
    assert "account: Field required" in told
    assert "unit: Input should be 'g'" in told


def test_a_schema_that_is_a_dict_is_held_too() -> None:
    """A tool described by a JSON schema, as MCP's are, is checked before it is executed."""
    schema = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    tool = StructuredTool.from_function(lambda n: n, name="n", description="n", args_schema=schema)
    assert checked(tool, n="٣٫٥") == {"n": 3.5}
    assert checked(tool, n="x") == "its arguments do not satisfy the schema. n: must be number, not 'x'"
