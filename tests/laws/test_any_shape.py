"""Whatever JSON comes, as a request, a reply or a stream: a value, or one of the pack's errors."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from core.support import MODEL, WEATHER, Scripted, client_of, event, json_reply, sse_reply
from hypothesis import given
from hypothesis import strategies as st
from laws import strategies as some

from resayil import ChatResponse, RequestError, ResayilError, ToolCallPart, user
from resayil.codecs import CODECS
from resayil.jsontext import dump_bytes

FIELDS = (
    "id", "type", "role", "content", "text", "message", "choices", "delta", "index", "finish_reason",
    "tool_calls", "function", "name", "arguments", "function_call", "usage", "prompt_tokens",
    "completion_tokens_details", "created", "model", "error", "code", "reasoning_content", "thinking",
    "signature", "content_block", "input", "partial_json", "stop_reason", "input_tokens", "data",
    "image_url", "url", "source", "tool_use_id", "messages", "tools", "system", "tool_choice",
    "response_format", "json_schema", "schema", "stop", "stop_sequences", "max_tokens", "temperature",
    "max_completion_tokens", "functions", "input_schema", "parameters", "n", "top_p", "seed", "top_k",
    "is_error", "parallel_tool_calls", "$ref", "$defs", "definitions", "properties", "detail",
    "tool_call_id", "description",
)  # fmt: skip
WORDS = (
    "text", "tool_use", "tool_result", "thinking", "redacted_thinking", "image", "image_url", "text_delta",
    "input_json_delta", "thinking_delta", "signature_delta", "message_start", "content_block_start",
    "content_block_delta", "content_block_stop", "message_delta", "message_stop", "ping", "user", "assistant",
    "system", "tool", "stop", "end_turn", "json_object", "json_schema", "auto", "get_weather", "base64",
    "function", "#/$defs/a", "{}", '{"city": "x"}', "any", "m",
)  # fmt: skip
words = st.sampled_from(WORDS) | some.texts
odd = st.recursive(
    some.leaves | words | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5),
    max_leaves=12,
)


def _mutated(base: Any) -> st.SearchStrategy[Any]:
    """A right value with anything at all in some places."""
    if isinstance(base, dict):
        fields = {name: _mutated(value) | odd for name, value in base.items()}
        return st.fixed_dictionaries({}, optional=fields) | st.fixed_dictionaries(fields)
    if isinstance(base, list):
        return st.tuples(*map(_mutated, base)).map(list)
    return st.just(base) | odd


CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
TURN = {"role": "assistant", "content": "x", "tool_calls": [CALL], "reasoning_content": "y"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
REPLY = {
    "id": "a",
    "model": "m",
    "choices": [{"index": 0, "message": TURN, "finish_reason": "stop"}],
    "usage": USAGE,
}
CHUNK = {**REPLY, "choices": [{"index": 0, "delta": TURN, "finish_reason": None}]}
BLOCK = {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"city": "x"}}
MESSAGE = {
    "id": "a", "model": "m",
    "content": [{"type": "text", "text": "x"}, BLOCK, {"type": "thinking", "thinking": "y"}],
    "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens_details": {"thinking_tokens": 1}},
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": MESSAGE},
    {"type": "content_block_start", "index": 0, "content_block": BLOCK},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
]
SCHEMA = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}
OPENAI_TOOL = {"type": "function", "function": {"name": "t", "parameters": SCHEMA}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/b", "detail": "low"}}
REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "x"}, PICTURE]},
            TURN,
            {"role": "tool", "tool_call_id": "c1", "content": "x"},
        ],
        "tools": [OPENAI_TOOL],
        "tool_choice": {"type": "function", "function": {"name": "t"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
        "max_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.5,
        "stop": ["x"],
        "seed": 1,
        "parallel_tool_calls": True,
    },
    "messages": {
        "model": "m",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "x"}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "url", "url": "https://a.example/b"}}],
            },
            {"role": "assistant", "content": MESSAGE["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "x"}]},
        ],
        "tools": [{"name": "t", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "t", "disable_parallel_tool_use": True},
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["x"],
    },
}


@pytest.mark.parametrize("dialect", CODECS)
@given(data=st.data())
def test_any_body_is_a_request_or_refused(dialect: str, data: st.DataObject) -> None:
    """A body that a stranger sends is read, or refused; what was read can be written, or is refused."""
    body = data.draw(_mutated(REQUESTS[dialect]) | st.dictionaries(st.sampled_from(FIELDS), odd))
    codec = CODECS[dialect]
    with contextlib.suppress(RequestError):
        dump_bytes(codec.encode(codec.read_request(body)))


def _answered(transport: Scripted, api: str, *, streamed: bool) -> ChatResponse | None:
    client = client_of(transport, api=api)
    try:
        if not streamed:
            return client.chat(MODEL, "س", tools=[WEATHER])
        stream = client.stream(MODEL, "س", tools=[WEATHER])
        list(stream)
        return stream.response()
    except ResayilError:
        return None


def _assert_usable(response: ChatResponse | None, api: str) -> None:
    """The answer is made of texts and calls that can be shown, priced, and sent back."""
    if response is None:
        return
    for part in response.message.content:
        if isinstance(part, ToolCallPart):
            assert part.name == "get_weather"
        assert repr(part)
    response.text.encode()
    response.reasoning.encode()
    assert response.usage.total_tokens >= 0
    request = CODECS[api].read_request(
        {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "س"}]}
    )
    dump_bytes(CODECS[api].encode(type(request)("m", (user("س"), response.message, user("س")))))


@given(_mutated(REPLY) | odd)
def test_any_chat_reply(body: Any) -> None:
    """A reply of any shape is an answer or a typed error, called and streamed alike."""
    for streamed in (False, True):
        _assert_usable(_answered(Scripted(json_reply(body)), "chat", streamed=streamed), "chat")


@given(_mutated(MESSAGE) | odd)
def test_any_messages_reply(body: Any) -> None:
    """The same on the messages dialect."""
    for streamed in (False, True):
        _assert_usable(_answered(Scripted(json_reply(body)), "messages", streamed=streamed), "messages")


def _stream(bodies: list[Any]) -> Scripted:
    return Scripted(sse_reply(*(event(json.dumps(body)) for body in bodies), event("[DONE]")))


@given(st.lists(_mutated(CHUNK) | odd, max_size=4))
def test_any_chat_stream(bodies: list[Any]) -> None:
    """A stream of anything is an answer or a typed error."""
    _assert_usable(_answered(_stream(bodies), "chat", streamed=True), "chat")


@given(
    st.tuples(*map(_mutated, EVENTS)).map(list)
    | st.lists(st.sampled_from(EVENTS).flatmap(_mutated), max_size=6)
)
def test_any_messages_stream(bodies: list[Any]) -> None:
    """The same on the messages dialect, its events in any order."""
    ending = [*bodies, {"type": "message_stop"}]
    _assert_usable(_answered(_stream(ending), "messages", streamed=True), "messages")
