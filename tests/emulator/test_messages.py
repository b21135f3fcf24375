from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": 2}}
ADDER = {"name": "add", "input_schema": {}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


def _after_call(result: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "What is 1 + 2?"},
        {"role": "assistant", "content": [USE]},
        {"role": "user", "content": [result]},
    ]


WRONG: dict[str, dict[str, Any]] = {
    "model": {"model": ""},
    "max_tokens: field required": {"max_tokens": None},
    "max_tokens: must be": {"max_tokens": 0},
    "temperature": {"temperature": 1.5},
    "stream: must be a boolean": {"stream": "true"},
    "messages.0.role": {"messages": [{"role": "tool", "content": "x"}]},
    "Image content blocks": {"messages": [{"role": "user", "content": [IMAGE]}]},
    "Document content blocks": {"messages": [{"role": "user", "content": [{"type": "document"}]}]},
    "tool_use_id": {
        "messages": _after_call({"type": "tool_result", "tool_use_id": "toolu_9", "content": "3"})
    },
    "messages.2.content.0.content.0: Image": {
        "messages": _after_call({"type": "tool_result", "tool_use_id": "toolu_1", "content": [IMAGE]})
    },
    "system: must be": {"system": [{"type": "image"}]},
    "messages.0.content: must be": {"messages": [{"role": "user", "content": 3}]},
    "needs `id` and `name`": {"messages": [{"role": "assistant", "content": [{**USE, "id": None}]}]},
    "messages.0.content.0.input": {"messages": [{"role": "assistant", "content": [{**USE, "input": "{}"}]}]},
    "tools.0.type": {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
    "tools.0.name": {"tools": [{"input_schema": {}}]},
    "tool_choice.type": {"tools": [ADDER], "tool_choice": {"type": "all"}},
    "'sub' is no tool on offer": {"tools": [ADDER], "tool_choice": {"type": "tool", "name": "sub"}},
}


def test_reply_has_the_documented_fields(client: Client) -> None:
    """A message has the fields that the reference prints."""
    body = client.message("What is the capital of France?").json()
    assert body["id"].startswith("msg_")
    assert (body["type"], body["role"], body["model"]) == ("message", "assistant", "mistral")
    assert [block["type"] for block in body["content"]] == ["text"]
    assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
    assert body["usage"].keys() == {"input_tokens", "output_tokens"}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_bodies_are_told_in_the_dialects_envelope(client: Client, words: str) -> None:
    """What the document forbids is 400 invalid_request_error, with words that say what was wrong."""
    response = client.message("hi", **WRONG[words])
    assert response.status_code == 400
    assert response.json()["type"] == "error"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert words in response.json()["error"]["message"]


def test_errors_have_the_dialects_types(client: Client) -> None:
    """A wrong key and an unknown model come with the types of the document's table."""
    missing = client.message(model="claude-3-sonnet")
    assert (missing.status_code, missing.json()["error"]["type"]) == (404, "not_found_error")
    client.http.headers["authorization"] = "Bearer sk-wrong"
    refused = client.message()
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")


def test_system_is_accepted_at_the_top_and_among_the_turns(client: Client) -> None:
    """A top-level system, as text or blocks, and a system turn in the list all count as prompt."""
    plain = client.message("hi").json()["usage"]["input_tokens"]
    blocks = [{"type": "text", "text": "You are formal.", "cache_control": {"type": "ephemeral"}}]
    for system in ("You are formal.", blocks):
        assert client.message("hi", system=system).json()["usage"]["input_tokens"] > plain
    turns = [{"role": "system", "content": "You are formal."}, {"role": "user", "content": "hi"}]
    assert client.message(messages=turns).json()["usage"]["input_tokens"] > plain


def test_tool_call_and_result_round_trip(client: Client) -> None:
    """The model asks for a tool with a toolu id, and answers from the result that carries it."""
    tools = [
        {
            "name": "get_weather",
            "description": "Weather",
            "input_schema": {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        }
    ]
    turns: list[dict[str, Any]] = [{"role": "user", "content": "What is the weather in Kuwait City?"}]
    first = client.message(messages=turns, tools=tools).json()
    use = first["content"][-1]
    assert first["stop_reason"] == "tool_use"
    assert use["id"].startswith("toolu_")
    assert (use["name"], use["input"]) == ("get_weather", {"location": "Kuwait City"})
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": "38C and sunny"}
    turns += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": [result]}]
    second = client.message(messages=turns, tools=tools).json()
    assert second["stop_reason"] == "end_turn"
    assert "38C and sunny" in second["content"][0]["text"]


def test_a_result_in_blocks_is_read(client: Client) -> None:
    """A result's text blocks are one text; one that says so failed."""
    blocks = [{"type": "text", "text": "three"}, {"type": "text", "text": "apples"}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": blocks}
    for marks, phrase in (({}, "returned"), ({"is_error": True}, "failed")):
        said = client.message(messages=_after_call({**result, **marks})).json()["content"][0]["text"]
        assert "three\napples" in said
        assert phrase in said


def test_tool_choice_is_obeyed(client: Client) -> None:
    """`any`, a named tool and `none` decide whether a tool is called, whatever the words are."""
    tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in ("one", "two")]

    def used(choice: dict[str, Any]) -> list[str]:
        content = client.message("Hello!", tools=tools, tool_choice=choice).json()["content"]
        return [block["name"] for block in content if block["type"] == "tool_use"]

    assert used({"type": "any"}) == ["one"]
    assert used({"type": "tool", "name": "two"}) == ["two"]
    assert used({"type": "auto"}) == []
    assert used({"type": "none"}) == []


def test_stop_sequence_and_limit_have_their_reasons(client: Client) -> None:
    """A stop sequence is named in the reply, a token limit is `max_tokens`."""
    stopped = client.message("Say alpha beta", stop_sequences=["beta"]).json()
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "beta")
    assert client.message("hi", max_tokens=3).json()["stop_reason"] == "max_tokens"


def test_thinking_blocks_come_back_harmless(client: Client) -> None:
    """A thinking model gives a signed thinking block, which may be sent back in the history."""
    first = client.message("مرحبا", model="deepseek-v4-pro").json()["content"]
    assert [block["type"] for block in first] == ["thinking", "text"]
    assert first[0]["signature"]
    turns = [
        {"role": "user", "content": "مرحبا"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "شكرا"},
    ]
    assert client.message(messages=turns, model="deepseek-v4-pro").status_code == 200


def test_count_tokens_needs_no_model(client: Client) -> None:
    """Counting works on the article's body, agrees with the usage of the call, and grows with tools."""
    turns = [{"role": "user", "content": "ما هو سعر الصرف اليوم؟"}]
    plain = client.http.post("/messages/count_tokens", json={"messages": turns}).json()["input_tokens"]
    assert plain == client.message(messages=turns).json()["usage"]["input_tokens"]
    tools = [{"name": "rate", "input_schema": {"type": "object", "properties": {}}}]
    more = client.http.post("/messages/count_tokens", json={"messages": turns, "tools": tools}).json()
    assert more["input_tokens"] > plain
    assert client.http.post("/messages/count_tokens", json={}).status_code == 400


def test_cache_control_is_ignored(client: Client) -> None:
    """A marked block changes nothing in the documented profile's usage."""
    block = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    assert client.message([block]).json()["usage"] == client.message("hi").json()["usage"]
