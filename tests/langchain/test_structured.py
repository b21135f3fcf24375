"""Structured output: three methods, with and without the raw answer, and what is never made up."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel

from langchain_resayil import ChatResayil
from langchain_resayil.structured import Method
from resayil.emulator import Call, Emulator, Reply

METHODS: tuple[Method, ...] = ("function_calling", "json_schema", "json_mode")
PROMPT = "أعطني JSON بالمفتاحين 'total' و 'shop'"


class Receipt(BaseModel):
    """A receipt."""

    total: float
    shop: str


class ReceiptDict(TypedDict):
    """A receipt."""

    total: float
    shop: str


WHOLE = '{"total": 12.5, "shop": "سوق المباركية"}'
VALUES = {"total": 12.5, "shop": "سوق المباركية"}
SCHEMAS: tuple[Any, ...] = (Receipt, ReceiptDict, {"title": "Receipt", **Receipt.model_json_schema()})


def script(
    emulator: Emulator, method: Method, text: str, *, name: str = "Receipt", finish: str = "stop"
) -> None:
    """Queue an answer in the form that the method asks for."""
    if method == "function_calling":
        emulator.script([Reply(calls=[Call(name, text)], finish_reason=finish)])
    else:
        emulator.script([Reply(text, finish_reason=finish)])


@pytest.mark.parametrize("schema", SCHEMAS, ids=["model", "typed dict", "JSON schema"])
@pytest.mark.parametrize("method", METHODS)
def test_each_method_gives_the_value(
    model: ChatResayil, emulator: Emulator, method: Method, schema: Any
) -> None:
    """Each method parses the answer into the schema's own kind, by call and by stream."""
    asking = model.with_structured_output(schema, method=method)
    name = "ReceiptDict" if schema is ReceiptDict else "Receipt"
    for _ in range(2):
        script(emulator, method, WHOLE, name=name)
    expected = Receipt(**VALUES) if schema is Receipt else VALUES
    assert asking.invoke(PROMPT) == expected
    assert list(asking.stream(PROMPT))[-1] == expected


@pytest.mark.parametrize("method", METHODS)
def test_what_is_asked_for_reaches_the_wire(model: ChatResayil, emulator: Emulator, method: Method) -> None:
    """The methods differ in what they send: a forced tool, a schema, or JSON mode."""
    script(emulator, method, WHOLE)
    model.with_structured_output(Receipt, method=method).invoke(PROMPT)
    body = emulator.requests[-1].body
    if method == "function_calling":
        assert body["tools"][0]["function"]["name"] == "Receipt"
        assert body["tool_choice"] == {"type": "function", "function": {"name": "Receipt"}}
    elif method == "json_schema":
        assert body["response_format"]["type"] == "json_schema"
        assert body["response_format"]["json_schema"]["name"] == "Receipt"
        assert set(body["response_format"]["json_schema"]["schema"]["properties"]) == {"total", "shop"}
    else:
        assert body["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize("strict", [None, False, True])
@pytest.mark.parametrize("method", METHODS[:2])
def test_strict_is_sent_if_set(
    model: ChatResayil, emulator: Emulator, method: Method, *, strict: bool | None
) -> None:
    """`strict` reaches the schema, and is left out unless set."""
    model.with_structured_output(Receipt, method=method, strict=strict).invoke(PROMPT)
    body = emulator.requests[-1].body
    holder = (
        body["tools"][0]["function"]
        if method == "function_calling"
        else body["response_format"]["json_schema"]
    )
    assert holder.get("strict") is strict


@pytest.mark.parametrize("method", METHODS)
def test_the_raw_answer_comes_too(model: ChatResayil, emulator: Emulator, method: Method) -> None:
    """`include_raw` gives the message and the value, or the message and the error."""
    asking = model.with_structured_output(Receipt, method=method, include_raw=True)
    script(emulator, method, WHOLE)
    good: Any = asking.invoke(PROMPT)
    assert (good["parsed"], good["parsing_error"]) == (Receipt(**VALUES), None)
    assert good["raw"].usage_metadata["output_tokens"] > 0
    script(emulator, method, '{"total": "much"}')
    bad: Any = asking.invoke(PROMPT)
    assert bad["parsed"] is None
    assert bad["parsing_error"] is not None
    assert bad["raw"].response_metadata["credits"] > 0


@pytest.mark.parametrize("schema", [Receipt, SCHEMAS[2]], ids=["model", "JSON schema"])
@pytest.mark.parametrize("method", METHODS)
def test_what_was_cut_is_not_made_whole(
    model: ChatResayil, emulator: Emulator, method: Method, schema: Any
) -> None:
    """An answer cut at `max_tokens` raises, though LangChain's parsers could complete its JSON."""
    asking = model.with_structured_output(schema, method=method)
    for _ in range(2):
        script(emulator, method, '{"total": 12.5, "shop": "سوق', finish="length")
    with pytest.raises(OutputParserException, match="cut off"):
        asking.invoke(PROMPT)
    with pytest.raises(OutputParserException, match="cut off"):
        list(asking.stream(PROMPT))


def test_a_broken_call_is_an_error_and_not_nothing(model: ChatResayil, emulator: Emulator) -> None:
    """Arguments that cannot be read raise; LangChain's own parser would return None."""
    script(emulator, "function_calling", '{"total": 12.5, "shop": "سوق')
    with pytest.raises(OutputParserException, match="Receipt cannot be read"):
        model.with_structured_output(Receipt).invoke(PROMPT)


@pytest.mark.parametrize("method", METHODS)
def test_both_dialects_answer(either: ChatResayil, method: Method) -> None:
    """Unscripted, each method works in each dialect; the messages dialect says how it asked."""
    answer: Any = either.with_structured_output(Receipt, method=method, include_raw=True).invoke(
        "الإيصال: المجموع 12.5. " + PROMPT + ' {"total": 1.0, "shop": "s"}'
    )
    assert isinstance(answer["parsed"], Receipt)
    forced = either.api == "messages" and method != "function_calling"
    assert answer["raw"].response_metadata["adaptations"] == (
        ["JSON output was asked for as a forced tool call"] if forced else []
    )


def test_json_mode_needs_no_schema(model: ChatResayil, emulator: Emulator) -> None:
    """JSON mode without a schema gives whatever object came."""
    emulator.reply('{"a": [1]}')
    assert model.with_structured_output(method="json_mode").invoke(PROMPT) == {"a": [1]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"schema": None}, "needs a schema"),
        ({"schema": Receipt, "method": "magic"}, "method is one of"),
        ({"schema": Receipt, "method": "json_mode", "strict": True}, "strict belongs"),
    ],
)
def test_what_makes_no_sense_is_refused(model: ChatResayil, options: dict[str, Any], words: str) -> None:
    """An unknown method, a missing schema and a strict JSON mode are errors when the chain is built."""
    with pytest.raises(ValueError, match=words):
        model.with_structured_output(**options)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        ({"type": "text"}, None),
        (Receipt, "Receipt"),
        ({"title": "Receipt", "type": "object", "properties": {}}, "Receipt"),
    ],
)
def test_response_format_beside_tools(model: ChatResayil, emulator: Emulator, given: Any, sent: Any) -> None:
    """`bind_tools` takes a response format in each form, as agents pass it."""
    model.bind_tools([], response_format=given).invoke(PROMPT)
    got = emulator.requests[-1].body.get("response_format")
    assert (got["json_schema"]["name"] if isinstance(sent, str) else got) == sent


def test_a_response_format_without_its_schema_is_refused(model: ChatResayil) -> None:
    """A schema format that holds no schema is not sent."""
    with pytest.raises(Exception, match=r"json_schema\.schema"):
        model.invoke(PROMPT, response_format={"type": "json_schema", "json_schema": {"name": "x"}})
