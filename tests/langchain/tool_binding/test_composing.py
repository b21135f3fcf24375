"""The binding among LangChain's other things: chains, parallels, configs, callbacks, graphs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnableParallel
from langchain_core.tracers.context import collect_runs
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt
from tool_binding.support import Bind

from langchain_resayil import ResayilToolBinding
from langchain_resayil.errors import InternalServerError
from resayil.emulator import Emulator
from resayil.emulator.scripts import Call, Fault, Reply

PROMPT = ChatPromptTemplate.from_messages([("system", "أنت مساعد متجر."), ("user", "{question}")])
PREAMBLE = "سأنظر. "


def script(emulator: Emulator, answer: str = "لك 125 نقطة") -> None:
    """A first turn that speaks and calls, then an answer."""
    call = Call("get_loyalty_points", {"member_id": "7788", "total_kwd": 12.5}, text=PREAMBLE)
    emulator.script([call, Reply(answer, chunks=[answer[n : n + 3] for n in range(0, len(answer), 3)])])


@pytest.mark.parametrize("calling", ["native", "emulated"])
def test_a_chain_returns_the_answer(bind: Bind, question: str, calling: str) -> None:
    """`prompt | binding | parser` in every face; the tool's result is no part of the text."""
    chain = PROMPT | bind(tool_calling=calling) | StrOutputParser()
    given = {"question": question}

    async def collect() -> str:
        return "".join([piece async for piece in chain.astream(given)])

    texts = {chain.invoke(given), "".join(chain.stream(given)), asyncio.run(collect()), *chain.batch([given])}
    texts.add(asyncio.run(chain.ainvoke(given)))
    assert len(texts) == 1
    assert "125" in texts.pop()


def test_a_chain_streams(bind: Bind, emulator: Emulator) -> None:
    """Text flows on as it comes, in the pieces that the model sent."""
    script(emulator)
    texts = [text for text in (bind() | StrOutputParser()).stream("go") if text]
    assert "".join(texts) == PREAMBLE + "لك 125 نقطة"
    assert texts[-4:] == ["لك ", "125", " نق", "طة"]


def test_what_flows_on_adds_up_to_the_answer(bind: Bind, emulator: Emulator) -> None:
    """A step that needs the whole message gets the final one, not a mixture of turns."""
    chain = bind() | RunnableLambda(lambda message: (message.text, message.tool_calls))
    script(emulator)
    assert list(chain.stream("go")) == [("لك 125 نقطة", [])]

    async def collect() -> list[Any]:
        return [piece async for piece in chain.astream("go")]

    script(emulator)
    assert asyncio.run(collect()) == [("لك 125 نقطة", [])]
    script(emulator, '{"points": 125}')
    assert list((bind() | JsonOutputParser()).stream("go"))[-1] == {"points": 125}


def test_in_a_parallel_and_with_a_config(bind: Bind, question: str) -> None:
    """Beside another step, under a name, with tags."""
    both = RunnableParallel(answer=bind() | StrOutputParser(), length=RunnableLambda(len))
    assert "125" in both.invoke(question)["answer"]
    named = bind(name="clerk").with_config(tags=["shop"])
    with collect_runs() as runs:
        streamed: list[Any] = list(named.stream(question))
        named.invoke(question)
    assert len([piece for piece in streamed if isinstance(piece, ToolMessage)]) == 1
    assert [(run.name, run.tags) for run in runs.traced_runs] == [("clerk", ["shop"])] * 2


def test_a_retry_repeats_the_run(bind: Bind, emulator: Emulator, question: str) -> None:
    """`with_retry` asks again from the beginning; what the service refuses for good is not asked again."""
    model = bind().model.model_copy(update={"max_retries": 0})
    binding = bind(on=model).with_retry(
        retry_if_exception_type=(InternalServerError,), wait_exponential_jitter=False
    )
    emulator.fault(500)
    assert "125" in binding.invoke(question).text
    assert len(emulator.requests) == 3


def tree(run: Any) -> Any:
    """Type and name of a run, and those of its children."""
    children = [tree(child) for child in run.child_runs]
    return (run.run_type, run.name, *children)


def traced(face: str, binding: ResayilToolBinding, question: str) -> Any:
    """The run that one face of the binding leaves in a trace."""

    async def astream() -> None:
        async for _ in binding.astream(question):
            pass

    faces: dict[str, Callable[[], Any]] = {
        "invoke": lambda: binding.invoke(question),
        "stream": lambda: list(binding.stream(question)),
        "ainvoke": lambda: asyncio.run(binding.ainvoke(question)),
        "astream": lambda: asyncio.run(astream()),
    }
    with collect_runs() as runs:
        faces[face]()
    [run] = runs.traced_runs
    return run


@pytest.mark.parametrize("face", ["invoke", "stream", "ainvoke", "astream"])
def test_the_trace_of_a_run(bind: Bind, question: str, face: str) -> None:
    """One run with its two turns and its tool as children, in order, ending with the final answer."""
    run = traced(face, bind(), question)
    model, points = ("llm", "ChatResayil"), ("tool", "get_loyalty_points")
    assert tree(run) == ("chain", "ResayilToolBinding", model, points, model)
    assert "125" in run.outputs["output"].text
    assert not run.outputs["output"].tool_calls


class Failures(BaseCallbackHandler):
    """Keeps what callbacks are told of failures."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002 - LangChain's
        """Keep the tool's error."""
        self.told.append(f"tool {type(error).__name__}")

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002 - LangChain's
        """Keep the run's error."""
        self.told.append(f"run {type(error).__name__}")


def test_callbacks_see_what_fails(bind: Bind, emulator: Emulator) -> None:
    """A tool's exception reaches the callbacks, though the model gets its text alone; so does the run's."""

    def fail() -> None:
        """Fail."""
        raise ValueError("no")

    seen = Failures()
    emulator.script([Call("fail", {}), Fault(402)])
    with pytest.raises(Exception, match="credits"):
        bind(fail).invoke("go", {"callbacks": [seen]})
    assert seen.told == ["tool ValueError", "run InsufficientCreditsError"]


def test_events_of_a_run(bind: Bind, question: str) -> None:
    """`astream_events` tells of turns and tools, each inside the run."""

    async def collect() -> list[str]:
        events = bind().astream_events(question, version="v2")
        return [event["event"] async for event in events if event["event"].endswith("start")]

    names = asyncio.run(collect())
    assert names == ["on_chain_start", "on_chat_model_start", "on_tool_start", "on_chat_model_start"]


def test_schemas_can_be_drawn(bind: Bind) -> None:
    """Input and output have JSON schemas, and the graph of a chain can be drawn."""
    chain = PROMPT | bind() | StrOutputParser()
    assert bind().get_input_jsonschema()
    assert bind().get_output_jsonschema()
    assert "ResayilToolBinding" in chain.get_graph().draw_mermaid()
    assert "get_loyalty_points" in repr(bind())


def graph(node: Any) -> Any:
    """A graph of one node, with a memory."""
    builder = StateGraph(MessagesState)
    builder.add_node("assistant", node)
    builder.add_edge(START, "assistant")
    builder.add_edge("assistant", END)
    return builder.compile(checkpointer=InMemorySaver())


THREAD: RunnableConfig = {"configurable": {"thread_id": "1"}}


@pytest.mark.parametrize("calling", ["native", "emulated"])
def test_a_node_of_a_graph(bind: Bind, emulator: Emulator, question: str, calling: str) -> None:
    """The transcript is a node: its messages join the state, and the next turn remembers them."""
    app = graph(bind(tool_calling=calling).with_transcript())
    state = app.invoke({"messages": [("user", question)]}, THREAD)
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    asked = len(emulator.requests)
    state = asyncio.run(app.ainvoke({"messages": [("user", "شكرًا، أهلًا بك")]}, THREAD))
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai", "human", "ai"]
    sent = emulator.requests[asked].body["messages"]
    assert [turn["role"] for turn in sent if turn["role"] != "system"][:3] in (
        ["user", "assistant", "tool"],
        ["user", "assistant", "user"],
    )


def test_a_graph_streams_the_nodes_messages(bind: Bind, question: str) -> None:
    """`stream_mode="messages"` shows the model's chunks as they come, and each message once."""
    app = graph(bind().with_transcript())
    pieces = [
        piece for piece, _ in app.stream({"messages": [("user", question)]}, THREAD, stream_mode="messages")
    ]
    assert [piece.text for piece in pieces if isinstance(piece, ToolMessage)] == [
        '{"member": "7788", "points": 125}'
    ]
    text = "".join(piece.text for piece in pieces if isinstance(piece, AIMessage))
    assert text.count("125") == 1
    assert len([piece for piece in pieces if isinstance(piece, AIMessageChunk) and piece.text]) > 5


def test_a_person_decides_in_a_graph(bind: Bind, question: str) -> None:
    """A hook that interrupts the graph is no failure: the run waits, and resumes with the word."""
    app = graph(bind(approve=lambda call: interrupt({"call": call["name"]})).with_transcript())
    state = app.invoke({"messages": [("user", question)]}, THREAD)
    assert state["__interrupt__"][0].value == {"call": "get_loyalty_points"}
    state = app.invoke(Command(resume=True), THREAD)
    assert [message.type for message in state["messages"]] == ["human", "ai", "tool", "ai"]
    assert state["messages"][2].status == "success"


def test_a_tool_may_interrupt_a_graph(bind: Bind, emulator: Emulator) -> None:
    """So may a tool itself, in its thread: the interrupt passes through."""

    def ask_a_person(x: int) -> str:
        """Ask."""
        return f"{x} {interrupt('really?')}"

    call = Call("ask_a_person", {"x": 1})
    emulator.script([call, call, "done"])
    app = graph(bind(ask_a_person).with_transcript())
    assert "__interrupt__" in app.invoke({"messages": [("user", "go")]}, THREAD)
    state = app.invoke(Command(resume="yes"), THREAD)
    assert [m.text for m in state["messages"] if isinstance(m, ToolMessage)] == ["1 yes"]
