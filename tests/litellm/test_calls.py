"""Whole answers: what LiteLLM's callers get of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import litellm
import pytest
from litellm.integrations.custom_logger import CustomLogger

import litellm_provider
from litellm_provider import ResayilLLM
from resayil import CreditPolicy
from resayil.emulator import Call, Emulator, Reply
from resayil.models import ModelInfo

Given = dict[str, Any]


def test_importing_the_package_does_not_import_litellm() -> None:
    """`import litellm_provider` and `import resayil` cost none of LiteLLM's seconds."""
    program = "import sys, resayil, litellm_provider; assert 'litellm' not in sys.modules; print('light')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "light\n"


def test_registering_twice_is_registering_once() -> None:
    """`register()` leaves other providers alone and one entry of its own."""
    other = {"provider": "another", "custom_handler": ResayilLLM()}
    litellm.custom_provider_map = [other]
    litellm_provider.register()
    litellm_provider.register()
    assert litellm.custom_provider_map == [
        other,
        {"provider": "resayil", "custom_handler": litellm_provider.handler},
    ]


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_call_in_either_dialect(call: Given, emulator: Emulator, api: str) -> None:
    """A deployment chooses its dialect by `api`; the answer, its tokens and its id are the service's."""
    emulator.reply("أهلاً بك", usage={"prompt_tokens": 11, "completion_tokens": 7})
    answer = litellm.completion(**call, api=api)
    assert answer.choices[0].message.content == "أهلاً بك"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        11,
        7,
        18,
    )
    assert answer.model == "deepseek-v4-flash"
    path = emulator.requests[-1].path
    assert path.endswith("/messages" if api == "messages" else "/chat/completions")


async def test_an_awaited_call_is_the_same(call: Given, emulator: Emulator) -> None:
    """`acompletion` gives what `completion` gives."""
    emulator.reply("نعم", reasoning="فكّرت")
    answer = await litellm.acompletion(**call)
    assert (answer.choices[0].message.content, answer.choices[0].message.reasoning_content) == ("نعم", "فكّرت")


def test_tool_calls_and_broken_arguments_arrive_as_written(call: Given, emulator: Emulator) -> None:
    """Two calls of one answer stay two, and arguments that are no JSON are neither repaired nor lost."""
    emulator.script([Reply(calls=(Call("f", {"المدينة": "الكويت"}, "a"), Call("f", '{"x": ', "b")))])
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    answer = litellm.completion(**call, tools=tools)
    calls = answer.choices[0].message.tool_calls
    assert [(made.id, made.function.name, made.function.arguments) for made in calls] == [
        ("a", "f", '{"المدينة":"الكويت"}'),
        ("b", "f", '{"x": '),
    ]
    assert answer.choices[0].finish_reason == "tool_calls"


def test_signed_reasoning_arrives_as_thinking_blocks(call: Given, emulator: Emulator) -> None:
    """On the messages dialect a thinking block keeps its signature."""
    emulator.reply("42", reasoning="six times seven")
    answer = litellm.completion(**{**call, "model": "resayil/deepseek-v4-pro"}, api="messages")
    message = answer.choices[0].message
    assert message.reasoning_content == "six times seven"
    blocks = message.get("thinking_blocks")
    assert blocks is None or blocks[0]["signature"]


def test_unknown_fields_of_a_reply_are_kept(call: Given, emulator: Emulator) -> None:
    """Fields that neither side knows reach the caller under their names, and cannot replace known ones."""
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "m", "credits_used": 3,
        "system_fingerprint": "fp", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"},
        "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip
    emulator.fault("error-200", body=body)
    answer = litellm.completion(**call)
    assert answer.credits_used == 3
    assert (answer.id, answer.created, answer.system_fingerprint) == ("chatcmpl-1", 5, "fp")


def test_the_policy_of_the_core_makes_the_credits(call: dict[str, Any]) -> None:
    """``credit_policy`` has one home, the core's settings: its formula is that of the credits told here."""
    answer = litellm.completion(**call, credit_policy=CreditPolicy("output", 1000), credit_multiplier=2)
    assert answer.usage.credits == answer.usage.completion_tokens * 2 / 1000


def test_credits_become_the_cost_by_a_configured_price(call: Given, emulator: Emulator) -> None:
    """A deployment's price per credit and multiplier make `response_cost`; without a price there is none."""
    emulator.reply("x", usage={"prompt_tokens": 60, "completion_tokens": 40})
    priced = litellm.completion(**call, credit_price="0.0004", credit_multiplier=2)
    assert priced._hidden_params["response_cost"] == pytest.approx(0.08)
    assert priced.usage.credits == 200
    assert litellm.completion(**call)._hidden_params["response_cost"] in {None, 0.0}


def test_a_handlers_own_price_is_the_default(call: Given, emulator: Emulator) -> None:
    """`register(credit_price=...)` prices every call, and the price map agrees with it."""
    litellm_provider.register([ModelInfo("deepseek-v4-flash")], credit_price=0.01)
    emulator.reply("x", usage={"prompt_tokens": 6, "completion_tokens": 4})
    answer = litellm.completion(**call)
    assert answer._hidden_params["response_cost"] == pytest.approx(0.1)
    assert litellm.completion_cost(answer, model=call["model"]) == pytest.approx(0.1)


def test_headers_tell_credits_limits_and_ids(call: Given, emulator: Emulator) -> None:
    """The headers that a proxy passes on: the service's limits and request id, and the estimated credits."""
    limited = emulator.add_key(plan="starter")
    answer = litellm.completion(**{**call, "api_key": limited})
    told = answer._hidden_params["additional_headers"]
    assert told["llm_provider-x-request-id"].startswith("req_")
    assert told["llm_provider-x-ratelimit-limit"] == "10"
    assert float(told["llm_provider-x-resayil-credits-estimated"]) > 0


def test_tokens_are_counted_by_the_service(call: Given, emulator: Emulator) -> None:
    """`count_tokens` asks the service's endpoint, in threads and on loops."""
    given = {name: call[name] for name in ("model", "messages", "api_key", "api_base")}
    counted = litellm_provider.count_tokens(**given)
    assert (counted.estimated, counted.source) == (False, "service")
    assert asyncio.run(litellm_provider.acount_tokens(**given)) == counted
    assert [request.path.rpartition("/")[2] for request in emulator.requests] == ["count_tokens"] * 2


async def test_what_the_service_does_not_do_is_refused_with_the_fact() -> None:
    """Embeddings and images raise a 400 that says so, in every form, instead of an AttributeError."""
    sync = (
        lambda: litellm.embedding(model="resayil/m", input=["x"]),
        lambda: litellm.image_generation(model="resayil/m", prompt="x"),
    )
    for ask in sync:
        with pytest.raises(
            litellm.BadRequestError, match=r"service (offers no embeddings|generates no images)"
        ):
            ask()
    later = (
        lambda: litellm.aembedding(model="resayil/m", input=["x"]),
        lambda: litellm.aimage_generation(model="resayil/m", prompt="x"),
    )
    for ask_later in later:
        with pytest.raises(litellm.BadRequestError, match="answer chats only"):
            await ask_later()
    with pytest.raises(litellm.BadRequestError, match="edits no images"):
        litellm_provider.handler.image_edit(model="m")


def test_capabilities_are_known_after_registering() -> None:
    """LiteLLM knows windows, vision, tools and reasoning of registered models, under both ways of naming."""
    litellm_provider.register()
    assert litellm.supports_vision("resayil/qwen3-vl:235b-instruct")
    assert not litellm.supports_vision("resayil/deepseek-v4-flash")
    assert litellm.supports_function_calling("deepseek-v4-flash", custom_llm_provider="resayil")
    assert litellm.supports_reasoning("resayil/deepseek-v4-pro")
    assert litellm.get_model_info("resayil/qwen2.5:7b")["max_input_tokens"] == 131_072


async def test_callbacks_see_the_provider_the_tokens_and_the_cost(call: Given, emulator: Emulator) -> None:
    """A success callback is told the provider, the usage and the cost of the call."""
    seen: list[dict[str, Any]] = []
    told = asyncio.Event()

    class Watch(CustomLogger):
        async def async_log_success_event(self, kwargs: Any, **_: Any) -> None:
            if _mine(kwargs):
                seen.append(kwargs)
                told.set()

    emulator.reply("x", usage={"prompt_tokens": 3, "completion_tokens": 2})
    watch = Watch()
    litellm.callbacks = [watch]
    try:
        await litellm.acompletion(**call, credit_price=1, metadata={"mine": True})
        await asyncio.wait_for(told.wait(), timeout=5)
    finally:
        litellm.callbacks = []
        litellm.logging_callback_manager.remove_callback_from_all_lists(watch)
    (event,) = seen
    assert event["custom_llm_provider"] == "resayil"
    assert event["response_cost"] == pytest.approx(5.0)


def _mine(event: dict[str, Any]) -> bool:
    return bool((event["litellm_params"].get("metadata") or {}).get("mine"))
