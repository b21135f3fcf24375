from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

USER: dict[str, Any] = {"role": "user", "content": "hi"}


def _asking(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [*parts]}]}


def _after(call: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [call]}]}


BASES = ("/v1", "/api/v1", "", "/v1/v1")
WRONG: dict[str, dict[str, Any]] = {
    "model": {"model": None},
    "messages": {"messages": []},
    "messages.0.role": {"messages": [{"role": "robot", "content": "hi"}]},
    "messages.0.content": {"messages": [{"role": "user"}]},
    "temperature": {"temperature": 2.1},
    "max_tokens": {"max_tokens": 0},
    "stream": {"stream": "true"},
    "stop": {"stop": 3},
    "n": {"n": 2},
    "response_format.type": {"response_format": {"type": "xml"}},
    "tools.0.function.name": {"tools": [{"type": "function", "function": {}}]},
    "tools.0.function.parameters": {"tools": [{"function": {"name": "x", "parameters": "none"}}]},
    "messages.0.tool_call_id": {"messages": [{"role": "tool", "tool_call_id": "no", "content": "3"}]},
    "messages.1": {"messages": [USER, "hi"]},
    "messages.1.content": {"messages": [USER, {"role": "user", "content": 3}]},
    "messages.0.content.0": _asking({"type": "input_audio"}),
    "messages.0.content.0.image_url.url": _asking({"type": "image_url", "image_url": {"url": 3}}),
    "messages.1.tool_calls.0.function.name": _after({"id": "c1", "function": {"arguments": "{}"}}),
    "messages.1.tool_calls.0.function.arguments": _after(
        {"id": "c1", "function": {"name": "add", "arguments": {}}}
    ),
    "response_format.json_schema.schema": {"response_format": {"type": "json_schema", "json_schema": {}}},
}


def test_reply_has_the_documented_fields(client: Client) -> None:
    """A chat completion has the fields that the reference prints, and usage that adds up."""
    body = client.chat("Hello", model="llama3.2:3b").json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "llama3.2:3b"
    assert body["id"].startswith("chatcmpl-")
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["choices"][0]["message"]["role"] == "assistant"
    assert (
        body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    )


def test_every_reply_says_that_it_is_the_emulator(client: Client) -> None:
    """The header stands on answers, lists and errors alike, and the answer's words say it too."""
    for response in (client.chat(), client.http.get("/models"), client.http.get("/nothing")):
        assert response.headers["x-resayil-emulator"]
    assert "emulator" in client.said("Hello")["content"]
    assert "المحاكي" in client.said("مرحبا")["content"]
    assert "not the service" in client.http.get("http://emulator.test/").text


@pytest.mark.parametrize("base", BASES)
def test_all_base_urls_answer(client: Client, base: str) -> None:
    """Each family of base URLs that the documents name reaches the same endpoints."""
    turns = [{"role": "user", "content": "hi"}]
    url = f"http://emulator.test{base}"
    chat = client.http.post(f"{url}/chat/completions", json={"model": "mistral", "messages": turns})
    message = client.http.post(
        f"{url}/messages", json={"model": "mistral", "max_tokens": 50, "messages": turns}
    )
    assert (chat.status_code, message.status_code) == (200, 200)
    assert client.http.get(f"{url}/models").status_code == 200


@pytest.mark.parametrize("field", WRONG)
def test_wrong_fields_are_named(client: Client, field: str) -> None:
    """A field that is missing or wrong is refused with 422, under its own name."""
    response = client.chat("hi", **WRONG[field])
    assert response.status_code == 422
    assert field in response.json()["errors"]
    assert response.json()["error"]["message"].startswith(field)


def test_body_that_is_no_json_is_refused(client: Client) -> None:
    """A malformed body is 400 in the dialect's envelope, however deep it is nested."""
    for content in (b"{", b"[]", b"[" * 100_000):
        response = client.http.post("/chat/completions", content=content)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "invalid_request"


def test_keys_are_required_in_either_header(client: Client) -> None:
    """Bearer and x-api-key both open the door; no key, a wrong key and a lower-case bearer do not."""
    body = {"model": "mistral", "messages": [{"role": "user", "content": "hi"}]}
    expected = {
        ("authorization", "Bearer sk-emulator"): 200,
        ("x-api-key", "sk-emulator"): 200,
        ("authorization", "bearer sk-emulator"): 401,
        ("authorization", "Bearer sk-other"): 401,
        ("x-nothing", "sk-emulator"): 401,
    }
    for (name, value), status in expected.items():
        del client.http.headers["authorization"]
        client.http.headers[name] = value
        response = client.http.post("/chat/completions", json=body)
        assert response.status_code == status
        assert status == 200 or response.json()["error"]["code"] == "unauthorized"
        del client.http.headers[name]
        client.http.headers["authorization"] = ""


def test_unknown_and_inactive_models_are_not_found(client: Client) -> None:
    """An id that is not on the list, or not active, is 404 and named in the message."""
    for model in ("gpt-4", "neural-chat"):
        response = client.chat(model=model)
        assert response.status_code == 404
        assert model in response.json()["error"]["message"]


def test_stop_and_max_tokens_end_the_answer(client: Client) -> None:
    """A stop sequence cuts before itself, a token limit with the reason `length`."""
    stopped = client.chat("Say alpha beta gamma", stop=["beta"]).json()["choices"][0]
    assert "alpha" in stopped["message"]["content"]
    assert "beta" not in stopped["message"]["content"]
    assert stopped["finish_reason"] == "stop"
    short = client.chat("مرحبا", max_tokens=4).json()
    assert short["choices"][0]["finish_reason"] == "length"
    assert short["usage"]["completion_tokens"] == 4


def test_prompt_longer_than_the_window_is_refused(client: Client) -> None:
    """A prompt beyond the model's context window is 400 and says both numbers."""
    response = client.chat("word " * 9000, model="llama3.2:3b")
    assert response.status_code == 400
    assert "maximum context length is 8192" in response.json()["error"]["message"]


def test_arabic_costs_more_tokens_than_latin_and_escapes_cost_most(client: Client) -> None:
    """The count of its own rule grows from Latin to Arabic to escaped Arabic, letter for letter."""

    def cost(text: str) -> int:
        count: int = client.chat(text).json()["usage"]["prompt_tokens"]
        return count

    arabic = "مرحبا" * 10
    escaped = json.dumps(arabic)
    assert cost("hello" * 10) < cost(arabic) < cost(escaped)


def test_thinking_model_shows_its_reasoning(client: Client) -> None:
    """A thinking model gives reasoning_content and counts it; others have neither."""
    body = client.chat("مرحبا", model="deepseek-v4-pro").json()
    assert body["choices"][0]["message"]["reasoning_content"]
    assert (
        0
        < body["usage"]["completion_tokens_details"]["reasoning_tokens"]
        < body["usage"]["completion_tokens"]
    )
    assert "reasoning_content" not in client.said("مرحبا")


def test_max_tokens_too_low_for_a_thinking_model_leaves_no_text(client: Client) -> None:
    """Reasoning is paid for first, so that a low limit gives an empty answer, as the documents warn."""
    choice = client.chat("مرحبا", model="deepseek-v4-pro", max_tokens=5).json()["choices"][0]
    assert choice["message"]["content"] == ""
    assert choice["finish_reason"] == "length"


def test_model_list_has_the_documented_items(client: Client) -> None:
    """Items carry window, multiplier and activity; the category filters; one id alone can be asked for."""
    items = client.http.get("/models").json()["data"]
    llama = next(item for item in items if item["id"] == "llama3.2:3b")
    assert (llama["context_window"], llama["credit_cost_multiplier"], llama["owned_by"]) == (8192, 1, "meta")
    assert [item["id"] for item in items if not item["is_active"]] == ["neural-chat"]
    vision = client.http.get("/models", params={"category": "vision"}).json()["data"]
    assert [item["id"] for item in vision] == ["qwen3-vl:235b-instruct"]
    assert client.http.get("/models/qwen3-vl%3A235b-instruct").json()["category"] == "vision"
    assert client.http.get("/models/none").status_code == 404


def test_other_methods_and_paths_are_refused(client: Client) -> None:
    """A wrong method is 405 and names the right one; an unknown path is 404."""
    response = client.http.get("/chat/completions")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert client.http.post("http://emulator.test/api/billing/subscription").status_code == 405
    assert client.http.post("/completions").status_code == 404


def test_answers_are_the_same_every_time(client: Client) -> None:
    """The same request gets the same words; the same seed and order the same ids."""
    first, second = client.chat("مرحبا").json(), client.chat("مرحبا").json()
    assert first["choices"] == second["choices"]
    assert first["id"] != second["id"]
    client.emulator.reset()
    assert client.chat("مرحبا").json()["id"] == first["id"]


def test_history_of_any_shape_is_accepted(client: Client) -> None:
    """Two systems, users or assistants in a row, names and developer turns are no error."""
    roles = ("system", "system", "developer", "user", "user", "assistant", "assistant", "user")
    turns = [{"role": role, "content": "hello", "name": "x"} for role in roles]
    assert client.chat(messages=turns).status_code == 200


def test_facts_of_the_conversation_are_remembered(client: Client) -> None:
    """A name that the user gave comes back when asked for, in either language."""
    for told, asked, name in (
        ("My name is Layla.", "What is my name?", "Layla"),
        ("اسمي سالم", "ما اسمي؟", "سالم"),
    ):
        turns = [
            {"role": "user", "content": told},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": asked},
        ]
        assert name in client.said(messages=turns)["content"]
