"""Agents and graphs against the emulator's socket: every strategy and middleware, in both dialects."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware, SummarizationMiddleware
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

import resayil
from langchain_resayil import ChatResayil
from resayil.emulator import Call, Emulator, Reply

TALK: Any = {"messages": [("user", "كم نقطة لديّ؟")]}
THREAD: Any = {"configurable": {"thread_id": "1"}}
DIALECTS = pytest.mark.parametrize("api", ["chat", "messages"])
BOTH_WAYS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class Verdict(BaseModel):
    """The points of a member."""

    points: int


def get_points(customer_id: str) -> str:
    """نقاط الولاء التي للعميل."""
    return f"لدى {customer_id} ٧ نقاط"


class Place:
    """An emulator on a socket, and models of it."""

    def __init__(self, emulator: Emulator, base_url: str) -> None:
        self.emulator = emulator
        self.base_url = base_url

    def model(self, **settings: Any) -> ChatResayil:
        """A model of it."""
        given = {"model": "deepseek-v4-flash", "api_key": self.emulator.key, "base_url": self.base_url}
        return ChatResayil(**{**given, **settings})


@pytest.fixture
def place() -> Iterator[Place]:
    """An emulator on a loopback socket."""
    emulator = Emulator()
    with emulator.serve() as server:
        yield Place(emulator, server.base_url)


def ran(agent: Any, given: Any = TALK, config: Any = None, *, asynchronous: bool) -> Any:
    """One run of an agent."""
    return asyncio.run(agent.ainvoke(given, config)) if asynchronous else agent.invoke(given, config)


@BOTH_WAYS
@DIALECTS
@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
def test_structured_answers(place: Place, strategy: Any, api: str, *, asynchronous: bool) -> None:
    """Both strategies, with a tool that is called first; unscripted, the emulator fills the schema."""
    by_call = strategy is ToolStrategy or api == "messages"
    name = "Verdict" if strategy is ToolStrategy else "json_response_Verdict"
    answer = Call(name, {"points": 125}) if by_call else Reply('{"points": 125}')
    place.emulator.script([Call("get_points", {"customer_id": "أ"}), answer])
    agent: Any = create_agent(place.model(api=api), tools=[get_points], response_format=strategy(Verdict))
    state = ran(agent, asynchronous=asynchronous)
    assert state["structured_response"] == Verdict(points=125)
    assert [message.tool_call_id for message in state["messages"] if isinstance(message, ToolMessage)][:1]


@DIALECTS
def test_a_server_that_refuses_the_schema(place: Place, api: str) -> None:
    """`ProviderStrategy` goes on with a forced call where `response_format` is refused, beside tools."""
    if api == "chat":
        place.emulator.fault(
            422, body={"message": "Validation failed.", "errors": {"response_format": ["no"]}}
        )
    place.emulator.script(
        [Call("get_points", {"customer_id": "أ"}), Call("json_response_Verdict", {"points": 7})]
    )
    agent: Any = create_agent(
        place.model(api=api), tools=[get_points], response_format=ProviderStrategy(Verdict)
    )
    state = agent.invoke(TALK)
    assert state["structured_response"] == Verdict(points=7)
    answers = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert all("forced tool call" in answer.response_metadata["adaptations"][0] for answer in answers)


def test_a_server_that_ignores_the_schema(place: Place) -> None:
    """An answer in words is an honest error of parsing, with the words in it; no value is made up."""
    emulator = Emulator(oddities=["response-format-ignored", "tools-ignored"])
    with emulator.serve() as server:
        model = Place(emulator, server.base_url).model()
        agent: Any = create_agent(model, tools=[], response_format=ProviderStrategy(Verdict))
        with pytest.raises(Exception, match="parse structured output"):
            agent.invoke(TALK)
        for method in ("json_schema", "json_mode", "function_calling"):
            raw: Any = model.with_structured_output(Verdict, method=method, include_raw=True).invoke(
                "JSON نقاطي"
            )  # type: ignore[arg-type] # each is one
            assert raw["parsed"] is None
            assert raw["raw"].text
            assert raw["parsing_error"].llm_output == raw["raw"].text
    assert place.emulator.requests == []


@BOTH_WAYS
@DIALECTS
def test_summaries(place: Place, api: str, *, asynchronous: bool) -> None:
    """`SummarizationMiddleware` by a fraction of the model's window, with tool pairs kept whole."""
    model = place.model(model="llama3.2:3b", api=api)
    middleware = [SummarizationMiddleware(model=model, trigger=("fraction", 0.02), keep=("messages", 3))]
    agent: Any = create_agent(model, tools=[get_points], middleware=middleware, checkpointer=InMemorySaver())
    for n in range(6):
        place.emulator.script([Call("get_points", {"customer_id": str(n)}), Reply("لديك سبع نقاط. " * 8)])
        state = ran(
            agent, {"messages": [("user", f"{n}: كم نقطة لديّ؟ " * 6)]}, THREAD, asynchronous=asynchronous
        )
    kept = state["messages"]
    assert len(kept) < 12
    calls = {call["id"] for message in kept if isinstance(message, AIMessage) for call in message.tool_calls}
    assert calls == {message.tool_call_id for message in kept if isinstance(message, ToolMessage)}
    assert any("summary" in message.text for message in kept if isinstance(message, HumanMessage))


def test_an_overflow_compacts(place: Place) -> None:
    """A prompt that the service finds too long makes the middleware compact it and ask again."""
    model = place.model()
    place.emulator.fault(400, body={"error": {"code": "context_length_exceeded", "message": "too long"}})
    middleware = [SummarizationMiddleware(model=model, trigger=("messages", 5), keep=("messages", 2))]
    agent: Any = create_agent(model, tools=[], middleware=middleware)
    history = [message for n in range(6) for message in (HumanMessage(f"س{n}"), AIMessage(f"ج{n}"))]
    assert agent.invoke({"messages": [*history, HumanMessage("وأخيرًا؟")]})["messages"][-1].text


FAST = {"retry-after-ms": "1"}


@BOTH_WAYS
@pytest.mark.parametrize(
    ("status", "own", "outer", "sent"),
    [
        (402, 2, 2, 1),
        (401, 2, 2, 1),
        (429, 2, 2, 9),
        (503, 2, 2, 9),
        (529, 0, 2, 3),
        (500, 2, 2, 9),
        (500, 4, 1, 6),
        (503, 4, 0, 5),
    ],
)
def test_attempts_multiply_and_are_bounded(
    place: Place, status: int, own: int, outer: int, sent: int, *, asynchronous: bool
) -> None:
    """Under the retry middleware a call is sent (max_retries + 1) x (its max_retries + 1) times, never more.

    Attempts that may be charged (500, 502, 504) are three at most for each call of the model.
    """
    place.emulator.fault(status, times=100, headers=FAST)
    retry = ModelRetryMiddleware(max_retries=outer, initial_delay=0.0, jitter=False, on_failure="error")
    agent: Any = create_agent(place.model(max_retries=own), tools=[], middleware=[retry])
    with pytest.raises(resayil.APIStatusError) as caught:
        ran(agent, asynchronous=asynchronous)
    assert len(place.emulator.requests) == sent
    assert sent <= (own + 1) * (outer + 1)
    assert caught.value.attempts <= own + 1


@BOTH_WAYS
def test_the_fallback(place: Place, *, asynchronous: bool) -> None:
    """`ModelFallbackMiddleware` asks the next model after a refusal that will not pass."""
    place.emulator.fault(402)
    fallback = ModelFallbackMiddleware(place.model(model="nemotron-3-super"))
    agent: Any = create_agent(place.model(), tools=[], middleware=[fallback])
    answer = ran(agent, asynchronous=asynchronous)["messages"][-1]
    assert answer.response_metadata["model_name"] == "nemotron-3-super"
    assert len(place.emulator.requests) == 2


@BOTH_WAYS
@DIALECTS
def test_a_graph_with_memory_streams_messages(place: Place, api: str, *, asynchronous: bool) -> None:
    """`stream_mode="messages"` with a checkpointer: tokens as they come, and a second turn with memory."""
    place.emulator.script(
        [Reply(reasoning="أفكر", calls=[Call("get_points", {"customer_id": "أ"})]), Reply("لديك ٧")]
    )
    agent: Any = create_agent(place.model(api=api), tools=[get_points], checkpointer=InMemorySaver())

    async def streamed() -> list[Any]:
        return [piece async for piece, _ in agent.astream(TALK, THREAD, stream_mode="messages")]

    pieces = (
        asyncio.run(streamed())
        if asynchronous
        else [piece for piece, _ in agent.stream(TALK, THREAD, stream_mode="messages")]
    )
    chunks = [piece for piece in pieces if isinstance(piece, AIMessageChunk)]
    assert "".join(str(piece.text) for piece in chunks) == "لديك ٧"
    assert sum(piece.usage_metadata is not None for piece in chunks) == 2
    assert len(chunks) > 5
    messages = ran(agent, {"messages": [("user", "ثم؟")]}, THREAD, asynchronous=asynchronous)["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai", "human", "ai"]
    assert "لديك ٧" in json.dumps(place.emulator.requests[-1].body, ensure_ascii=False)


def picture(png: bytes) -> dict[str, Any]:
    """An image as the MCP adapters hand it over."""
    return {"type": "image", "id": "lc_1", "base64": base64.b64encode(png).decode(), "mime_type": "image/png"}


@BOTH_WAYS
def test_a_tool_that_shows_a_picture(place: Place, png: bytes, *, asynchronous: bool) -> None:
    """A tool of an MCP server answers with content and artifact; its picture reaches the vision model."""

    @tool(response_format="content_and_artifact")
    async def scan(receipt: str) -> tuple[list[dict[str, Any]], Any]:
        """Scan a receipt."""
        return [{"type": "text", "text": f"إيصال {receipt}"}, picture(png)], {"structured_content": {}}

    place.emulator.script([Call("scan", {"receipt": "7"}), Reply("المجموع ١٢٫٥")])
    model = place.model(vision_model="qwen3-vl:235b-instruct")
    agent: Any = create_agent(model, tools=[scan])
    if asynchronous:
        state = asyncio.run(agent.ainvoke(TALK))
        answer = state["messages"][-1]
        assert answer.response_metadata["model_name"] == "qwen3-vl:235b-instruct"
        sent = place.emulator.requests[-1].body["messages"]
        assert [turn["role"] for turn in sent] == ["user", "assistant", "tool", "user"]
        assert sent[-1]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    else:  # an asynchronous tool in a synchronous agent is LangChain's error
        with pytest.raises(NotImplementedError):
            agent.invoke(TALK)


MCP_SERVER = '''
import base64, sys
from mcp.server.fastmcp import FastMCP, Image

served = FastMCP("receipts")

@served.tool()
def scan(receipt: str) -> Image:
    """Scan a receipt."""
    return Image(data=base64.b64decode(sys.argv[1]), format="png")

served.run()
'''
MCP_AGENT = """
import asyncio, json, os, sys
from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_resayil import ChatResayil

async def main() -> None:
    given = {"transport": "stdio", "command": sys.executable, "args": [sys.argv[1], sys.argv[2]]}
    given["env"] = {"PYTHONPATH": os.environ["PYTHONPATH"]}
    tools = await MultiServerMCPClient({"receipts": given}).get_tools()
    model = ChatResayil(model="deepseek-v4-flash", vision_model="qwen3-vl:235b-instruct")
    state = await create_agent(model, tools=tools).ainvoke({"messages": [("user", "ما في الإيصال ٧؟")]})
    last = state["messages"][-1]
    print(json.dumps([last.response_metadata["model_name"], last.text, [m.type for m in state["messages"]]]))

asyncio.run(main())
"""


@pytest.mark.prove
def test_a_tool_of_an_mcp_server(place: Place, png: bytes, tmp_path: Path) -> None:
    """An agent with a real MCP server behind LangChain's adapters shows its picture to the vision model.

    The adapters need mcp 1 and LiteLLM needs mcp 2, so they are installed in a folder of their own.
    """
    beside = tmp_path / "beside"
    wanted = ["langchain-mcp-adapters>=0.3.1,<0.4", "mcp>=1.24,<2", "httpx-sse", "pyjwt", "python-multipart"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", beside, *wanted], check=True
    )
    (tmp_path / "server.py").write_text(MCP_SERVER)
    (tmp_path / "agent.py").write_text(MCP_AGENT)
    place.emulator.script([Call("scan", {"receipt": "7"}), Reply("إيصال بقيمة ١٢٫٥ دينار")])
    given = {
        "PYTHONPATH": str(beside),
        "LLM_RESAYIL_API_KEY": place.emulator.key,
        "RESAYIL_BASE_URL": place.base_url,
    }
    ran_ = subprocess.run(
        [sys.executable, tmp_path / "agent.py", tmp_path / "server.py", base64.b64encode(png).decode()],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran_.returncode == 0, ran_.stderr
    model, text, kinds = json.loads(ran_.stdout.splitlines()[-1])
    assert (model, text) == ("qwen3-vl:235b-instruct", "إيصال بقيمة ١٢٫٥ دينار")
    assert kinds == ["human", "ai", "tool", "ai"]
    assert place.emulator.requests[-1].body["messages"][-1]["content"][1]["type"] == "image_url"
