"""Where a request goes, and with which key: rows C1, C2, C30, C31 and C35 of the table."""

from __future__ import annotations

import httpx
import pytest
from core.support import KEY, MODEL, Scripted, client_of, emulator_of, json_reply

from resayil import Client, ConfigurationError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("llmapi.resayil.io", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/", "https://llmapi.resayil.io/v1"),
        ("https://llm.resayil.io/v1", "https://llm.resayil.io/v1"),
        ("https://llm.resayil.io/api", "https://llm.resayil.io/api/v1"),
        ("https://llm.resayil.io/api/v1/", "https://llm.resayil.io/api/v1"),
        ("https://llm.resayil.io/api/v1/chat/completions", "https://llm.resayil.io/api/v1"),
        ("https://llmapi.resayil.io/v1/messages", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/messages/count_tokens", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/models", "https://llmapi.resayil.io/v1"),
        ("https://llmapi.resayil.io/v1/v1", "https://llmapi.resayil.io/v1"),
        (" https://LLMAPI.Resayil.io/v1\n", "https://llmapi.resayil.io/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ],
)
def test_c01_any_form_of_the_base_url(given: str, expected: str) -> None:
    """A bare host, each documented path, a slash or a pasted endpoint all lead to one base URL."""
    with Client(KEY, given) as client:
        assert client.settings.base_url == expected


def test_c01_the_default_base_url() -> None:
    """Without a base URL the documented host without a proxy is called."""
    with Client(KEY) as client:
        assert client.settings.base_url == "https://llmapi.resayil.io/v1"


def test_c01_billing_stands_below_the_host() -> None:
    """Whatever the base URL's path, billing is asked at scheme and host plus /api/billing."""
    transport = Scripted(json_reply({"credits": 1}))
    Client(KEY, "https://llm.resayil.io/api/v1", transport=transport).balance()
    assert str(transport.requests[0].url) == "https://llm.resayil.io/api/billing/subscription"


def test_c01_the_whatsapp_gateway_is_refused() -> None:
    """The vendor's other API is named for what it is, before any byte goes there."""
    with pytest.raises(ConfigurationError, match="WhatsApp gateway"):
        Client(KEY, "https://api.resayil.io/v1")


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/v1/messages", "/api/v1/messages"])
def test_c02_the_emulator_answers_both_paths(path: str) -> None:
    """An Anthropic SDK that doubles /v1 is answered too; the README tells its users how not to."""
    emulator = emulator_of()
    body = {"model": MODEL, "max_tokens": 5, "messages": [{"role": "user", "content": "س"}]}
    with httpx.Client(transport=emulator.transport(), headers={"x-api-key": KEY}) as client:
        assert client.post(f"https://emulator.test{path}", json=body).status_code == 200


@pytest.mark.parametrize(
    "base_url", ["https://h.example/v1", "https://h.example", "https://h.example/v1/messages"]
)
def test_c02_the_client_never_doubles_the_path(base_url: str) -> None:
    """The pack joins the path itself: /v1 stands once, in both dialects."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    Client(KEY, base_url, transport=transport).chat(MODEL, "س", api="messages")
    assert transport.requests[0].url.path == "/v1/messages"


def test_c30_the_client_sends_bearer_and_nothing_else() -> None:
    """One header carries the key, on every endpoint and in both dialects; the emulator takes either."""
    emulator = emulator_of()
    client = client_of(emulator.transport())
    client.chat(MODEL, "س")
    client.chat(MODEL, "س", api="messages")
    client.models()
    client.count_tokens(MODEL, "س")
    client.balance()
    assert all(request.headers["authorization"].startswith("Bearer ") for request in emulator.requests)
    assert not any("x-api-key" in request.headers for request in emulator.requests)
    with httpx.Client(transport=emulator.transport(), headers={"x-api-key": KEY}) as other:
        assert other.get(f"{emulator.base_url}/models").status_code == 200


@pytest.mark.parametrize("given", [f" {KEY}\n", f"Bearer {KEY}", f"\tbearer  {KEY} \r\n"])
def test_c31_pasted_keys_are_cleaned(given: str) -> None:
    """White space and a pasted Bearer fall away."""
    emulator = emulator_of()
    Client(given, emulator.base_url, transport=emulator.transport()).models()
    assert emulator.requests[0].status == 200


@pytest.mark.parametrize(
    "given", ["sk-مفتاح", "sk-a\r\nx-evil: 1", "sk-a b", "sk-\u200bhidden", "sk-a\x00b", "Bearer ", " "]
)
def test_c31_other_characters_are_refused_without_showing_the_key(given: str) -> None:
    """The message tells what is wrong and where, and shows no part of the key."""
    with pytest.raises(ConfigurationError) as caught:
        Client(given)
    assert "sk-" not in str(caught.value)


def test_c35_both_styles_of_n8n_node_find_what_they_ask() -> None:
    """A Header Auth HTTP node and a chat node with a base URL both work (the templates come with n8n)."""
    emulator = emulator_of()
    headers = {"authorization": f"Bearer {KEY}"}
    body = {"model": MODEL, "messages": [{"role": "user", "content": "س"}]}
    with httpx.Client(transport=emulator.transport(), headers=headers) as node:
        origin = emulator.base_url.removesuffix("/v1")
        for base in (f"{origin}/api/v1", f"{origin}/v1"):
            assert node.get(f"{base}/models").json()["data"]
            assert node.post(f"{base}/chat/completions", json=body).json()["choices"]
