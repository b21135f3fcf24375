"""Every parameter that LiteLLM hands over: sent, obeyed, or refused with a reason."""

from __future__ import annotations

import time
from typing import Any

import httpx
import litellm
import pytest
from litellm import exceptions

from litellm_provider import ResayilLLM
from litellm_provider.requests import PRICES, SETTINGS, read_call
from resayil.config import Settings
from resayil.emulator import Emulator
from resayil.errors import RequestError

Given = dict[str, Any]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"temperature": 0}, {"temperature": 0}),
        ({"top_p": 0.5, "seed": 3}, {"top_p": 0.5, "seed": 3}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"top_k": 4, "chat_template_kwargs": {"a": 1}}, {"top_k": 4, "chat_template_kwargs": {"a": 1}}),
        (
            {"presence_penalty": 0.1, "logit_bias": {"5": 1}},
            {"presence_penalty": 0.1, "logit_bias": {"5": 1}},
        ),
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        (
            {"prompt_cache_key": "k", "service_tier": "auto"},
            {"prompt_cache_key": "k", "service_tier": "auto"},
        ),
        ({"n": 1}, {"n": 1}),
        ({"extra_body": {"مفتاح": "قيمة"}}, {"مفتاح": "قيمة"}),
        ({"temperature": 1, "extra_body": {"temperature": 0.5}}, {"temperature": 0.5}),
        (
            {"reasoning_effort": "low", "allowed_openai_params": ["reasoning_effort"]},
            {"reasoning_effort": "low"},
        ),
        ({"extra_body": {"reasoning_effort": "high"}}, {"reasoning_effort": "high"}),
        ({"response_format": {"type": "json_object"}}, {"response_format": {"type": "json_object"}}),
    ],
)
def test_a_parameter_is_sent(call: Given, emulator: Emulator, given: Given, sent: Given) -> None:
    """What a caller says reaches the service, unknown fields too, and `extra_body` wins."""
    litellm.completion(**call, **given)
    body = emulator.requests[-1].body
    assert {name: body.get(name) for name in sent} == sent


def test_nothing_else_is_sent(call: Given, emulator: Emulator) -> None:
    """A plain call sends the model and the messages, and none of LiteLLM's own arguments."""
    litellm.completion(**call, metadata={"a": "b"}, user="u", caching=False, num_retries=None)
    assert emulator.requests[-1].body.keys() == {"model", "messages"}


@pytest.mark.parametrize("name", ["reasoning_effort", "thinking", "verbosity"])
def test_litellm_refuses_reasoning_parameters_unless_allowed(
    call: Given, emulator: Emulator, name: str
) -> None:
    """LiteLLM raises for them, drops them with `drop_params`, and passes them on where they are allowed."""
    value: Any = {"type": "enabled", "budget_tokens": 1024} if name == "thinking" else "low"
    with pytest.raises(exceptions.UnsupportedParamsError):
        litellm.completion(**call, **{name: value})
    litellm.completion(**call, **{name: value}, drop_params=True)
    assert name not in emulator.requests[-1].body
    litellm.completion(**call, **{name: value}, allowed_openai_params=[name])
    assert emulator.requests[-1].body[name] == value


@pytest.mark.parametrize("retries", [0, 1])
def test_max_retries_is_obeyed_and_not_sent(call: Given, emulator: Emulator, retries: int) -> None:
    """The core makes as many attempts as LiteLLM asked for."""
    emulator.fault(503, times=5)
    with pytest.raises(exceptions.ServiceUnavailableError):
        litellm.completion(**{**call, "max_retries": retries})
    assert len(emulator.requests) == retries + 1
    assert "max_retries" not in emulator.requests[-1].body


def test_headers_of_a_call_are_sent(call: Given, emulator: Emulator) -> None:
    """`extra_headers` reach the service; the client's own cannot be replaced."""
    litellm.completion(**call, extra_headers={"x-team": "blue"})
    assert emulator.requests[-1].headers["x-team"] == "blue"
    with pytest.raises(exceptions.BadRequestError, match="client's own"):
        litellm.completion(**call, extra_headers={"Authorization": "Bearer other"})


@pytest.mark.parametrize("timeout", [0.3, httpx.Timeout(5, read=0.3)])
@pytest.mark.parametrize("stream", [False, True])
def test_the_timeout_bounds_silence(call: Given, emulator: Emulator, timeout: Any, *, stream: bool) -> None:
    """A timeout in seconds, or httpx's, ends the wait for a silent server, streamed or not."""
    emulator.fault("stall", 5)
    began = time.monotonic()
    with pytest.raises(exceptions.Timeout):
        litellm.completion(**call, timeout=timeout, stream=stream)
    assert time.monotonic() - began < 2


def test_the_timeout_bounds_a_call_but_not_a_stream(call: Given, emulator: Emulator) -> None:
    """A dribbling reply is cut at the timeout; a stream that goes on bringing bytes may take longer."""
    emulator.fault("dribble", 0.01)
    with pytest.raises(exceptions.Timeout):
        litellm.completion(**call, timeout=0.3)
    emulator.fault("stall", 0.2, after_events=2)
    emulator.reply("", chunks=["a", "b", "c"])
    emulator.fault("stall", 0.2, after_events=3)
    began = time.monotonic()
    assert list(litellm.completion(**call, timeout=0.3, stream=True))
    assert time.monotonic() - began >= 0.2


def test_keys_and_addresses_come_from_the_environment(
    call: Given, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments, `RESAYIL_API_KEY` and `RESAYIL_API_BASE` or `RESAYIL_BASE_URL` are used."""
    bare = {name: value for name, value in call.items() if name not in {"api_key", "api_base"}}
    monkeypatch.setenv("RESAYIL_API_KEY", call["api_key"])
    for name in ("RESAYIL_API_BASE", "RESAYIL_BASE_URL"):
        with monkeypatch.context() as patch:
            patch.setenv(name, call["api_base"])
            litellm.completion(**bare)
    assert len(emulator.requests) == 2


def test_a_handler_has_settings_of_its_own(call: Given, emulator: Emulator) -> None:
    """An instance with settings is the default for its calls; one that it does not know is refused."""
    mine = {
        "provider": "resayil",
        "custom_handler": ResayilLLM(api="messages", base_url=call.pop("api_base")),
    }
    litellm.custom_provider_map = [mine]
    litellm.completion(**call)
    assert emulator.requests[-1].path.endswith("/messages")
    with pytest.raises(TypeError, match="apl"):
        ResayilLLM(apl="messages")


def test_settings_are_never_sent(call: Given, emulator: Emulator) -> None:
    """A deployment's settings and prices act on the client and are no fields of the body."""
    litellm.completion(
        **call, api="chat", tool_result_style="native", vision_model="qwen3-vl:235b-instruct",
        history_images="note", credit_price=1, credit_multiplier=2, deadline=30,
    )  # fmt: skip
    assert not (SETTINGS | PRICES) & emulator.requests[-1].body.keys()
    assert frozenset(Settings.model_fields) > SETTINGS


def test_a_proxys_client_may_not_configure() -> None:
    """What came in a proxy client's own body cannot set prices or the client's settings."""
    given = {
        "model": "m", "messages": [{"role": "user", "content": "x"}],
        "optional_params": {"credit_price": 0, "temperature": 1},
        "litellm_params": {"proxy_server_request": {"body": {"credit_price": 0, "temperature": 1}}},
    }  # fmt: skip
    with pytest.raises(RequestError, match="credit_price: set by the proxy's configuration"):
        read_call(given, {}, stream=False)
    given["litellm_params"] = {"proxy_server_request": {"body": {"temperature": 1}}}
    assert read_call(given, {}, stream=False).price.per_credit == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n": 2}, "n > 1 is not supported"),
        ({"temperature": 2.5}, "temperature is 0 to 2"),
        ({"extra_body": {"model": "other"}}, "may not replace model"),
        ({"stream_options": {"include_obfuscation": True}, "stream": True}, "include_obfuscation cannot"),
        ({"credit_price": "dear"}, "credit_price is a number"),
        ({"response_format": {"type": "grammar"}}, "response_format is text"),
    ],
)
def test_what_cannot_be_said_is_refused(call: Given, emulator: Emulator, given: Given, words: str) -> None:
    """A value that would be lost or ignored is a 400 that names it, and nothing is sent."""
    with pytest.raises(exceptions.BadRequestError, match=words):
        litellm.completion(**call, **given)
    assert not emulator.requests


@pytest.mark.parametrize("model", ["deepseek-v4-flash", "qwen3-vl:235b-instruct", "vendor/name:tag", "نموذج"])
def test_model_ids_pass_unchanged(call: Given, emulator: Emulator, model: str) -> None:
    """Slashes, colons and letters of any script in an id reach the service as they are."""
    emulator.fault(404)
    with pytest.raises(exceptions.NotFoundError):
        litellm.completion(**{**call, "model": f"resayil/{model}"})
    assert emulator.requests[-1].body["model"] == model
