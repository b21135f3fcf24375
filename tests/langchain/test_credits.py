"""Credits in LangChain: sums that never raise, a budget that holds, and calls that are asked for again."""

from __future__ import annotations

import asyncio
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fixture_types import MakeModel
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelError
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.messages.ai import add_usage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import resayil
from langchain_resayil import ChatResayil, CreditBudgetMiddleware, CreditsCallbackHandler, RepairMiddleware
from resayil import Client, CreditPolicy
from resayil.emulator import Call, Emulator, Reply

TALK: Any = {"messages": [("user", "كم نقطة لديّ؟")]}


def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def micro(message: Any) -> int:
    """What a message says that it cost."""
    return int(message.usage_metadata["credits_micro"])


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_both_figures_agree(either: ChatResayil, version: str) -> None:
    """A whole number in the usage, a fraction in the metadata; in a stream on its last chunk alone."""
    model = either.model_copy(update={"output_version": version})
    chunks = list(model.stream("x"))
    assert [bool(chunk.usage_metadata) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert ["credits" in chunk.response_metadata for chunk in chunks][:-1] == [False] * (len(chunks) - 1)
    for message in (model.invoke("x"), chunks[-1]):
        assert isinstance(micro(message), int)
        assert isinstance(message.response_metadata["credits"], float)
        assert micro(message) == message.response_metadata["credits"] * 1_000_000
        assert message.response_metadata["credits_estimated"] is True


def test_fractions_of_credits_add_up(make_model: MakeModel) -> None:
    """A policy with fractions gives whole millionths, which LangChain's sum takes."""
    policy = CreditPolicy(per=1000, multipliers={"deepseek-v4-flash": Decimal("0.3")})
    model = make_model(credit_policy=policy)
    one, other = model.invoke("a"), model.invoke("b")
    assert one.usage_metadata is not None
    assert other.usage_metadata is not None
    assert micro(one) == one.usage_metadata["total_tokens"] * 300
    total: Any = add_usage(one.usage_metadata, other.usage_metadata)
    assert total["credits_micro"] == micro(one) + micro(other)


def test_balances_make_figures_of_estimates(
    make_model: MakeModel, emulator: Emulator, tmp_path: Path
) -> None:
    """Once two balances have confirmed the formula, credits are no estimate any more, in streams too."""
    key = emulator.add_key(plan="enterprise")
    model = make_model(api_key=key, client_options={"ledger": str(tmp_path / "l.db")})
    given = {"transport": emulator.transport(), "ledger": str(tmp_path / "l.db")}
    with Client(key, emulator.base_url, **given) as client:  # type: ignore[arg-type] # its settings
        client.balance()
        assert model.invoke("x").response_metadata["credits_estimated"] is True
        client.balance()
    fresh = make_model(
        api_key=key, client_options={"ledger": str(tmp_path / "l.db"), "requests_per_minute": 60}
    )
    assert fresh.invoke("x").response_metadata["credits_estimated"] is False
    assert list(fresh.stream("x"))[-1].response_metadata["credits_estimated"] is False


def test_credits_are_summed_by_run(either: ChatResayil, emulator: Emulator) -> None:
    """An agent's run, its tools' inner calls included, is one sum; another run is another."""

    @tool
    def ask_again(question: str) -> str:
        """Ask the model."""
        return either.invoke(question).text

    emulator.script([Call("ask_again", {"question": "س"}), Reply("ج"), Reply("نهاية"), Reply("آخر")])
    spent = CreditsCallbackHandler()
    agent: Any = create_agent(either, tools=[ask_again])
    runs = [uuid4(), uuid4()]
    left = agent.invoke(TALK, config={"callbacks": [spent], "run_id": runs[0]})["messages"]
    list(either.stream("x", config={"callbacks": [spent], "run_id": runs[1]}))
    outer = sum(micro(message) for message in left if isinstance(message, AIMessage))
    assert spent.runs[runs[0]] * 1_000_000 > outer
    assert set(spent.runs) == set(runs)
    assert sum(spent.runs.values()) == spent.total > 0


def test_a_failed_run_leaves_nothing_behind(make_model: MakeModel, emulator: Emulator) -> None:
    """Chains and tools that fail are forgotten, and what failed cost nothing."""
    emulator.fault(402)
    spent = CreditsCallbackHandler()
    with pytest.raises(ModelError):
        (RunnableLambda(lambda text: text) | make_model()).invoke("x", config={"callbacks": [spent]})
    assert (spent.total, spent._roots) == (0, {})  # noqa: SLF001 - what would leak


def test_a_cached_answer_costs_nothing(make_model: MakeModel) -> None:
    """What comes from LangChain's cache was paid for before."""
    model, spent = make_model(cache=InMemoryCache()), CreditsCallbackHandler()
    for _ in range(3):
        model.invoke("x", config={"callbacks": [spent]})
    first = model.invoke("y", config={"callbacks": [spent]})
    assert spent.total < Decimal(3 * micro(first)) / 1_000_000


def high(model: ChatResayil) -> Decimal:
    """What the question may cost at most."""
    return model.forecast([HumanMessage("كم نقطة لديّ؟")]).high


def run(agent: Any, *, asynchronous: bool) -> Any:
    """One run of an agent."""
    return asyncio.run(agent.ainvoke(TALK)) if asynchronous else agent.invoke(TALK)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_budget_holds(make_model: MakeModel, emulator: Emulator, *, asynchronous: bool) -> None:
    """A call that the budget does not cover raises before it is sent; usage takes the forecast's place."""
    model = make_model(max_tokens=100)
    budget = CreditBudgetMiddleware(high(model) * 2)
    agent: Any = create_agent(model, tools=[], middleware=[budget])
    cost = Decimal(micro(run(agent, asynchronous=asynchronous)["messages"][-1])) / 1_000_000
    assert budget.spent == cost
    sent = 1
    while budget.left >= high(model):
        run(agent, asynchronous=asynchronous)
        sent += 1
    with pytest.raises(resayil.BudgetExceededError, match="Nothing was sent") as caught:
        run(agent, asynchronous=asynchronous)
    assert isinstance(caught.value, ModelError)
    assert not caught.value.is_retryable
    assert len(emulator.requests) == sent > 1
    assert budget.spent <= budget.budget


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_failure_gives_back(make_model: MakeModel, emulator: Emulator, *, asynchronous: bool) -> None:
    """What a failed call set aside is free again; each attempt of the retry middleware sets aside anew."""
    model = make_model(max_tokens=100, max_retries=0)
    budget = CreditBudgetMiddleware(high(model) + 1)
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False, on_failure="error")
    emulator.fault(503, times=2)
    agent: Any = create_agent(model, tools=[], middleware=[retry, budget])
    cost = micro(run(agent, asynchronous=asynchronous)["messages"][-1])
    assert len(emulator.requests) == 3
    assert budget.spent * 1_000_000 == cost


def test_agents_side_by_side_share_a_budget(make_model: MakeModel, emulator: Emulator) -> None:
    """Threads that run at once never set aside more than there is."""
    model = make_model(max_tokens=1000)
    budget = CreditBudgetMiddleware(high(model) * 3)
    agent: Any = create_agent(model, tools=[], middleware=[budget])

    def once(_: int) -> bool:
        try:
            agent.invoke(TALK)
        except resayil.BudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(once, range(40)))
    assert sum(done) == len(emulator.requests)
    assert budget.spent <= budget.budget


def test_only_known_prices_are_budgeted() -> None:
    """A model of another provider is refused: nobody knows what it costs."""
    agent: Any = create_agent(
        FakeListChatModel(responses=["x"]), tools=[], middleware=[CreditBudgetMiddleware(10)]
    )
    with pytest.raises(resayil.ConfigurationError, match="FakeListChatModel"):
        agent.invoke(TALK)


def test_the_fallback_model_answers(make_model: MakeModel, emulator: Emulator) -> None:
    """`ModelFallbackMiddleware` goes on with the next model after a 402, within one budget."""
    emulator.fault(402)
    budget = CreditBudgetMiddleware(1_000_000)
    fallback = ModelFallbackMiddleware(make_model(model="nemotron-3-super"))
    agent: Any = create_agent(make_model(max_retries=0), tools=[], middleware=[fallback, budget])
    answer = agent.invoke(TALK)["messages"][-1]
    assert answer.response_metadata["model_name"] == "nemotron-3-super"
    assert budget.spent * 1_000_000 == micro(answer)


BROKEN = [Call("get_points", '{"customer_id": '), Call("transfer_money", {"to": "x"})]


@pytest.mark.parametrize("broken", BROKEN, ids=["broken arguments", "a tool that nobody offered"])
def test_a_broken_call_is_asked_for_again(either: ChatResayil, emulator: Emulator, broken: Any) -> None:
    """The model is told why its call was not executed, calls again, and the agent goes on."""
    emulator.script([broken, Call("get_points", {"customer_id": "7"}), Reply("لديك ٧")])
    agent: Any = create_agent(either, tools=[get_points], middleware=[RepairMiddleware()])
    kinds = [message.type for message in agent.invoke(TALK)["messages"]]
    assert kinds == ["human", "ai", "tool", "ai", "tool", "ai"]
    sent = str(emulator.requests[1].body)
    assert "Not executed" in sent


def test_repairs_are_bounded(either: ChatResayil, emulator: Emulator) -> None:
    """After so many broken answers in a row the agent stops, and the last one is told."""
    emulator.script([BROKEN[0]] * 5)
    agent: Any = create_agent(either, tools=[get_points], middleware=[RepairMiddleware(repairs=2)])
    left = agent.invoke(TALK)["messages"]
    assert [message.type for message in left] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert left[-1].invalid_tool_calls


def test_without_it_an_agent_stops_at_a_broken_call(either: ChatResayil, emulator: Emulator) -> None:
    """LangChain's own loop ends at a call that is none; nothing is executed, and the message says why."""
    emulator.script([BROKEN[1], Reply("نعم")])
    agent: Any = create_agent(either, tools=[get_points])
    left = agent.invoke(TALK)["messages"]
    assert "no tool of this name" in left[-1].invalid_tool_calls[0]["error"]
    again = agent.invoke({"messages": [*left, HumanMessage("أكمل")]})["messages"]
    assert again[-1].text == "نعم"


def test_a_budget_of_the_core_serves_too(make_model: MakeModel, emulator: Emulator) -> None:
    """`client_options` takes the core's budgets, whose error is LangChain's as well, in calls and streams."""
    model = make_model(client_options={"budgets": (resayil.Budget(Decimal(1)),)})
    for call in (lambda: model.invoke("x"), lambda: list(model.stream("x"))):
        with pytest.raises(ModelError) as caught:
            call()
        assert isinstance(caught.value, resayil.BudgetExceededError)
    assert [request.path for request in emulator.requests if request.method == "POST"] == []


def test_a_policy_is_no_secret_of_a_pickle(make_model: MakeModel) -> None:
    """A pickled model keeps its policy."""
    policy = CreditPolicy(per=1000)
    assert pickle.loads(pickle.dumps(make_model(credit_policy=policy))).credit_policy == policy  # noqa: S301 - pickled right here
