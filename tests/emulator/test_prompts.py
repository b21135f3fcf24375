"""Tools that a prompt describes: a model that follows whatever protocol the prompt writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

Connect = Callable[..., "Client"]
ASKED = "How many loyalty points does member 7788 earn for 12.500 KWD?"
ARGUMENTS = {"member_id": "7788", "total_kwd": 12.5}
SCHEMA = {
    "type": "object",
    "properties": {"member_id": {"type": "string"}, "total_kwd": {"type": "number"}},
    "required": ["member_id", "total_kwd"],
}
LOYALTY = {"name": "get_loyalty_points", "description": "Look up loyalty points.", "parameters": SCHEMA}
LISTED = json.dumps([LOYALTY])
CALL = {"name": "get_loyalty_points", "arguments": ARGUMENTS}

PROTOCOLS: dict[str, tuple[str, str]] = {
    "a list under a key": (
        f'Tools: {LISTED}\nCall one with {{"tool_calls": [{{"name": "...", "arguments": {{...}}}}]}}.',
        json.dumps({"tool_calls": [CALL]}),
    ),
    "in a fence": (
        f'# Tools\n{LISTED}\n\n```tool_use\n{{"calls": [{{"tool": "<name>", "args": {{<them>}}}}]}}\n```',
        "```tool_use\n"
        + json.dumps({"calls": [{"tool": "get_loyalty_points", "args": ARGUMENTS}]})
        + "\n```",
    ),
    "one object": (
        json.dumps(LOYALTY, indent=2) + '\nReply {"name": <function name>, "parameters": <an object>}',
        json.dumps({"name": "get_loyalty_points", "parameters": ARGUMENTS}),
    ),
    "as OpenAI lists them": (
        json.dumps({"tools": [{"type": "function", "function": LOYALTY}]})
        + '\nUse {"action": "tool", "action_input": {}}.',
        json.dumps({"action": "get_loyalty_points", "action_input": ARGUMENTS}),
    ),
    "as Anthropic lists them": (
        json.dumps([{"name": "get_loyalty_points", "input_schema": SCHEMA}])
        + '\n{"function_call": {"name": "x", "arguments": {}}}',
        json.dumps({"function_call": CALL}),
    ),
    "in Arabic": (
        f'الأدوات: {LISTED}\nأجب بكائن فقط: {{"tool_call": {{"name": "…", "arguments": {{}}}}}}',
        json.dumps({"tool_call": CALL}),
    ),
}


def turns(system: str, *rest: str) -> list[dict[str, str]]:
    """A conversation: the system prompt, then user and assistant in turn."""
    roles = ["system", *["user", "assistant"] * len(rest)]
    return [{"role": role, "content": text} for role, text in zip(roles, (system, *rest), strict=False)]


def compact(text: str) -> str:
    """A text without white space."""
    return "".join(text.split())


@pytest.mark.parametrize("case", PROTOCOLS)
def test_the_call_is_written_as_the_prompt_shows(client: Client, case: str) -> None:
    """Keys, nesting and fence are the prompt's; the arguments are the conversation's."""
    system, written = PROTOCOLS[case]
    message = client.said(messages=turns(system, ASKED))
    assert compact(message["content"]) == compact(written)
    assert "tool_calls" not in message


@pytest.mark.parametrize("case", PROTOCOLS)
@pytest.mark.parametrize(
    "result",
    [
        "The member earns 125 points.",
        '{"result": "125 points"}',
        '{"results": [{"id": "1", "content": "125"}]}',
    ],
)
def test_the_result_is_used(client: Client, case: str, result: str) -> None:
    """The user turn behind a call brings its result, in words or in rows, and the answer quotes it."""
    system, written = PROTOCOLS[case]
    said = client.said(messages=turns(system, ASKED, written, result))["content"]
    assert "get_loyalty_points" in said
    assert "125" in said
    assert "result" not in said
    assert not said.startswith(("{", "```"))


def test_a_failed_result_is_told_as_one(client: Client) -> None:
    """A row that says so failed."""
    system, written = PROTOCOLS["a list under a key"]
    result = '{"results": [{"status": "error", "content": "no such member"}]}'
    assert "failed" in client.said(messages=turns(system, ASKED, written, result))["content"]


@pytest.mark.parametrize(
    "answered",
    [
        "It is 3.",
        'Data: {"points": 3}',
        '{"tool_calls": [{"name": 3}]}',
        json.dumps({"tool_calls": [CALL, "and more"]}),
    ],
)
def test_an_answer_without_a_call_stays_an_answer(client: Client, answered: str) -> None:
    """Words and JSON that are no call bring no result behind them: the next question is asked anew."""
    system, written = PROTOCOLS["a list under a key"]
    said = client.said(messages=turns(system, "Hello", answered, ASKED))["content"]
    assert compact(said) == compact(written)


def test_a_result_of_bare_values_is_the_whole_turn(client: Client) -> None:
    """Rows without a content are no rows."""
    system, written = PROTOCOLS["a list under a key"]
    assert "[125, 3]" in client.said(messages=turns(system, ASKED, written, "[125, 3]"))["content"]


def test_several_calls_and_results(client: Client) -> None:
    """A list holds all calls, an object the first; rows are given to the calls in order."""
    weather = {
        "name": "get_weather",
        "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    many = json.dumps([weather]) + '\n{"tool_calls": [{"name": "", "arguments": {}}]}'
    asked = "Weather in Paris and London?"
    written = client.said(messages=turns(many, asked))["content"]
    cities = [call["arguments"]["city"] for call in json.loads(written)["tool_calls"]]
    assert cities == ["Paris", "London"]
    rows = '[{"output": "rain"}, {"output": {"sky": "fog"}}]'
    said = client.said(messages=turns(many, asked, written, rows))["content"]
    assert said.index("rain") < said.index("fog")
    one = json.dumps([weather]) + '\n{"name": "", "arguments": {}}'
    assert json.loads(client.said(messages=turns(one, asked))["content"])["arguments"] == {"city": "Paris"}


@pytest.mark.parametrize(
    "system",
    [
        "You are a shop's assistant.",
        f"Tools: {LISTED}",
        'Answer with {"tool_calls": [{"name": "", "arguments": {}}]}.',
        'Data: [{"name": "Ali", "parameters": 3}] {"name": "", "arguments": {}}',
        "{" * 200,
    ],
)
def test_a_prompt_without_both_is_an_ordinary_one(client: Client, system: str) -> None:
    """Tools alone, a shape alone, and data that looks alike call nothing."""
    assert "emulator" in client.said(messages=turns(system, ASKED))["content"]


def test_words_that_need_no_tool_are_answered(client: Client) -> None:
    """The model that follows the protocol answers a greeting in words."""
    said = client.said(messages=turns(PROTOCOLS["in a fence"][0], "Hello, how are you?"))["content"]
    assert "emulator" in said


def test_real_tools_win(client: Client, weather: dict[str, Any]) -> None:
    """A request with tools is answered with tool calls, whatever its prompt says."""
    offered = [{"type": "function", "function": weather}]
    message = client.said(messages=turns(PROTOCOLS["one object"][0], "Weather in Paris?"), tools=offered)
    assert message["tool_calls"][0]["function"]["name"] == "get_weather"


def test_where_tools_are_ignored_the_prompt_counts(connect: Connect, weather: dict[str, Any]) -> None:
    """The old server never sees the tools of a request, but reads its prompt."""
    client = connect(profile="march-2026")
    offered = [{"type": "function", "function": weather}]
    system, written = PROTOCOLS["a list under a key"]
    said = client.said(messages=turns(system, ASKED), tools=offered)["content"]
    assert compact(said) == compact(written)


def test_the_instruction_at_the_head_of_a_user_turn(client: Client) -> None:
    """Without a system turn, the first user turn may hold the instruction, and the question at its end."""
    system, written = PROTOCOLS["in a fence"]
    said = client.said(messages=turns("", f"{system}\n\n{ASKED}")[1:])["content"]
    assert compact(said) == compact(written)


def test_the_messages_dialect_too(client: Client) -> None:
    """The same over the Messages API."""
    system, written = PROTOCOLS["one object"]
    body = client.message(ASKED, system=system).json()
    assert compact(body["content"][0]["text"]) == compact(written)
    assert body["stop_reason"] == "end_turn"
