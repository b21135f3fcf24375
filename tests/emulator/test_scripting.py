from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from resayil.emulator import Call, Emulator, RecordedRequest, Reply

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

Events = Callable[[str], list[dict[str, Any]]]


def test_replies_come_in_order_then_its_own_words(client: Client) -> None:
    """Each queued answer serves one chat request of either dialect; lists and counts use none."""
    client.emulator.reply("أهلًا")
    client.emulator.reply("second")
    client.http.get("/models")
    client.http.post("/messages/count_tokens", json={"messages": [{"role": "user", "content": "x"}]})
    assert client.said()["content"] == "أهلًا"
    assert client.message().json()["content"] == [{"type": "text", "text": "second"}]
    assert "emulator" in client.said()["content"]


def test_reply_can_say_everything(client: Client) -> None:
    """Reasoning, finish reason and usage go out as given, in both dialects."""
    for _ in range(2):
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        client.emulator.reply("x", reasoning="hm", finish_reason="content_filter", usage=usage)
    chat = client.chat().json()
    assert chat["choices"][0]["message"]["reasoning_content"] == "hm"
    assert chat["choices"][0]["finish_reason"] == "content_filter"
    assert (chat["usage"]["prompt_tokens"], chat["usage"]["total_tokens"]) == (7, 10)
    message = client.message().json()
    assert message["stop_reason"] == "content_filter"
    assert message["usage"] == {"input_tokens": 7, "output_tokens": 3}


def test_chunks_are_kept(client: Client, events: Events) -> None:
    """The stream's pieces are the given ones; the call's text is their join."""
    for _ in range(2):
        client.emulator.reply("", chunks=["مر", "", "حبا"])
    pieces = [chunk["choices"][0]["delta"].get("content") for chunk in events(client.chat(stream=True).text)]
    assert pieces == ["", "مر", "", "حبا", None]
    assert client.said()["content"] == "مرحبا"


def test_calls_go_out_unchanged(client: Client) -> None:
    """A call keeps its id and its raw arguments, malformed or not; several come in one answer."""
    client.emulator.call("add", '{"a": 1', id="call_x", text="Let me see")
    message = client.said()
    [call] = message["tool_calls"]
    assert (message["content"], call["id"], call["function"]["arguments"]) == (
        "Let me see",
        "call_x",
        '{"a": 1',
    )
    client.emulator.calls([("one", {"ا": "ب"}), ("two", {})])
    choice = client.chat().json()["choices"][0]
    assert [call["function"]["name"] for call in choice["message"]["tool_calls"]] == ["one", "two"]
    assert choice["message"]["tool_calls"][0]["function"]["arguments"] == '{"ا":"ب"}'
    assert choice["finish_reason"] == "tool_calls"
    client.emulator.call("add", {"a": 1})
    block = client.message().json()["content"][0]
    assert (block["type"], block["input"]) == ("tool_use", {"a": 1})


def test_malformed_arguments_stream_in_the_messages_dialect(client: Client) -> None:
    """What is no JSON is streamed piece by piece like any other, and stands as text in a whole reply."""
    for _ in range(2):
        client.emulator.call("add", '{"a": 1')
    lines = [line for line in client.message(stream=True).text.splitlines() if "partial_json" in line]
    pieces = [json.loads(line.removeprefix("data: "))["delta"]["partial_json"] for line in lines]
    assert "".join(pieces) == '{"a": 1'
    assert client.message().json()["content"][0]["input"] == '{"a": 1'


def test_script_takes_functions_of_the_request(client: Client) -> None:
    """A function sees the recorded request and gives the answer."""

    def answer(request: RecordedRequest) -> Reply | Call:
        return Call("stop", {}) if request.stream else Reply(request.body["messages"][0]["content"].upper())

    client.emulator.script([answer, answer])
    assert client.said("hello")["content"] == "HELLO"
    assert '"name":"stop"' in client.chat(stream=True).text


def test_limits_hold_for_scripted_answers(client: Client) -> None:
    """A stop sequence cuts a scripted answer too, unless it says how it ends."""
    client.emulator.script(["one two three", Reply("one two three", finish_reason="length")])
    assert client.said(stop=["two"])["content"] == "one "
    assert client.said(stop=["two"])["content"] == "one two three"


def test_requests_are_recorded(client: Client) -> None:
    """Method, path, query, body, dialect, model, stream, status and tokens are kept, refusals included."""
    client.chat("مرحبا", stream=True)
    client.message(model="none")
    client.http.get("/models", params={"category": "chat"})
    client.http.post("/chat/completions", content=b"{")
    chat, message, models, broken = client.emulator.requests
    assert (chat.method, chat.path, chat.dialect) == ("POST", "/v1/chat/completions", "chat")
    assert chat.body["messages"][0]["content"] == "مرحبا"
    assert (chat.model, chat.stream, chat.status) == ("deepseek-v4-flash", True, 200)
    assert chat.credits == chat.tokens * 2 > 0
    assert (message.dialect, message.model, message.status, message.tokens) == ("messages", "none", 404, 0)
    assert (models.dialect, models.query) == ("models", {"category": "chat"})
    assert (broken.body, broken.status) == (None, 400)


def test_credentials_are_masked(client: Client) -> None:
    """No recorded header holds a key, long or short, in either place."""
    client.http.get(
        "/models", headers={"x-api-key": "sk-secret-0123456789", "authorization": "Bearer sk-abc"}
    )
    recorded = client.emulator.requests[0]
    assert "secret" not in repr(recorded)
    assert "sk-abc" not in repr(recorded)
    assert recorded.headers["x-api-key"] == "sk-…6789"


def test_reset_forgets_everything(client: Client) -> None:
    """Requests, scripts, faults and keys are gone; the default key works."""
    key = client.emulator.add_key()
    client.emulator.reply("x")
    client.emulator.fault(500)
    client.http.get("/models")
    client.emulator.reset()
    assert client.emulator.requests == []
    assert "emulator" in client.said()["content"]
    assert client.http.get("/models", headers={"authorization": f"Bearer {key}"}).status_code == 401


async def test_async_transport_serves_the_same_world() -> None:
    """The async transport answers from the same script and records in the same list."""
    emulator = Emulator()
    emulator.reply("مرحبا")
    body = {"model": "mistral", "messages": [{"role": "user", "content": "hi"}]}
    async with httpx.AsyncClient(transport=emulator.async_transport(), base_url=emulator.base_url) as http:
        response = await http.post("/chat/completions", json=body, headers={"x-api-key": emulator.key})
    assert response.json()["choices"][0]["message"]["content"] == "مرحبا"
    assert emulator.requests[0].status == 200


def test_prompt_cache_counts_in_both_dialects(connect: Callable[..., Client]) -> None:
    """A longer conversation reads what was sent before; Messages only where a block is marked."""
    client = connect("prompt-cache")
    turns = [{"role": "user", "content": "a long story"}, {"role": "assistant", "content": "ok"}]
    client.chat(messages=turns[:1])
    usage = client.chat(messages=[*turns, {"role": "user", "content": "go on"}]).json()["usage"]
    assert 0 < usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]
    marked = [{"type": "text", "text": "a long story", "cache_control": {"type": "ephemeral"}}]
    first, second = (client.message(marked).json()["usage"] for _ in range(2))
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 0
    assert first["input_tokens"] == second["input_tokens"] == 0
    assert client.message("a long story").json()["usage"]["cache_read_input_tokens"] == 0


@pytest.mark.parametrize("oddities", [("think-tags",), ("reasoning-field",), ("legacy-function-call",)])
def test_odd_forms_stream_as_they_answer(
    connect: Callable[..., Client], events: Events, oddities: tuple[str, ...]
) -> None:
    """A switch that changes a reply's form changes its stream alike."""
    client = connect(*oddities)
    for _ in range(2):
        client.emulator.call("add", {"a": 1}, reasoning="hm", text="so")
    message = client.said()
    joined: dict[str, Any] = {"role": "assistant"}
    for chunk in events(client.chat(stream=True).text):
        for field, value in chunk["choices"][0]["delta"].items():
            if field == "function_call":
                known = joined.setdefault(field, {"name": value.get("name"), "arguments": ""})
                known["arguments"] += value["arguments"]
            elif field in ("content", "reasoning", "reasoning_content"):
                joined[field] = joined.get(field, "") + value
    assert {key: value for key, value in message.items() if key != "tool_calls"} == joined
