from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

WEATHER = {
    "type": "object",
    "properties": {"location": {"type": "string"}},
    "required": ["location"],
}
MODEL, EYES, MIND = "deepseek-v4-flash", "qwen3-vl:235b-instruct", "deepseek-v4-pro"
USER: Any = [{"role": "user", "content": "ما هي عاصمة مصر؟"}]


@pytest.fixture
def openai_client(resayil_server: Any) -> Iterator[openai.OpenAI]:
    """The official OpenAI SDK on the socket."""
    with openai.OpenAI(base_url=resayil_server.base_url, api_key=resayil_server.key, max_retries=0) as client:
        yield client


@pytest.fixture(params=["with /v1", "without /v1"])
def anthropic_client(resayil_server: Any, request: pytest.FixtureRequest) -> Iterator[anthropic.Anthropic]:
    """The official Anthropic SDK on the socket, with the documented base URL and without /v1."""
    base = resayil_server.base_url if request.param == "with /v1" else resayil_server.origin
    with anthropic.Anthropic(base_url=base, api_key=resayil_server.key, max_retries=0) as client:
        yield client


def test_openai_chat_and_stream(openai_client: openai.OpenAI) -> None:
    """A call and a stream give the same text and usage."""
    whole = openai_client.chat.completions.create(model=MODEL, messages=USER)
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=USER, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert "ما هي عاصمة مصر؟" in text
    assert chunks[-1].usage == whole.usage


def test_openai_tools(openai_client: openai.OpenAI) -> None:
    """A tool call and its result go round."""
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    turns: Any = [{"role": "user", "content": "ما الطقس في الكويت؟"}]
    first = openai_client.chat.completions.create(model=MIND, messages=turns, tools=tools).choices[0]
    assert first.finish_reason == "tool_calls"
    assert first.message.tool_calls
    call: Any = first.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"location": "الكويت"}
    turns += [first.message, {"role": "tool", "tool_call_id": call.id, "content": "مشمس ٣٨"}]
    last = openai_client.chat.completions.create(model=MIND, messages=turns, tools=tools).choices[0]
    assert "مشمس ٣٨" in (last.message.content or "")


def test_openai_vision_and_structured_output(openai_client: openai.OpenAI, receipt_url: str) -> None:
    """An image in the content array is read; a JSON schema is filled."""
    parts: Any = [
        {"type": "image_url", "image_url": {"url": receipt_url}},
        {"type": "text", "text": "كم المجموع؟"},
    ]
    seen = openai_client.chat.completions.create(model=EYES, messages=[{"role": "user", "content": parts}])
    assert "12.500 د.ك" in (seen.choices[0].message.content or "")
    form: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": WEATHER}}
    asked: Any = [{"role": "user", "content": "I live in Doha"}]
    filled = openai_client.chat.completions.create(model=MODEL, messages=asked, response_format=form)
    assert json.loads(filled.choices[0].message.content or "") == {"location": "Doha"}


def test_openai_errors_and_models(openai_client: openai.OpenAI, resayil_server: Any) -> None:
    """Statuses become the SDK's own classes with our words; the list parses."""
    with pytest.raises(openai.NotFoundError, match="not found"):
        openai_client.chat.completions.create(model="none", messages=USER)
    with pytest.raises(openai.AuthenticationError):
        openai_client.with_options(api_key="sk-wrong").models.list()
    with pytest.raises(openai.UnprocessableEntityError, match="temperature"):
        openai_client.chat.completions.create(model=MODEL, messages=USER, temperature=2.5)
    key = resayil_server.emulator.add_key(requests_per_minute=1)
    limited = openai_client.with_options(api_key=key)
    assert MODEL in [model.id for model in limited.models.list()]
    with pytest.raises(openai.RateLimitError) as caught:
        limited.models.list()
    assert caught.value.response.json()["retry_after"] == 60
    assert openai_client.models.retrieve(EYES).id == EYES


def test_openai_sees_a_broken_stream(openai_client: openai.OpenAI, resayil_server: Any) -> None:
    """A connection cut in mid-stream reaches the SDK as an error, not as an end."""
    resayil_server.emulator.fault("cut", after_events=3)
    stream = openai_client.chat.completions.create(model=MODEL, messages=USER, stream=True)
    with pytest.raises(Exception, match="incomplete chunked read"):
        list(stream)


def test_anthropic_message_and_stream(anthropic_client: anthropic.Anthropic) -> None:
    """A call and a stream give the same blocks, thinking and signature included."""
    whole = anthropic_client.messages.create(model=MIND, max_tokens=500, messages=USER)
    with anthropic_client.messages.stream(model=MIND, max_tokens=500, messages=USER) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text"]
    assert [block.to_dict() for block in final.content] == [block.to_dict() for block in whole.content]
    assert text == whole.content[1].to_dict()["text"]
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.stop_reason == "end_turn"


def test_anthropic_tools(anthropic_client: anthropic.Anthropic) -> None:
    """A streamed tool call joins to its input, and its result is answered."""
    tools: Any = [{"name": "get_weather", "description": "Weather of a place", "input_schema": WEATHER}]
    turns: Any = [{"role": "user", "content": "What is the weather in Kuwait City?"}]
    with anthropic_client.messages.stream(model=MODEL, max_tokens=500, messages=turns, tools=tools) as stream:
        first = stream.get_final_message()
    use: Any = first.content[-1]
    assert (first.stop_reason, use.name, use.input) == (
        "tool_use",
        "get_weather",
        {"location": "Kuwait City"},
    )
    turns.append({"role": "assistant", "content": first.content})
    turns.append(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "38C"}]}
    )
    last = anthropic_client.messages.create(model=MODEL, max_tokens=500, messages=turns, tools=tools)
    assert "38C" in last.content[0].to_dict()["text"]


def test_anthropic_counts_and_lists(anthropic_client: anthropic.Anthropic) -> None:
    """count_tokens agrees with the usage of the call, and the model list parses."""
    counted = anthropic_client.messages.count_tokens(model="mistral", messages=USER)
    used = anthropic_client.messages.create(model="mistral", max_tokens=100, messages=USER)
    assert counted.input_tokens == used.usage.input_tokens
    assert MODEL in [model.id for model in anthropic_client.models.list()]


def test_anthropic_errors(anthropic_client: anthropic.Anthropic, resayil_server: Any) -> None:
    """Statuses become the SDK's own classes, an overload and an image among them."""
    image: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
    with pytest.raises(anthropic.BadRequestError, match="Image content blocks are not accepted"):
        anthropic_client.messages.create(
            model=MODEL, max_tokens=9, messages=[{"role": "user", "content": [image]}]
        )
    with pytest.raises(anthropic.NotFoundError):
        anthropic_client.messages.create(model="claude-3-sonnet", max_tokens=9, messages=USER)
    resayil_server.emulator.fault(529)
    with pytest.raises(anthropic.APIStatusError, match="overloaded"):
        anthropic_client.messages.create(model=MODEL, max_tokens=9, messages=USER)
    resayil_server.emulator.fault("error-event", after_events=3)
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded"),
        anthropic_client.messages.stream(model=MODEL, max_tokens=99, messages=USER) as stream,
    ):
        stream.get_final_message()
