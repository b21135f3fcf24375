"""Tokens and credits in streams, sums and summaries: complaints 12, 13 and 31."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from complaints.support import DONE, QUESTION, chunk, served, streamed
from fixture_types import Join, MakeModel
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator


def test_complaint_12_usage_is_asked_for_in_streams(make_model: MakeModel, emulator: Emulator) -> None:
    """Complaint 12: streams ask for usage unless told otherwise, and always have some."""
    for wanted in (True, False):
        *_, last = make_model(stream_usage=wanted).stream(QUESTION)
        assert ("stream_options" in emulator.requests[-1].body) is wanted
        assert last.usage_metadata is not None
        assert last.usage_metadata["total_tokens"] > 0


def test_complaint_13_a_chunk_of_usage_alone(joined: Join) -> None:
    """Complaint 13: usage counts in a chunk without any choices."""
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    model = served(chunk({"content": "a"}), chunk(finish="stop"), usage, DONE)
    told = streamed(model, joined).usage_metadata
    assert told is not None
    assert told["total_tokens"] == 5


def turns() -> Iterator[Any]:
    """A conversation that is longer in reported tokens than in words."""
    for n in range(6):
        yield HumanMessage(f"سؤال {n}")
        yield AIMessage(
            f"جواب {n}",
            usage_metadata={"input_tokens": 4_000, "output_tokens": 10, "total_tokens": 4_010},
            response_metadata={"model_provider": "resayil"},
        )
    yield HumanMessage("الأخير")


def test_complaint_31_summaries_see_the_reported_usage(model: ChatResayil, emulator: Emulator) -> None:
    """Complaint 31: the provider's name is one in traces and answers, so usage triggers summaries."""
    assert model._get_ls_params()["ls_provider"] == "resayil"  # noqa: SLF001 - what the middleware compares
    for answer in (model.invoke("x"), *list(model.stream("x"))[-1:]):
        assert answer.response_metadata["model_provider"] == "resayil"
    summary = SummarizationMiddleware(model=model, trigger=("tokens", 3_000), keep=("messages", 2))
    agent: Any = create_agent(model, tools=[], middleware=[summary])
    asked = len(emulator.requests)
    left = agent.invoke({"messages": list(turns())})["messages"]
    assert len(emulator.requests) == asked + 2  # the summary, then the answer
    assert len(left) < 6


def test_usage_handlers_add_answers_of_many_kinds_up(either: ChatResayil) -> None:
    """Sums over calls, streams and batches never raise, and hold the credits too."""
    counter = UsageMetadataCallbackHandler()
    config: Any = {"callbacks": [counter]}
    either.batch(["a", "b"], config)
    list(either.stream("c", config))
    total: Any = counter.usage_metadata["deepseek-v4-flash"]
    assert total["credits_micro"] == total["total_tokens"] * 1_000_000
