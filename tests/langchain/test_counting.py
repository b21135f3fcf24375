"""Counting: without a request by default, by the service when asked for, and in a memory that is trimmed."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from fixture_types import MakeModel
from langchain.agents import create_agent
from langchain.agents.middleware import ContextEditingMiddleware, SummarizationMiddleware
from langchain.agents.middleware.context_editing import ClearToolUsesEdit
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    trim_messages,
)

import resayil
from langchain_resayil import ChatResayil, counting
from resayil.emulator import Emulator

ARABIC = "كم نقطة ولاء سأكسب إن اشتريت بمئة وخمسين دينارًا من فرع حولي؟"


def get_points(customer_id: str) -> str:
    """نقاط الولاء التي للعميل."""
    return customer_id


def conversation(turns: int = 40) -> list[BaseMessage]:
    """An Arabic conversation; in every fourth turn a tool is called."""
    said: list[BaseMessage] = [SystemMessage("أنت موظف خدمة في متجر كويتي. أجب بالعربية.")]
    for n in range(turns):
        said.append(HumanMessage(f"{n}. {ARABIC}"))
        if n % 4 == 0:
            call = {"name": "get_points", "args": {"customer_id": f"العميل {n}"}, "id": f"call_{n}"}
            said += [AIMessage("", tool_calls=[call]), ToolMessage(f"{n} نقطة", tool_call_id=f"call_{n}")]
        said.append(AIMessage(f"لديك {n} نقطة، وستكسب المزيد بعد الشراء."))
    return said


def test_forty_turns_in_a_small_window(make_model: MakeModel, emulator: Emulator) -> None:
    """Trimmed to the window, the system message and whole tool pairs stay, and counting asks for nothing."""
    model = make_model(model="llama3.2:3b")
    window = (model.profile or {})["max_input_tokens"]
    whole = [*conversation(), *conversation(60)[1:], HumanMessage("كم نقطة لديّ الآن؟")]
    budget = window // 8
    assert model.get_num_tokens_from_messages(whole) > 2 * budget
    kept = trim_messages(
        whole, max_tokens=budget, token_counter=model, strategy="last", include_system=True, start_on="human"
    )
    assert emulator.requests == []
    assert kept[0] == whole[0]
    assert kept[-1] == whole[-1]
    assert 10 < len(kept) < len(whole)
    assert budget * 0.8 < model.get_num_tokens_from_messages(kept) <= budget
    called = [call["id"] for message in kept if isinstance(message, AIMessage) for call in message.tool_calls]
    assert called
    assert called == [message.tool_call_id for message in kept if isinstance(message, ToolMessage)]
    assert model.invoke(kept).text
    assert len(emulator.requests) == 1


def test_arabic_is_not_counted_as_english(model: ChatResayil) -> None:
    """Arabic takes more tokens by letter than English; marks cost more; tools count."""
    plain, vocalised = model.get_num_tokens("سلام عليكم"), model.get_num_tokens("سَلامٌ عَلَيْكُم")
    assert model.get_num_tokens("a" * 440) == 100
    assert model.get_num_tokens("ا" * 440) > 140
    assert vocalised > plain * 1.5
    messages: list[BaseMessage] = [HumanMessage(ARABIC)]
    with_tools = model.get_num_tokens_from_messages(messages, tools=[get_points])
    assert with_tools > model.get_num_tokens_from_messages(messages) + 10


def test_an_estimate_says_so(model: ChatResayil) -> None:
    """A count has bounds and a source, for any form of a prompt."""
    count = model.count_tokens(ARABIC)
    assert count.low < count.tokens < count.high
    assert (count.estimated, count.source) == (True, "local")
    assert model.count_tokens([("user", ARABIC)]) == count
    assert model.get_num_tokens_from_messages([]) == model.count_tokens([]).tokens


def test_the_family_of_the_model_counts(make_model: MakeModel) -> None:
    """Arabic is split differently by different families."""
    assert make_model(model="kimi-k2:1t").get_num_tokens(ARABIC) > make_model(
        model="qwen3-vl:235b-instruct"
    ).get_num_tokens(ARABIC)


async def test_the_service_counts_each_prompt_once(make_model: MakeModel, emulator: Emulator) -> None:
    """`token_counting="remote"` asks the service, once for each prompt, sync and async."""
    model = make_model(token_counting="remote")
    said = conversation(2)
    first = model.count_tokens(said, tools=[get_points])
    assert (first.estimated, first.source) == (False, "service")
    assert model.get_num_tokens_from_messages(said, tools=[get_points]) == first.tokens
    assert await model.acount_tokens(said, tools=[get_points]) == first
    assert [request.path for request in emulator.requests] == ["/v1/messages/count_tokens"]
    shorter = await model.acount_tokens(said[:2])
    assert shorter.tokens < first.tokens
    assert model.count_tokens(said[:2]) == shorter
    assert len(emulator.requests) == 2
    assert pickle.loads(pickle.dumps(model)).count_tokens(said[:2]) == shorter  # noqa: S301 - pickled right here
    assert make_model(token_counting="remote") == model


def test_kept_counts_are_bounded(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, emulator: Emulator
) -> None:
    """The counts that are kept give way, the oldest first."""
    monkeypatch.setattr(counting, "MAX_COUNTS", 2)
    model = make_model(token_counting="remote")
    for text in ("a", "b", "c", "c", "a"):
        model.count_tokens(text)
    assert len(emulator.requests) == 4


def test_a_server_that_does_not_count(make_model: MakeModel) -> None:
    """Where the service has no counting the estimate answers, and says so; it is asked again later."""
    emulator = Emulator(oddities=["no-count-tokens"])
    model = make_model(token_counting="remote", http_transport=emulator.transport())
    assert model.count_tokens(ARABIC).estimated
    assert model.count_tokens(ARABIC).source == "local"
    assert len(emulator.requests) == 2


def test_counting_raises_typed_errors(make_model: MakeModel, emulator: Emulator) -> None:
    """A refused key is the same error when counting."""
    emulator.fault(401)
    with pytest.raises(resayil.AuthenticationError) as caught:
        make_model(token_counting="remote").count_tokens("x")
    assert caught.value.is_retryable is False  # type: ignore[attr-defined] # LangChain's half


def test_ones_own_tokenizer_is_asked(make_model: MakeModel) -> None:
    """`custom_get_token_ids` counts texts where it is set."""
    assert make_model(custom_get_token_ids=lambda text: [1] * len(text.split())).get_num_tokens("a b c") == 3


@pytest.mark.parametrize("trigger", [("fraction", 0.05), ("tokens", 400)])
def test_an_agent_summarises_a_long_memory(make_model: MakeModel, emulator: Emulator, trigger: Any) -> None:
    """`SummarizationMiddleware` works by the window and by our count, with no request to count."""
    model = make_model(model="llama3.2:3b")
    summary = SummarizationMiddleware(
        model=model,
        trigger=trigger,
        keep=("messages", 4),
        token_counter=model.get_num_tokens_from_messages,
    )
    agent: Any = create_agent(model, tools=[get_points], middleware=[summary])
    left = agent.invoke({"messages": [*conversation(20)[1:], HumanMessage("وأخيرًا؟")]})["messages"]
    assert len(left) <= 6
    assert [request.path for request in emulator.requests] == ["/v1/chat/completions"] * 2
    calls = {call["id"] for message in left if isinstance(message, AIMessage) for call in message.tool_calls}
    assert calls == {message.tool_call_id for message in left if isinstance(message, ToolMessage)}


def test_context_editing_counts_exactly(model: ChatResayil, emulator: Emulator) -> None:
    """`ContextEditingMiddleware` with the model's own count clears old tool results."""
    edit = ContextEditingMiddleware(
        edits=[ClearToolUsesEdit(trigger=100, keep=1)], token_count_method="model"
    )
    agent: Any = create_agent(model, tools=[get_points], middleware=[edit])
    agent.invoke({"messages": [*conversation(12)[1:], HumanMessage("ثم؟")]})
    results = [turn["content"] for turn in emulator.requests[-1].body["messages"] if turn["role"] == "tool"]
    assert results[:-1] == ["[cleared]"] * 2
    assert "نقطة" in results[-1]
