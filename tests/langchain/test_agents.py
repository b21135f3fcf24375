"""Agents of LangChain and LangGraph on the model: tools, memory, streaming, pictures, Arabic."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel

from langchain_resayil import ChatResayil
from resayil.emulator import Call, Emulator, Reply

THREAD: Any = {"configurable": {"thread_id": "1"}}


def get_loyalty_points(member_id: str, total_kwd: float) -> dict[str, object]:
    """نقاط الولاء التي يكسبها العضو عن مشترياته."""
    return {"member_id": member_id, "points": round(total_kwd * 10), "tier": "ذهبي"}


class Verdict(BaseModel):
    """The points of a member."""

    points: int


@pytest.fixture
def agent(make_model: Callable[..., ChatResayil]) -> Any:
    """The agent of the demo."""
    model = make_model(model="deepseek-v4-pro", vision_model="qwen3-vl:235b-instruct", history_images="note")
    return create_agent(
        model, tools=[get_loyalty_points], system_prompt="أجب بالعربية.", checkpointer=InMemorySaver()
    )


def test_a_picture_a_tool_and_an_answer(agent: Any, emulator: Emulator, png: bytes) -> None:
    """The demo's conversation, streamed: a picture, then a tool's result; each answer with its credits."""
    image = {"type": "image", "base64": base64.b64encode(png).decode(), "mime_type": "image/png"}
    turns = [
        HumanMessage([{"type": "text", "text": "كم المجموع في هذا الإيصال؟"}, image]),
        HumanMessage("المجموع ١٢٫٥ دينار ورقم عضويتي 7788، كم نقطة ولاء سأحصل عليها؟"),
    ]
    seen: list[tuple[str, Any]] = []
    for turn in turns:
        seen += agent.stream({"messages": [turn]}, THREAD, stream_mode=["messages", "updates"])
    chunks = [data[0] for mode, data in seen if mode == "messages" and isinstance(data[0], AIMessageChunk)]
    assert sum(bool(chunk.text) for chunk in chunks) > 10
    messages = agent.get_state(THREAD).values["messages"]
    kinds = [message.type for message in messages]
    assert kinds == ["human", "ai", "human", "ai", "tool", "ai"]
    call = messages[3].tool_calls[0]
    assert (call["name"], call["args"]) == ("get_loyalty_points", {"member_id": "7788", "total_kwd": 12.5})
    assert isinstance(messages[4], ToolMessage)
    assert "125" in messages[5].text
    answers = [message for message in messages if isinstance(message, AIMessage)]
    assert [answer.response_metadata["model_name"] for answer in answers] == [
        "qwen3-vl:235b-instruct", "deepseek-v4-pro", "deepseek-v4-pro",
    ]  # fmt: skip
    assert all(answer.response_metadata["credits"] > 0 and answer.usage_metadata for answer in answers)
    sent = json.dumps(emulator.requests[-1].body, ensure_ascii=False)
    assert "ذهبي" in sent
    assert "\\u" not in sent


@pytest.mark.parametrize("stream", [False, True], ids=["invoke", "stream"])
def test_the_loop_ends_in_both_dialects(either: ChatResayil, emulator: Emulator, *, stream: bool) -> None:
    """Parallel calls are executed and answered by id, whichever dialect and way of asking."""
    emulator.calls([("get_loyalty_points", {"member_id": n, "total_kwd": 1}) for n in ("أ", "ب")])
    agent: Any = create_agent(either, tools=[get_loyalty_points])
    given = {"messages": [("user", "نقاطنا؟")]}
    if stream:
        *_, last = agent.stream(given, stream_mode="values")
    else:
        last = agent.invoke(given)
    assert [message.type for message in last["messages"]] == ["human", "ai", "tool", "tool", "ai"]
    calls = last["messages"][1].tool_calls
    assert [message.tool_call_id for message in last["messages"][2:4]] == [call["id"] for call in calls]
    assert len(emulator.requests) == 2


async def test_the_loop_ends_asynchronously(either: ChatResayil, emulator: Emulator) -> None:
    """The same, with `ainvoke`."""
    emulator.call("get_loyalty_points", {"member_id": "أ", "total_kwd": 1})
    agent: Any = create_agent(either, tools=[get_loyalty_points])
    last = await agent.ainvoke({"messages": [("user", "نقاطي؟")]})
    assert [message.type for message in last["messages"]] == ["human", "ai", "tool", "ai"]


def test_a_cut_call_is_not_executed(either: ChatResayil, emulator: Emulator) -> None:
    """A call that was cut off inside a streamed agent's answer never runs its tool."""
    ran: list[str] = []

    def pay(amount: str) -> str:
        """Pay an amount."""
        ran.append(amount)
        return "paid"

    emulator.script([Reply(calls=[Call("pay", '{"amount": "100')], finish_reason="length")])
    agent: Any = create_agent(either, tools=[pay])
    seen = list(agent.stream({"messages": [("user", "ادفع ١٠٠٠ دينار")]}, stream_mode=["messages", "values"]))
    assert ran == []
    assert seen[-1][1]["messages"][-1].invalid_tool_calls[0]["name"] == "pay"


def test_a_memory_of_several_turns_in_arabic(model: ChatResayil, emulator: Emulator) -> None:
    """A graph with a checkpointer sends the whole conversation each turn, Arabic unchanged."""
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "model")
    app: Any = graph.compile(checkpointer=InMemorySaver())
    for text in ("مرحبًا، اسمي نُورَة", "أسكن في حَوَلّي", "ما اسمي؟"):
        state = app.invoke({"messages": [("user", text)]}, THREAD)
    assert "نُورَة" in state["messages"][-1].text
    sent = emulator.requests[-1].body["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert sent[0]["content"] == "مرحبًا، اسمي نُورَة"
    assert len({message.id for message in state["messages"]}) == 6


@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_an_agent_answers_in_a_structure(either: ChatResayil, emulator: Emulator, strategy: Any) -> None:
    """Both of LangChain's strategies for a structured answer work, in both dialects."""
    if strategy is ToolStrategy:
        emulator.call("Verdict", {"points": 125})
    else:
        emulator.reply('{"points": 125}') if either.api == "chat" else emulator.call(
            "json_response_Verdict", {"points": 125}
        )
    agent: Any = create_agent(either, tools=[], response_format=strategy(Verdict))
    assert agent.invoke({"messages": [("user", "نقاطي؟")]})["structured_response"] == Verdict(points=125)


def test_usage_is_summed_over_calls(model: ChatResayil) -> None:
    """LangChain's usage counter adds our figures up without stumbling over a fraction."""
    counter = UsageMetadataCallbackHandler()
    answers = [model.invoke("مرحبًا", config={"callbacks": [counter]}) for _ in range(2)]
    total = sum(answer.usage_metadata["total_tokens"] for answer in answers if answer.usage_metadata)
    assert counter.usage_metadata["deepseek-v4-flash"]["total_tokens"] == total
