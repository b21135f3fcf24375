"""The real proxy, started as a user starts it, called by the official SDKs."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from litellm_provider.config import Plan, proxy_config
from resayil import Client
from resayil.emulator import Emulator
from resayil.emulator.server import Server

pytestmark = pytest.mark.slow

HELLO: list[Any] = [{"role": "user", "content": "مرحبا"}]
QUESTION = "What is the weather in Kuwait City?"
SCHEMA = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    """The service behind the proxy."""
    with Emulator().serve() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(service: Server, start_proxy: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A proxy with the generated configuration."""
    with Client(service.key, service.base_url) as client:
        models = client.models()
    plan = Plan(base_url=service.base_url, credit_price="0.001", requests_per_minute=None)
    config = tmp_path_factory.mktemp("proxy") / "config.yaml"
    config.write_text(proxy_config(models, plan), "utf-8")
    with start_proxy(config, {"LLM_RESAYIL_API_KEY": service.key}) as running:
        yield running


@pytest.fixture
def emulator(service: Server) -> Emulator:
    """The service's emulator, without history."""
    service.emulator.reset()
    return service.emulator


@pytest.fixture
def gpt(proxy: Any) -> Iterator[openai.OpenAI]:
    """OpenAI's own client, pointed at the proxy."""
    with openai.OpenAI(api_key="sk-master-1234", base_url=f"{proxy.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(proxy: Any) -> Iterator[anthropic.Anthropic]:
    """Anthropic's own client, pointed at the proxy."""
    with anthropic.Anthropic(api_key="sk-master-1234", base_url=proxy.url, max_retries=0) as client:
        yield client


def test_openai_chat_with_cost_and_headers(gpt: openai.OpenAI, emulator: Emulator) -> None:
    """A chat through a named group: the answer, its exact usage, its cost from credits, the service's ids."""
    emulator.reply("أهلاً", usage={"prompt_tokens": 6, "completion_tokens": 4})
    raw = gpt.chat.completions.with_raw_response.create(model="arabic-chat", messages=HELLO)
    answer = raw.parse()
    assert answer.choices[0].message.content == "أهلاً"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 4)
    assert float(raw.headers["x-litellm-response-cost"]) == pytest.approx(0.02)
    assert raw.headers["llm_provider-x-request-id"].startswith("req_")
    assert raw.headers["llm_provider-x-resayil-credits-estimated"] == "20"


def test_openai_streams_with_exact_usage(gpt: openai.OpenAI, emulator: Emulator) -> None:
    """A stream through the wildcard: text, one usage report, exact."""
    emulator.reply("", chunks=["أه", "لاً"], usage={"prompt_tokens": 11, "completion_tokens": 7})
    options: Any = {"include_usage": True}
    parts = list(
        gpt.chat.completions.create(
            model="resayil/gemma3:27b", messages=HELLO, stream=True, stream_options=options
        )
    )
    assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == "أهلاً"
    told = [part.usage for part in parts if part.usage]
    assert [(usage.prompt_tokens, usage.completion_tokens) for usage in told] == [(11, 7)]
    assert [part.choices[0].finish_reason for part in parts if part.choices].count("stop") == 1
    (known,) = [fields for part in parts if (fields := getattr(part, "provider_specific_fields", None))]
    assert (known["attempts"], known["maybe_billed"]) == (1, 0)
    assert known["credits"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_openai_tools(gpt: openai.OpenAI, emulator: Emulator, *, stream: bool) -> None:
    """A tool call, whole and streamed, and the answer after its result."""
    del emulator
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
    messages: Any = [{"role": "user", "content": QUESTION}]
    if stream:
        with gpt.chat.completions.stream(model="arabic-chat", messages=messages, tools=tools) as events:
            events.until_done()
            message = events.get_final_completion().choices[0].message
    else:
        message = (
            gpt.chat.completions.create(model="arabic-chat", messages=messages, tools=tools)
            .choices[0]
            .message
        )  # type: ignore[assignment] # the parsed kind of message in the other branch
    assert message.tool_calls is not None
    (made,) = message.tool_calls
    assert "Kuwait" in made.function.arguments  # type: ignore[union-attr] # a function's call
    messages += [message, {"role": "tool", "tool_call_id": made.id, "content": "45 degrees"}]
    answer = gpt.chat.completions.create(model="arabic-chat", messages=messages, tools=tools)
    assert "45" in (answer.choices[0].message.content or "")


def test_openai_vision(gpt: openai.OpenAI, emulator: Emulator) -> None:
    """A picture reaches the vision group's model byte for byte."""
    url = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    content: Any = [{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]
    gpt.chat.completions.create(model="vision", messages=[{"role": "user", "content": content}])
    sent = emulator.requests[-1].body
    assert sent["model"] == "qwen3-vl:235b-instruct"
    assert sent["messages"][0]["content"][1]["image_url"]["url"] == url


@pytest.mark.parametrize("stream", [False, True])
def test_openai_responses(gpt: openai.OpenAI, emulator: Emulator, *, stream: bool) -> None:
    """The Responses API, which the service does not have, is answered through its chats."""
    emulator.reply("جواب", reasoning="تفكير")
    if stream:
        with gpt.responses.stream(model="thinking", input="سؤال", reasoning={"effort": "low"}) as events:
            kinds = {event.type for event in events}
            answer: Any = events.get_final_response()
        assert {"response.output_text.delta", "response.completed"} <= kinds
    else:
        answer = gpt.responses.create(model="thinking", input="سؤال", reasoning={"effort": "low"})
        assert {item.type for item in answer.output} == {"reasoning", "message"}
    assert answer.output_text == "جواب"
    assert emulator.requests[-1].path.endswith("/chat/completions")


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_messages(claude: anthropic.Anthropic, emulator: Emulator, *, stream: bool) -> None:
    """The Messages API: text and exact usage, whole and streamed."""
    emulator.reply("نعم", usage={"prompt_tokens": 11, "completion_tokens": 7})
    given: Any = {"model": "arabic-chat", "max_tokens": 50, "messages": HELLO}
    if stream:
        with claude.messages.stream(**given) as events:
            answer = events.get_final_message()
    else:
        answer = claude.messages.create(**given)
    assert answer.content[0].text == "نعم"  # type: ignore[union-attr] # a text block
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 7)
    assert answer.stop_reason == "end_turn"


def test_anthropic_tools_and_images(claude: anthropic.Anthropic, emulator: Emulator) -> None:
    """A tool's use, its result, and a picture in Anthropic's form."""
    tools: Any = [{"name": "get_weather", "input_schema": SCHEMA}]
    messages: Any = [{"role": "user", "content": QUESTION}]
    given: Any = {"model": "arabic-chat", "max_tokens": 300, "tools": tools}
    made = claude.messages.create(messages=messages, **given)
    (use,) = [block for block in made.content if block.type == "tool_use"]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "45 degrees"}
    messages += [{"role": "assistant", "content": made.content}, {"role": "user", "content": [result]}]
    answer = claude.messages.create(messages=messages, **given)
    assert "45" in answer.content[0].text  # type: ignore[union-attr] # a text block
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
    picture: Any = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    claude.messages.create(model="vision", max_tokens=50, messages=picture)
    sent = emulator.requests[-1].body["messages"][0]["content"][0]["image_url"]["url"]
    assert sent.endswith(source["data"])


@pytest.mark.parametrize("stream", [False, True])
def test_anthropic_thinking(claude: anthropic.Anthropic, emulator: Emulator, *, stream: bool) -> None:
    """Thinking, which LiteLLM refuses for unknown providers unless allowed, gives a thinking block."""
    emulator.reply("٤٢", reasoning="ستة في سبعة")
    thinking: Any = {"type": "enabled", "budget_tokens": 1024}
    given: Any = {"model": "thinking", "max_tokens": 2000, "thinking": thinking, "messages": HELLO}
    if stream:
        with claude.messages.stream(**given) as events:
            answer = events.get_final_message()
    else:
        answer = claude.messages.create(**given)
    told = {block.type: getattr(block, block.type) for block in answer.content}
    assert told == {"thinking": "ستة في سبعة", "text": "٤٢"}


ERRORS = {
    "llama3.2:3b": (401, 401),
    "qwen2.5:7b": (402, 402),
    "claude-3-sonnet-cloud": (403, 403),
    "mistral": (404, 404),
    "llama3.1": (422, 422),
    "qwen3.5:397b": (429, 429),
    "mistral-small3.2:24b": (500, 500),
    "kimi-k2:1t": (529, 503),
}


@pytest.mark.parametrize("model", ERRORS)
def test_errors_as_plain_http(proxy: Any, emulator: Emulator, model: str) -> None:
    """A client without an SDK sees the right status, before a stream too, and no key, path or traceback."""
    status, seen = ERRORS[model]
    emulator.fault(status, times=20, headers={"retry-after": "3"} if status == 429 else None)
    body = {"model": f"resayil/{model}", "messages": HELLO, "num_retries": 0}
    with proxy.http() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == seen, reply.text
    message = reply.json()["error"]["message"]
    assert f"answered {status}" in message
    assert emulator.key not in reply.text
    assert ".py" not in message
    if status == 429:
        assert reply.headers["retry-after"] == "3"


def test_a_client_cannot_set_prices(proxy: Any, emulator: Emulator) -> None:
    """What the configuration decides cannot come from a client's body."""
    del emulator
    body = {"model": "arabic-chat", "messages": HELLO, "credit_price": 0, "num_retries": 0}
    with proxy.http() as client:
        reply = client.post("/v1/chat/completions", json=body)
    assert reply.status_code == 400
    assert "set by the proxy's configuration" in reply.text


def test_models_and_health(proxy: Any, emulator: Emulator) -> None:
    """Every model is listed; a health check is one call of one token."""
    with proxy.http() as client:
        listed = {item["id"] for item in client.get("/v1/models").json()["data"]}
        health = client.get("/health").json()
    assert {"arabic-chat", "vision", "thinking", "resayil/deepseek-v4-pro"} <= listed
    assert (health["healthy_count"], health["unhealthy_count"]) == (1, 0)
    assert [request.body["max_tokens"] for request in emulator.requests] == [1]


def test_an_upstream_cut_in_mid_stream_is_an_error(gpt: openai.OpenAI, emulator: Emulator) -> None:
    """A stream that the service breaks off reaches the client as an error, not as a short answer."""
    emulator.reply("x " * 50)
    emulator.fault("cut", after_events=4)
    with pytest.raises(openai.APIError):
        list(gpt.chat.completions.create(model="resayil/gemma3:27b", messages=HELLO, stream=True))


def test_leaving_ends_the_request_upstream(proxy: Any, emulator: Emulator) -> None:
    """A client that hangs up in mid-stream is not waited for."""
    emulator.reply("", chunks=["x "] * 50)
    emulator.fault("stall", 5, after_events=4)
    body = {"model": "resayil/gemma3:27b", "messages": HELLO, "stream": True}
    with proxy.http() as client, client.stream("POST", "/v1/chat/completions", json=body) as reply:
        next(reply.iter_lines())
    began = time.monotonic()
    with proxy.http() as client:
        assert client.post("/v1/chat/completions", json={**body, "stream": False}).status_code == 200
    assert time.monotonic() - began < 4


def test_the_package_is_not_shadowed(tmp_path: Path) -> None:
    """The configuration names the installed package; nothing is written beside it."""
    config = tmp_path / "config.yaml"
    config.write_text(proxy_config([]), "utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_killed_in_mid_stream(proxy: Any, emulator: Emulator) -> None:
    """The proxy's death in mid-stream gives its client an error, not silence; this test comes last."""
    emulator.reply("", chunks=["x "] * 50)
    emulator.fault("stall", 20, after_events=4)
    with closing(
        openai.OpenAI(api_key="sk-master-1234", base_url=f"{proxy.url}/v1", max_retries=0)
    ) as client:
        parts = client.chat.completions.create(model="resayil/gemma3:27b", messages=HELLO, stream=True)
        threading.Timer(0.5, proxy.kill).start()
        with pytest.raises((openai.APIError, httpx.HTTPError)):
            list(parts)
