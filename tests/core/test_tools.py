"""Tools from functions, models and schemas, and the arguments that models write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from core.support import MODEL, WEATHER, Scripted, answer, chunk, client_of, event, json_reply, sse_reply
from pydantic import BaseModel, Field

from resayil import InvalidToolCall, JSONFormat, RequestError, Tool, ToolCallPart, ToolChoice
from resayil.schemas import argument_docs, resolve, summary
from resayil.tools import MAX_ARGUMENT_BYTES, parse_arguments, read_call


class Currency(Enum):
    """What it is paid in."""

    KWD = "د.ك"


class Item(BaseModel):
    """A line of a receipt."""

    name: str
    price: float
    currency: Currency = Currency.KWD


class Tree(BaseModel):
    """A node that may hold others."""

    value: int
    children: list[Tree] = Field(default_factory=list)


def award(  # noqa: D417 - one argument is left undescribed on purpose
    member: str,
    items: list[Item],
    kind: Literal["sale", "refund"] = "sale",
    note: Annotated[str | None, Field(max_length=9)] = None,
) -> str:
    """Award loyalty points.

    Works in Arabic too: نقاط.

    Args:
        member: The member's id,
            as printed on the card.
        items (list): What was bought.
        kind: Sale or refund.

    Returns:
        The new balance.
    """
    return f"{member}{items}{kind}{note}"


def test_a_tool_from_a_function() -> None:
    """Name, summary, types, defaults and the docstring's Args become a schema; Returns does not."""
    tool = Tool.of(award)
    properties = tool.parameters["properties"]
    assert (tool.name, tool.function) == ("award", award)
    assert tool.description == "Award loyalty points.\n\nWorks in Arabic too: نقاط."
    assert properties["member"]["description"] == "The member's id, as printed on the card."
    assert properties["items"]["description"] == "What was bought."
    assert properties["kind"]["enum"] == ["sale", "refund"]
    assert tool.parameters["required"] == ["member", "items"]
    assert "$ref" not in json.dumps(tool.parameters)
    assert properties["items"]["items"]["properties"]["currency"]["enum"] == ["د.ك"]


def test_a_tool_from_a_model() -> None:
    """A pydantic model is a tool of its name and docstring, its references written out."""
    tool = Tool.of(Item)
    assert (tool.name, tool.description) == ("Item", "A line of a receipt.")
    assert "$defs" not in tool.parameters
    assert "title" not in tool.parameters
    assert Tool.of(type("Bare", (BaseModel,), {})).description == ""


def test_recursion_is_kept() -> None:
    """A model that holds itself keeps its reference, which resolves within the schema."""
    schema = Tool.of(Tree).parameters
    assert "Tree" in schema["$defs"]
    assert "#/$defs/Tree" in json.dumps(schema)
    assert schema["$defs"]["Tree"]["properties"]["value"]["type"] == "integer"


def test_references_are_resolved() -> None:
    """Definitions under either name, with siblings, chained, escaped, and among recursive ones."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/definitions/A", "description": "ours"},
            "b": {"anyOf": [{"$ref": "#/$defs/B~1x"}, {"type": "null"}]},
            "c": {"$ref": "#/$defs/Loop"},
            "d": {"$ref": "https://elsewhere.example/schema"},
            "$ref": {"type": "string"},
        },
        "definitions": {"A": {"$ref": "#/$defs/B~1x", "description": "theirs"}},
        "$defs": {
            "B/x": {"type": "integer"},
            "Loop": {"properties": {"next": {"$ref": "#/$defs/Loop"}, "a": {"$ref": "#/$defs/B~1x"}}},
            "Unused": {"properties": {"again": {"$ref": "#/$defs/Unused"}}},
        },
    }
    resolved = resolve(schema)
    properties = resolved["properties"]
    assert properties["a"] == {"type": "integer", "description": "ours"}
    assert properties["b"]["anyOf"][0] == {"type": "integer"}
    assert properties["c"] == {"$ref": "#/$defs/Loop"}
    assert properties["d"] == {"$ref": "https://elsewhere.example/schema"}
    assert properties["$ref"] == {"type": "string"}
    assert resolved["$defs"] == {
        "Loop": {"properties": {"next": {"$ref": "#/$defs/Loop"}, "a": {"type": "integer"}}}
    }


@pytest.mark.parametrize(
    ("source", "name", "parameters"),
    [
        (
            {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
            "f",
            {"type": "object"},
        ),
        ({"name": "f", "input_schema": {"type": "object"}}, "f", {"type": "object"}),
        ({"name": "f"}, "f", {"type": "object", "properties": {}}),
        ({"title": "f", "properties": {"a": {}}}, "f", {"title": "f", "properties": {"a": {}}}),
    ],
    ids=["openai", "anthropic", "no parameters", "bare schema"],
)
def test_a_tool_from_a_dict(source: dict[str, Any], name: str, parameters: dict[str, Any]) -> None:
    """Either dialect's form, or a schema with a title."""
    tool = Tool.of(source)
    assert (tool.name, tool.parameters) == (name, parameters)
    assert Tool.of(tool) is tool


def test_a_callable_object_is_a_tool() -> None:
    """Whatever can be called and has types is one."""

    class Lookup:
        """Looks up."""

        def __call__(self, city: str) -> str:
            """Find a city."""
            return city

    tool = Tool.of(Lookup())
    assert tool.name == "Lookup"
    assert tool.parameters["required"] == ["city"]


def _untyped(x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    return x


def _many(*args: int) -> int:
    return len(args)


def _positional(x: int, /) -> int:
    return x


def _unknown(x: NoSuchType) -> None:  # type: ignore[name-defined]  # noqa: F821
    _ = x


def _callback(x: Callable[[], int]) -> None:
    _ = x


class _Odd:
    pass


def _no_schema(x: _Odd) -> None:
    _ = x


NO_TOOLS: tuple[Any, ...] = (
    _untyped, _many, _positional, _unknown, _callback, _no_schema, 5, {}, {"name": 5}, {"function": "f"}, "f",
    {"name": "f", "parameters": [1]}, {"name": "a\nb"}, {"name": ""}, {"name": "f", "parameters": "x"},
)  # fmt: skip


@pytest.mark.parametrize("source", NO_TOOLS, ids=lambda source: getattr(source, "__name__", repr(source)))
def test_what_is_no_tool_is_refused(source: Any) -> None:
    """Missing types, star arguments, broken dicts and bad names are named, never guessed."""
    with pytest.raises(RequestError):
        Tool.of(source)


def test_docstrings() -> None:
    """Sections end where the next begins; what is not there is nothing."""
    assert summary("A.\n\nRaises:\n    X: y") == "A."
    assert argument_docs("A.") == {}
    assert argument_docs("Args:\n    a: b\n\n    c: d: e\nNotes: x") == {"a": "b", "c": "d: e"}
    assert argument_docs("A.\n\nArguments:\n    **kw: all\n      more") == {"kw": "all more"}


HOSTILE = {
    "T02 broken": '{"a": 1',
    "T02 words": "الكويت",
    "T05 giant integer": '{"a": ' + "9" * 6000 + "}",
    "T06 NaN": '{"a": NaN}',
    "T06 infinity": '{"a": -Infinity}',
    "T06 too large": '{"a": 1e999}',
    "T08 list": "[1]",
    "T08 null": "null",
    "T08 text": '"{}"',
    "T09 lone surrogate": '{"a": "\\ud800"}',
    "T04 deep": '{"a":' * 100_000,
    "T04 deep and closed": '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
    "too long": '{"a": "' + "x" * MAX_ARGUMENT_BYTES + '"}',
    "two objects": "{}{}",
    "single quotes": "{'a': 1}",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("api", ["chat", "messages"])
@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
def test_hostile_arguments_are_an_invalid_call(name: str, api: str, *, streamed: bool) -> None:
    """The raw text is kept as it came, the answer survives, nothing is repaired, and it takes no time."""
    raw = HOSTILE[name]
    began = time.perf_counter()
    client = client_of(Scripted(_call_reply(raw, api, streamed=streamed)), api=api)
    if streamed:
        stream = client.stream(MODEL, "س", tools=[WEATHER])
        list(stream)
        response = stream.response()
    else:
        response = client.chat(MODEL, "س", tools=[WEATHER])
    assert time.perf_counter() - began < 2
    assert response.tool_calls == ()
    assert response.invalid_tool_calls == (InvalidToolCall("c1", "get_weather", raw),)
    assert response.invalid_tool_calls[0].error
    # It goes back in the history as it came, so that the model can see what it wrote.
    again = client_of(
        transport := Scripted(json_reply(answer() if api == "chat" else {"content": []})), api=api
    )
    again.chat(MODEL, [response.message, {"role": "user", "content": "صحّح"}])
    assert json.dumps(raw)[1:-1] in json.dumps(transport.bodies[0]) or raw in str(transport.bodies[0])


def _call_reply(raw: str, api: str, *, streamed: bool) -> Any:
    if api == "chat":
        call = {"id": "c1", "index": 0, "function": {"name": "get_weather", "arguments": raw}}
        if streamed:
            return sse_reply(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"), event("[DONE]"))
        return json_reply(answer("", tool_calls=[call]))
    block = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}
    if not streamed:
        return json_reply({"content": [{**block, "input": raw}], "stop_reason": "tool_use"})
    delta = {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": raw}}
    return sse_reply(
        event({"type": "content_block_start", "index": 0, "content_block": block}),
        event(delta),
        event({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}),
        event({"type": "message_stop"}),
    )


def test_t07_no_arguments_are_no_arguments() -> None:
    """Empty text and white space mean an empty object."""
    for raw in ("", " \n", "{}"):
        assert parse_arguments(raw) == {}


@pytest.mark.parametrize(
    "name", ["rm_rf", "get_weather\n", "get_weather\x00", "", "GET_WEATHER", "\u202eget_weather"]
)
def test_t12_a_tool_that_was_not_offered_is_never_called(name: str) -> None:
    """Another name, or one with characters that no name has, is an invalid call."""
    call = read_call("c1", name, "{}", offered=frozenset({"get_weather"}))
    assert isinstance(call, InvalidToolCall)
    assert call.name == name


def test_t03_a_call_that_was_cut_is_never_valid() -> None:
    """An answer cut at max_tokens inside its last call delivers the earlier calls only."""
    calls = [
        {"id": f"c{n}", "index": n, "function": {"name": "get_weather", "arguments": '{"city": "x"}'}}
        for n in (0, 1)
    ]
    reply = answer("", tool_calls=calls)
    reply["choices"][0]["finish_reason"] = "length"
    response = client_of(Scripted(json_reply(reply))).chat(MODEL, "س", tools=[WEATHER])
    assert response.truncated
    assert [call.id for call in response.tool_calls] == ["c0"]
    assert [call.id for call in response.invalid_tool_calls] == ["c1"]


def test_parsed_arguments_are_the_models_words() -> None:
    """Arabic digits and texts in arguments are not converted, numbers stay exact."""
    call = read_call("c", "t", '{"سعر": "١٢٫٥", "n": 12345678901234567890, "x": 0.1}', offered=None)
    assert call == ToolCallPart("c", "t", {"سعر": "١٢٫٥", "n": 12345678901234567890, "x": 0.1})


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ("required", "required"),
        ("none", "none"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
        (ToolChoice("x"), {"type": "function", "function": {"name": "x"}}),
    ],
)
def test_tool_choice(choice: Any, sent: object) -> None:
    """A word, or the name of an offered tool."""
    transport = Scripted(json_reply(answer()))
    client_of(transport).chat(MODEL, "س", tools=[WEATHER], tool_choice=choice)
    assert transport.bodies[0]["tool_choice"] == sent


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Item, "Item"),
        ({"title": "x", "type": "object"}, "x"),
        ({"type": "object"}, "response"),
        (JSONFormat({}), "response"),
    ],
)
def test_response_format(wanted: Any, name: str) -> None:
    """A model, a schema or a format asks for JSON by schema; "json" for JSON mode."""
    transport = Scripted(json_reply(answer("{}")))
    client = client_of(transport)
    client.chat(MODEL, "س", response_format=wanted)
    client.chat(MODEL, "س", response_format="json")
    assert transport.bodies[0]["response_format"]["json_schema"]["name"] == name
    assert transport.bodies[1]["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    "options",
    [{"tool_choice": "get_wether"}, {"response_format": "xml"}, {"response_format": int}, {"top_pp": 1}],
)
def test_arguments_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    """A typo is an error that names it, not a silent default."""
    with pytest.raises(RequestError):
        client_of(Scripted(json_reply(answer()))).chat(MODEL, "س", tools=[WEATHER], **options)


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_json_output_is_text(api: str) -> None:
    """On either dialect the JSON answer is the response's text; what is done differently is told."""
    client = client_of(Scripted(_json_answer(api)), api=api)
    response = client.chat(MODEL, "س", response_format=Item)
    assert json.loads(response.text) == {"name": "شاي", "price": 0.5}
    assert not response.tool_calls
    assert response.finish_reason == "stop"
    assert bool(response.adaptations) == (api == "messages")


def _json_answer(api: str) -> Any:
    found = {"name": "شاي", "price": 0.5}
    if api == "chat":
        return json_reply(answer(json.dumps(found)))
    block = {"type": "tool_use", "id": "c", "name": "json_response_Item", "input": found}
    return json_reply({"content": [block], "stop_reason": "tool_use"})


def test_arguments_that_are_no_unicode_are_told_apart() -> None:
    """Half of a surrogate pair, which a host's own parser lets through, is a reason and no exception."""
    assert parse_arguments('{"city":"\ud800"}') == (
        "the arguments are not JSON: they hold half of a surrogate pair"
    )
