"""What LiteLLM expects of every chat provider, case by case."""

from __future__ import annotations

import json
from typing import Any

import litellm
import pytest
from pydantic import BaseModel

from resayil.emulator import Emulator

Given = dict[str, Any]
MODEL = "resayil/deepseek-v4-flash"


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


class Team(BaseModel):
    """Several."""

    title: str
    members: list[Person]


def function(name: str, properties: Given, **more: Any) -> Given:
    """A tool in OpenAI's form."""
    schema = {"type": "object", "properties": properties, **more}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


WEATHER = function("get_current_weather", {"location": {"type": "string"}}, required=["location"])


@pytest.mark.parametrize("api", ["chat", "messages"])
@pytest.mark.parametrize(
    "message",
    [
        [{"role": "developer", "content": "Be a good bot!"}, {"role": "user", "content": "Hello"}],
        [{"role": "user", "content": [{"type": "text", "text": "Hello, how are you?"}]}],
        [{"role": "user", "content": "Hello", "name": "test_name"}],
        [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "Hi"},
        ],
        "object",
    ],
    ids=["developer", "list", "name", "system list", "object"],
)
def test_forms_of_messages_are_answered(call: Given, message: Any, api: str) -> None:
    """Developer roles, lists of content, names and LiteLLM's objects are answered, in both dialects."""
    if message == "object":
        message = [litellm.Message(role="user", content="Hello")]
    answer = litellm.completion(**{**call, "messages": message}, api=api)
    assert answer.choices[0].message.content


@pytest.mark.parametrize(
    "tools",
    [
        [
            function(
                "f", {"x": {"type": ["string", "null"]}, "y": {"type": "array", "items": {"type": "number"}}}
            )
        ],
        [function("f", {"x": {"type": "string", "enum": ["", "a"]}, "y": {"type": "string", "enum": []}})],
        [function("f", {"x": {"anyOf": [{"type": "string"}, {"type": "integer"}]}})],
        [],
    ],
    ids=["type array", "empty enum", "any of", "none"],
)
def test_odd_tool_schemas_are_taken(call: Given, emulator: Emulator, tools: list[Any]) -> None:
    """Array types, empty enums and no tools at all reach the service as they are."""
    litellm.completion(**call, tools=tools)
    told = emulator.requests[-1].body.get("tools", [])
    assert [tool["function"]["parameters"] for tool in told] == [
        tool["function"]["parameters"] for tool in tools
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_turn(call: Given, *, stream: bool) -> None:
    """The model calls, the result goes back, the model answers: streamed or not."""
    messages: list[Any] = [{"role": "user", "content": "What is the weather like in Kuwait City?"}]

    def ask(**more: Any) -> Any:
        given = {**call, "messages": messages, "tools": [WEATHER], **more}
        if not stream:
            return litellm.completion(**given)
        return litellm.stream_chunk_builder(list(litellm.completion(**given, stream=True)), messages=messages)

    first = ask(tool_choice="required").choices[0]
    assert first.finish_reason == "tool_calls"
    (made,) = first.message.tool_calls
    assert json.loads(made.function.arguments)["location"]
    messages += [
        first.message,
        {"role": "tool", "tool_call_id": made.id, "name": "x", "content": "sunny, 45"},
    ]
    second = ask().choices[0]
    assert "sunny" in second.message.content


@pytest.mark.parametrize("arguments", ["", "{}"])
def test_a_tool_turn_without_arguments(call: Given, emulator: Emulator, arguments: str) -> None:
    """A call without arguments comes as an object's text and goes back as one."""
    emulator.call("ping", arguments, id="c")
    tools = [
        {"type": "function", "function": {"name": "ping", "parameters": {"type": "object", "properties": {}}}}
    ]
    message = litellm.completion(**call, tools=tools).choices[0].message
    assert json.loads(message.tool_calls[0].function.arguments) == {}
    turn = [*call["messages"], message, {"role": "tool", "tool_call_id": "c", "content": "pong"}]
    assert litellm.completion(**{**call, "messages": turn}, tools=tools).choices[0].message.content


@pytest.mark.parametrize(
    "wanted",
    [Person, Team, {"type": "json_object"}, {"type": "text"}, "nested"],
    ids=["pydantic", "nested pydantic", "json object", "text", "nested schema"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_forms_of_answers(call: Given, wanted: Any, *, stream: bool) -> None:
    """Pydantic models, nested schemas and JSON mode give JSON that fits; text gives text."""
    if wanted == "nested":
        schema = {**Team.model_json_schema(), "additionalProperties": False}
        wanted = {"type": "json_schema", "json_schema": {"name": "team", "schema": schema, "strict": True}}
    given = {
        **call,
        "messages": [{"role": "user", "content": "List 2 people as JSON."}],
        "response_format": wanted,
    }
    if stream:
        chunks = litellm.completion(**given, stream=True)
        text = "".join(part.choices[0].delta.content or "" for part in chunks)
    else:
        text = litellm.completion(**given).choices[0].message.content
    if isinstance(wanted, type):
        assert wanted.model_validate_json(text)
    elif wanted["type"] == "json_schema":
        assert Team.model_validate_json(text)
    elif wanted["type"] == "json_object":
        assert isinstance(json.loads(text), dict)
    else:
        assert text


def test_tools_beside_a_text_format(call: Given, emulator: Emulator) -> None:
    """`response_format: text` with tools and no choice leaves the choice to the model."""
    litellm.completion(**call, tools=[WEATHER], response_format={"type": "text"}, drop_params=True)
    assert emulator.requests[-1].body.keys() == {"model", "messages", "tools"}


def test_prompt_caching_is_counted(call: Given) -> None:
    """Cached prompt tokens arrive as such, and are fewer than the prompt's."""
    emulated = Emulator(oddities=["prompt-cache"])
    with emulated.serve() as server:
        given = {**call, "api_base": server.base_url, "api_key": server.key}
        given["messages"] = [{"role": "user", "content": "كلمة " * 300}]
        litellm.completion(**given)
        given["messages"] = [*given["messages"], {"role": "user", "content": "ثم ماذا بعد ذلك كله؟"}]
        told = litellm.completion(**given).usage
    assert 0 < told.prompt_tokens_details.cached_tokens < told.prompt_tokens


def test_the_cost_of_a_completion_does_not_grow(call: Given, emulator: Emulator) -> None:
    """The same call costs the same twice, above nothing."""
    costs = []
    for _ in range(2):
        emulator.reply("x", usage={"prompt_tokens": 10, "completion_tokens": 5})
        costs.append(litellm.completion(**call, credit_price=0.001)._hidden_params["response_cost"])
    assert costs[0] == costs[1] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_told_and_counted(call: Given, *, stream: bool) -> None:
    """A thinking model's reasoning and its tokens arrive, streamed or not."""
    given = {**call, "model": "resayil/deepseek-v4-pro", "reasoning_effort": "low"}
    given["allowed_openai_params"] = ["reasoning_effort"]
    if stream:
        chunks = list(litellm.completion(**given, stream=True, stream_options={"include_usage": True}))
        answer = litellm.stream_chunk_builder(chunks, messages=call["messages"])
    else:
        answer = litellm.completion(**given)
    assert answer.choices[0].message.reasoning_content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 0


def test_text_after_text_streams_with_one_created(call: Given) -> None:
    """Every chunk says the same `created`, an integer."""
    stamps = {part.created for part in litellm.completion(**call, stream=True)}
    assert len(stamps) == 1
    assert all(isinstance(stamp, int) for stamp in stamps)


def test_the_provider_is_found_by_its_prefix() -> None:
    """LiteLLM reads provider and model out of the name, slashes and colons included."""
    assert litellm.get_llm_provider("resayil/a/b:c")[:2] == ("a/b:c", "resayil")
    assert "temperature" in litellm.get_supported_openai_params("deepseek-v4-flash", "resayil")
