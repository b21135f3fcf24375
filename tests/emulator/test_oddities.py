from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from resayil.emulator import ODDITIES, PROFILES, Emulator

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

Connect = Callable[..., "Client"]
Events = Callable[[str], list[dict[str, Any]]]
Check = Callable[["Client", Events], bool]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
TOOL = {
    "name": "add",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
}
USER = {"role": "user", "content": "مرحبا"}
RESULT = [
    USER,
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "3"},
]
NULL = [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, *RESULT[2:], USER]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
PRO = "deepseek-v4-pro"


def refuses(field: str, **body: Any) -> Check:
    """The old 422: field errors, and no `error` key."""

    def check(client: Client, _events: Events) -> bool:
        response = client.chat(**body)
        told = response.json()
        return (
            response.status_code == 422
            and told.keys() == {"message", "errors"}
            and told["message"] == "Validation failed."
            and list(told["errors"]) == [field]
        )

    return check


def wrong_key(client: Client) -> Any:
    """The answer to a key that is not known."""
    return client.http.post("/chat/completions", headers={"authorization": "Bearer sk-wrong"}, json={})


def broken(client: Client, status: int) -> Any:
    """The answer to a request that meets a status."""
    client.emulator.fault(status)
    return client.chat()


def limited(client: Client, **body: Any) -> Any:
    """The answer to the second request of a key that has one per minute."""
    key = client.emulator.add_key(requests_per_minute=1)
    client.http.headers["authorization"] = f"Bearer {key}"
    first = client.chat(**body)
    assert first.status_code == 200
    return first, client.chat(**body)


def counted(client: Client) -> Any:
    """The answer of count_tokens."""
    return client.http.post("/messages/count_tokens", json={"messages": [USER]})


def billing(client: Client, path: str) -> Any:
    """The answer of a billing endpoint."""
    return client.http.get(f"http://emulator.test/api/billing/{path}")


def last_delta(client: Client, events: Events) -> Any:
    """The delta of a stream's last chunk."""
    return events(client.chat(stream=True).text)[-1]["choices"][0]["delta"]


def tiny_minutes(client: Client) -> bool:
    """Whether the limit of a key starts anew with the UTC minute."""
    now = [119.0]
    emulator = Emulator(oddities=client.emulator.oddities, clock=lambda: now[0])
    client.http = type(client)(emulator, emulator.add_key("sk-one", requests_per_minute=1)).http
    first, second = client.chat().status_code, client.chat().status_code
    now[0] = 120.0
    return (first, second, client.chat().status_code) == (200, 429, 200)


SHOWS: dict[str, Check] = {
    "tool-role-422": refuses("messages.2.role", messages=RESULT),
    "null-content-422": refuses("messages.1.content", messages=NULL),
    "content-array-422": refuses("messages.0.content", messages=PARTS),
    "system-role-422": refuses("messages.0.role", messages=[{"role": "system", "content": "x"}, USER]),
    "tools-ignored": lambda client, _: not client.called("add 3", TOOL, tool_choice="required"),
    "stop-ignored": lambda client, _: "beta" in client.said("alpha beta", stop=["beta"])["content"],
    "response-format-ignored": lambda client, _: (
        not client.said("hi", response_format={"type": "json_object"})["content"].startswith("{")
    ),
    "int-error-code": lambda client, _: wrong_key(client).json()["error"]["code"] == 401,
    "string-error": lambda client, _: (
        wrong_key(client).json() == {"message": "Unauthenticated.", "error": "Invalid API key."}
    ),
    "digit-code-429": lambda client, _: broken(client, 429).json()["error"]["code"] == "429",
    "message-only-error": lambda client, _: broken(client, 500).json() == {"message": "Server error."},
    "top-up-fields": lambda client, _: {"top_up_url", "current_credits"} <= _poor(client).json().keys(),
    "delta-array": lambda client, events: last_delta(client, events) == [],
    "no-stream-usage": lambda client, events: (
        not any(
            chunk.get("usage")
            for chunk in events(client.chat(stream=True, stream_options={"include_usage": True}).text)
        )
    ),
    "escaped-arabic": lambda client, _: (
        r"\u0627" in client.chat("مرحبا").text and r"\u0627" in client.chat("مرحبا", stream=True).text
    ),
    "bare-stream-429": lambda client, _: _is_bare(limited(client, stream=True)[1]),
    "limit-headers-on-429": lambda client, _: (
        ["x-ratelimit-limit" in response.headers for response in limited(client)] == [False, True]
    ),
    "ollama-503": lambda client, _: all(
        (response.status_code, response.json()["error"]["message"])
        == (503, "Failed to connect to Ollama service")
        for response in (client.chat("word " * 9000, model="llama3.2:3b"), broken(client, 502))
    ),
    "redirect-302": lambda client, _: (
        [
            client.http.post(f"http://emulator.test{base}/chat/completions", content=b"{").status_code
            for base in ("/v1", "/api/v1")
        ]
        == [302, 400]
    ),
    "html-error": lambda client, _: broken(client, 502).headers["content-type"].startswith("text/html"),
    "no-messages-api": lambda client, _: (
        (client.message().status_code, counted(client).status_code) == (404, 404)
    ),
    "no-count-tokens": lambda client, _: (
        (client.message().status_code, counted(client).status_code) == (200, 404)
    ),
    "cloud-suffix": lambda client, _: all(
        client.chat(model=name).status_code == 200
        for name in ("qwen3.5:397b-cloud", "kimi-k2:1t:cloud", "claude-3-sonnet")
    ),
    "no-x-api-key": lambda client, _: _with_x_api_key(client).status_code == 401,
    "fixed-minute": lambda client, _: tiny_minutes(client),
    "inactive-503": lambda client, _: (
        client.chat(model="neural-chat").status_code == 503
        and "neural-chat" in client.chat(model="neural-chat").text
    ),
    "empty-stream": lambda client, _: client.chat(stream=True).content == b"",
    "no-done": lambda client, _: (
        "[DONE]" not in client.chat(stream=True).text
        and "message_stop" not in client.message(stream=True).text
    ),
    "token-count-field": lambda client, _: counted(client).json().keys() == {"token_count"},
    "total-tokens-field": lambda client, _: counted(client).json().keys() == {"total_tokens"},
    "tokens-field": lambda client, _: counted(client).json().keys() == {"tokens"},
    "usage-count-field": lambda client, _: counted(client).json()["usage"]["input_tokens"] > 0,
    "wrapped-billing": lambda client, _: (
        billing(client, "subscription").json()["data"]["tier"] == "enterprise"
    ),
    "billing-404": lambda client, _: (
        [billing(client, f"topup-{what}").status_code for what in ("packs", "history")] == [404, 404]
        and client.http.get("/pricing/topups").status_code == 200
    ),
    "think-tags": lambda client, _: client.said(model=PRO)["content"].startswith("<think>"),
    "reasoning-field": lambda client, _: {"reasoning"} == client.said(model=PRO).keys() - {"role", "content"},
    "legacy-function-call": lambda client, _: (
        "function_call" in client.said("add 3", tools=[{"type": "function", "function": TOOL}])
    ),
    "blind-400": lambda client, _: client.chat(_image_parts()).status_code == 400,
    "per-thousand": lambda client, _: _charged(client) * 1000 == client.emulator.requests[-1].tokens,
    "output-only": lambda client, _: 0 < _charged(client) < client.emulator.requests[-1].tokens,
    "prompt-cache": lambda client, _: (
        [
            client.chat("a long story").json()["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
            for _ in range(2)
        ]
        == [False, True]
    ),
}


def _charged(client: Client) -> Any:
    assert client.said("hi", model="mistral")
    return client.emulator.requests[-1].credits


def _poor(client: Client) -> Any:
    client.http.headers["authorization"] = f"Bearer {client.emulator.add_key(credits=0)}"
    return client.chat()


def _is_bare(response: Any) -> bool:
    return (
        response.status_code == 429
        and "retry_after" not in response.text
        and not any(name.startswith("x-ratelimit") for name in response.headers)
    )


def _with_x_api_key(client: Client) -> Any:
    del client.http.headers["authorization"]
    client.http.headers["x-api-key"] = client.emulator.key
    return client.chat()


def _image_parts() -> list[dict[str, Any]]:
    return [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]


def test_every_oddity_is_shown() -> None:
    """The table of checks below and the table of switches have the same names."""
    assert SHOWS.keys() == ODDITIES.keys()


@pytest.mark.parametrize("name", SHOWS)
def test_each_oddity_works_alone(connect: Connect, name: str, events: Events) -> None:
    """One switch alone does what it says."""
    assert SHOWS[name](connect(name), events)


@pytest.mark.parametrize("name", [name for name in SHOWS if not name.endswith("-field")])
def test_no_oddity_without_its_switch(connect: Connect, name: str, events: Events) -> None:
    """Without its switch the documented profile does not behave so."""
    try:
        assert not SHOWS[name](connect(), events)
    except (KeyError, AttributeError, json.JSONDecodeError):
        return


def test_march_profile_is_the_march_server(connect: Connect, events: Events) -> None:
    """The profile has its switches on together, and still answers a plain chat and its stream."""
    client = connect(profile="march-2026")
    assert client.emulator.oddities == PROFILES["march-2026"]
    assert "empty-stream" not in client.emulator.oddities
    assert client.said("hi")["content"]
    assert events(client.chat("hi", stream=True).text)[-1]["choices"][0]["finish_reason"] == "stop"
    assert wrong_key(client).json()["error"] == "Invalid API key."
    assert client.http.post("/chat/completions", headers={"authorization": ""}).json()["error"]["code"] == 401
    assert client.message().status_code == 404


def test_pages_stand_for_refusals_too(connect: Connect) -> None:
    """A server whose errors are pages shows one for a model that is away, and for nothing below 500."""
    client = connect("html-error", "inactive-503")
    away, unknown = client.chat(model="neural-chat"), client.chat(model="none")
    assert (away.status_code, away.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/json")


def test_unknown_names_are_refused() -> None:
    """A profile or a switch that is not in its table raises, and the message lists the known ones."""
    with pytest.raises(ValueError, match="march-2026"):
        Emulator("april")
    with pytest.raises(ValueError, match="no-done"):
        Emulator(oddities=["no-such"])
