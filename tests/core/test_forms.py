"""The form of an answer where a server refuses the one that was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from core.support import Scripted, chunk, client_of, json_reply, sse_reply

from resayil import BadRequestError, Client, JSONFormat, ResayilWarning, TextPart, assistant, user
from resayil.emulator import Call, Emulator, Reply

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
WANTED = JSONFormat(SCHEMA, "receipt")
TOOL = {"name": "get_points", "description": "Points.", "parameters": {"type": "object", "properties": {}}}
BY_CALL = "JSON output was asked for as a forced tool call"
BY_MODE = "the JSON schema was sent as an instruction beside JSON mode"
FREED = "the forced tool choice was sent as auto"


@pytest.fixture
def emulator() -> Emulator:
    """A fresh emulator in process."""
    return Emulator()


@pytest.fixture
def client(emulator: Emulator) -> Client:
    """A client of it."""
    return Client(emulator.key, emulator.base_url, transport=emulator.transport())


def refuse(emulator: Emulator, what: str, status: int = 400) -> None:
    """Refuse the next request for what it says."""
    emulator.fault(status, body={"error": {"code": "invalid_request_error", "message": what}})


def bodies(emulator: Emulator) -> list[dict[str, Any]]:
    """The bodies that were sent."""
    return [request.body for request in emulator.requests]


def called(client: Client, **options: Any) -> Any:
    """A call."""
    return client.chat("mistral", "المجموع ١٢", **options)


def streamed(client: Client, **options: Any) -> Any:
    """The same by a stream."""
    stream = client.stream("mistral", "المجموع ١٢", **options)
    events = list(stream)
    assert [event.part for event in events if event.type == "text_delta"]
    return stream.response()


WAYS: list[Callable[..., Any]] = [called, streamed]


@pytest.mark.parametrize("ask", WAYS, ids=["chat", "stream"])
def test_a_refused_schema_becomes_a_forced_call(client: Client, emulator: Emulator, ask: Any) -> None:
    """The call's arguments are the answer's text, and the response says how it was asked."""
    refuse(emulator, "response_format of type json_schema is not supported", 422)
    emulator.script([Call("json_response_receipt", {"total": 12})] * 2)
    response = ask(client, response_format=WANTED)
    sent = bodies(emulator)[1]
    assert "response_format" not in sent
    assert sent["tool_choice"]["function"]["name"] == "json_response_receipt"
    assert sent["tools"][0]["function"]["parameters"] == SCHEMA
    assert json.loads(response.text) == {"total": 12}
    assert (response.tool_calls, response.invalid_tool_calls) == ((), ())
    assert response.finish_reason == "stop"
    assert response.adaptations == (BY_CALL,)
    assert ask(client, response_format=WANTED).adaptations == (BY_CALL,)
    assert len(emulator.requests) == 3  # the style was learned


@pytest.mark.parametrize("ask", WAYS, ids=["chat", "stream"])
def test_refused_tools_become_json_mode(client: Client, emulator: Emulator, ask: Any) -> None:
    """Where tools are refused as well, JSON mode is asked for, and the schema is told in words."""
    refuse(emulator, "response_format is not supported")
    refuse(emulator, "tools are not supported by this model")
    emulator.reply('{"total": 12}')
    response = ask(client, response_format=WANTED)
    sent = bodies(emulator)[2]
    assert sent["response_format"] == {"type": "json_object"}
    assert "tools" not in sent
    assert json.loads(sent["messages"][0]["content"].partition("\n")[2]) == SCHEMA
    assert response.adaptations == (BY_MODE,)
    assert json.loads(response.text) == {"total": 12}


def test_refused_json_mode_is_an_error(client: Client, emulator: Emulator) -> None:
    """There is nothing below JSON mode: its refusal is told."""
    for what in ("response_format", "tools", "response_format"):
        refuse(emulator, f"{what} is not supported")
    with pytest.raises(BadRequestError, match="response_format"):
        client.chat("mistral", "x", response_format=WANTED)
    refuse(emulator, "response_format is not supported")
    with pytest.raises(BadRequestError, match="response_format"):
        client.chat("llama3.1", "x", response_format="json")


def test_beside_tools_any_may_be_called(client: Client, emulator: Emulator) -> None:
    """An answer may call an offered tool instead; that stays a call."""
    refuse(emulator, "response_format cannot be combined with tools")
    emulator.script([Call("get_points", {}), Call("json_response_receipt", {"total": 1})])
    asked = client.chat("mistral", "x", tools=[TOOL], response_format=WANTED)
    assert bodies(emulator)[1]["tool_choice"] == "required"
    assert [call.name for call in asked.tool_calls] == ["get_points"]
    assert asked.finish_reason == "tool_calls"
    answered = client.chat("mistral", "x", tools=[TOOL], response_format=WANTED)
    assert (answered.text, answered.finish_reason) == ('{"total":1}', "stop")


def test_the_choice_of_another_tool_stays(client: Client, emulator: Emulator) -> None:
    """Who names a tool gets its call first, whatever form was asked of the answer."""
    refuse(emulator, "response_format is not supported")
    emulator.script([Call("get_points", {})])
    asked = client.chat("mistral", "x", tools=[TOOL], tool_choice="get_points", response_format=WANTED)
    assert bodies(emulator)[1]["tool_choice"]["function"]["name"] == "get_points"
    assert [call.name for call in asked.tool_calls] == ["get_points"]


def test_a_finish_reason_ends_a_streamed_answer_by_call() -> None:
    """Where the stream's last mark is missing, the answer is whole all the same, and no call."""
    refused = json_reply({"error": {"message": "response_format is not supported"}}, 400)
    function = {"name": "json_response_receipt", "arguments": '{"total":12}'}
    call = {"index": 0, "id": "c", "type": "function", "function": function}
    stream = client_of(
        Scripted(refused, sse_reply(chunk({"tool_calls": [call]}), chunk({}, "tool_calls")))
    ).stream("mistral", "x", response_format=WANTED)
    assert "".join(stream.text()) == '{"total":12}'
    assert stream.response().finish_reason == "stop"


def test_an_answer_in_words_stays_words(client: Client, emulator: Emulator) -> None:
    """A server that ignores the forced call answers in words, and nothing makes JSON of them."""
    refuse(emulator, "response_format is not supported")
    emulator.script([Reply("لا أعرف")])
    assert client.chat("mistral", "x", response_format=WANTED).text == "لا أعرف"


def test_the_second_turn_reads_what_the_first_answered(client: Client, emulator: Emulator) -> None:
    """The answer goes back as text, not as a call of a tool that nobody offers."""
    refuse(emulator, "response_format is not supported")
    emulator.script([Call("json_response_receipt", {"total": 1}), Reply("نعم")])
    first = client.chat("mistral", "x", response_format=WANTED)
    client.chat("mistral", [user("x"), first.message, user("y")])
    assert bodies(emulator)[-1]["messages"][1] == {"role": "assistant", "content": '{"total":1}'}
    assert first.message == assistant(TextPart('{"total":1}'))


@pytest.mark.parametrize("api", ["chat", "messages"])
@pytest.mark.parametrize("choice", ["required", "get_points"])
def test_a_refused_forced_choice_becomes_free(
    client: Client, emulator: Emulator, api: Any, choice: str
) -> None:
    """A model that takes no forced choice is asked without one; a warning and the response say so."""
    refuse(emulator, "Thinking mode does not support this tool_choice")
    emulator.script([Call("get_points", {}), Call("get_points", {})])
    with pytest.warns(ResayilWarning, match="no forced tool choice"):
        response = client.chat("deepseek-v4-pro", "x", tools=[TOOL], tool_choice=choice, api=api)
    free = bodies(emulator)[1]["tool_choice"]
    assert free == ("auto" if api == "chat" else {"type": "auto"})
    assert response.adaptations == (FREED,)
    again = client.chat("deepseek-v4-pro", "x", tools=[TOOL], tool_choice=choice, api=api)
    assert again.adaptations == (FREED,)
    assert len(emulator.requests) == 3  # learned, and warned of once
    other = client.chat("mistral", "x", tools=[TOOL], tool_choice=choice, api=api)
    assert other.adaptations == ()


def test_a_free_choice_is_left_alone(client: Client, emulator: Emulator) -> None:
    """A refusal that speaks of the tool choice is an error where none was forced."""
    refuse(emulator, "tool_choice is not supported")
    with pytest.raises(BadRequestError, match="tool_choice"):
        client.chat("mistral", "x", tools=[TOOL], tool_choice="auto")
    assert len(emulator.requests) == 1
