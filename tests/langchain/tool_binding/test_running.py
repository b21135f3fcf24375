"""Runs against the emulator: the same messages in every face, tools at the same time, failures told."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException, tool
from pydantic import BaseModel, SecretStr

from langchain_resayil import ChatResayil, ResayilToolBinding, ToolLoopError
from langchain_resayil.errors import ConfigurationError, InternalServerError, RequestError
from resayil import Tool
from resayil.emulator import Emulator
from resayil.emulator.scripts import Call, Fault, Reply

Bind = Callable[..., ResayilToolBinding]
Run = Callable[..., list[BaseMessage]]
YES, NO = True, False
KEY = "sk-canary-0123456789"


def results_of(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    """Status and text of each result."""
    return [(message.status, message.text) for message in messages if isinstance(message, ToolMessage)]


def test_the_conversation_of_a_run(bind: Bind, run: Run, question: str, either: ChatResayil) -> None:
    """On both dialects and in every face: the call with a number, its result, an answer that quotes both."""
    called, result, answer = run(bind(on=either), question)
    assert isinstance(called, AIMessage)
    assert called.tool_calls[0]["args"] == {"member_id": "7788", "total_kwd": 12.5}
    assert isinstance(result, ToolMessage)
    assert (result.text, result.tool_call_id) == (
        '{"member": "7788", "points": 125}',
        called.tool_calls[0]["id"],
    )
    assert "125" in answer.text


def test_the_answer_is_what_invoke_returns(bind: Bind, question: str) -> None:
    """`invoke` and `ainvoke` return the final message, with its tokens and credits."""
    answer = bind().invoke(question)
    assert type(answer) is AIMessage
    assert not answer.tool_calls
    assert answer.response_metadata["credits"] > 0
    assert asyncio.run(bind().ainvoke(question)).text == answer.text


def test_batches_keep_their_order(bind: Bind) -> None:
    """`batch` and `abatch` answer each question in its place."""
    questions: list[Any] = [f"رقم عضويتي {n} والمجموع {n}.5 دينار، كم نقطة سأكسب؟" for n in (11, 22, 33)]
    for answers in (bind().batch(questions), asyncio.run(bind().abatch(questions))):
        points = [str(round((n + 0.5) * 10)) for n in (11, 22, 33)]
        assert all(point in answer.text for point, answer in zip(points, answers, strict=True))


def test_any_conversation_is_taken(bind: Bind, question: str) -> None:
    """A text, messages, tuples, one message and a state are the same question."""
    forms: list[Any] = [[HumanMessage(question)], [("user", question)], HumanMessage(question)]
    texts = {bind().invoke(form).text for form in [*forms, {"messages": question}]}
    assert texts == {bind().invoke(question).text}


def test_further_arguments_reach_every_call(bind: Bind, emulator: Emulator, question: str) -> None:
    """`bind(...)` and keyword arguments are the model's, in each turn."""
    bind().bind(temperature=0.5).invoke(question, max_tokens=400)
    assert [(r.body["temperature"], r.body["max_tokens"]) for r in emulator.requests] == [(0.5, 400)] * 2


def barrier_tools(kind: str, parties: int) -> list[Any]:
    """Tools that each wait for all the others."""
    meeting, arrived = threading.Barrier(parties, timeout=5), []

    def meet(n: int) -> str:
        """Meet the others."""
        meeting.wait()
        return f"met {n}"

    async def ameet(n: int) -> str:
        """Meet the others."""
        arrived.append(n)
        while len(arrived) < parties:  # noqa: ASYNC110 - a meeting, not an event
            await asyncio.sleep(0.001)
        return f"met {n}"

    return [
        StructuredTool.from_function(
            meet if kind == "sync" else None, ameet if kind == "async" else None, "meet"
        )
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_calls_of_one_answer_run_at_the_same_time(bind: Bind, emulator: Emulator, kind: str) -> None:
    """Three calls that wait for each other all return, results in the calls' order."""
    binding = bind(*barrier_tools(kind, 3))
    emulator.calls([("meet", {"n": n}) for n in (3, 1, 2)])
    emulator.reply("done")
    messages = asyncio.run(binding.with_transcript().ainvoke("go"))["messages"]
    assert results_of(messages) == [("success", "met 3"), ("success", "met 1"), ("success", "met 2")]


def test_sync_tools_run_at_the_same_time_without_a_loop(bind: Bind, emulator: Emulator) -> None:
    """The same in threads."""
    emulator.calls([("meet", {"n": n}) for n in (3, 1, 2)])
    emulator.reply("done")
    messages = bind(*barrier_tools("sync", 3)).with_transcript().invoke("go")["messages"]
    assert [text for _, text in results_of(messages)] == ["met 3", "met 1", "met 2"]


@pytest.mark.parametrize(("settings", "config"), [({"max_parallel": 2}, {}), ({}, {"max_concurrency": 2})])
def test_parallelism_is_bounded(
    bind: Bind, emulator: Emulator, settings: dict[str, Any], config: RunnableConfig
) -> None:
    """Never more calls at once than the binding, or the run's config, allows; in threads and in a loop."""
    lock, now, most = threading.Lock(), [0], [0]

    def work(n: int) -> int:
        """Work."""
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return n

    binding = bind(work, **settings).with_transcript()
    for outcome in (binding.invoke, lambda *a: asyncio.run(binding.ainvoke(*a))):
        emulator.calls([("work", {"n": n}) for n in range(6)])
        emulator.reply("done")
        messages = outcome("go", config)["messages"]
        assert [text for _, text in results_of(messages)] == list("012345")
    assert most == [2]


FLAG: ContextVar[str] = ContextVar("FLAG", default="unset")


def test_a_tool_sees_the_callers_context(bind: Bind, emulator: Emulator) -> None:
    """Context variables reach tools in threads and tasks, and what a tool sets stays with it."""

    def look() -> str:
        """Look."""
        seen = FLAG.get()
        FLAG.set("changed by a tool")
        return seen

    binding = bind(look).with_transcript()
    FLAG.set("the caller's")
    for outcome in (binding.invoke, lambda given: asyncio.run(binding.ainvoke(given))):
        emulator.calls([("look", {}), ("look", {})])
        emulator.reply("done")
        assert results_of(outcome("go")["messages"]) == [("success", "the caller's")] * 2
    assert FLAG.get() == "the caller's"


def test_a_late_tool_is_answered_for(bind: Bind, run: Run, emulator: Emulator) -> None:
    """Its call gets an error result in time, the other's result beside it, and its thread is left alone."""
    release = threading.Event()

    def hang(n: int) -> str:
        """Hang."""
        release.wait(20)
        return f"late {n}"

    def quick(n: int) -> str:
        """Be quick."""
        return f"quick {n}"

    binding = bind(hang, quick, tool_timeout={"hang": 0.05}, max_parallel=1)
    emulator.calls([("hang", {"n": 1}), ("quick", {"n": 2})])
    emulator.reply("done")
    began = time.monotonic()
    messages = run(binding, "go")
    assert time.monotonic() - began < 3
    release.set()
    assert results_of(messages) == [
        ("error", "The tool gave no result within 0.05 s."),
        ("success", "quick 2"),
    ]


def test_a_late_async_tool_is_cancelled(bind: Bind, emulator: Emulator) -> None:
    """An asynchronous tool that is late is stopped, not only left alone."""
    stopped = []

    async def hang() -> None:
        """Hang."""
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            stopped.append(True)
            raise

    emulator.call("hang", {})
    emulator.reply("done")
    answer = asyncio.run(bind(hang, tool_timeout=0.05).with_transcript().ainvoke("go"))
    assert results_of(answer["messages"]) == [("error", "The tool gave no result within 0.05 s.")]
    assert stopped == [True]


@pytest.mark.parametrize(
    "error", [ValueError(f"no {KEY} \x1b[2J\u202e\n" + "x" * 9000), TimeoutError("slow")]
)
def test_a_tools_error_is_told_without_its_secrets(
    bind: Bind, run: Run, emulator: Emulator, error: Exception
) -> None:
    """Type and text, bounded and printable, without traceback and without the model's key."""

    def fail() -> None:
        """Fail."""
        raise error

    emulator.add_key(KEY, plan="enterprise")
    binding = bind(fail, on=bind().model.model_copy(update={"api_key": SecretStr(KEY)}))
    emulator.call("fail", {})
    emulator.reply("sorry")
    [(status, told)] = results_of(run(binding, "go"))
    assert status == "error"
    assert told.startswith(type(error).__name__)
    assert KEY not in told
    assert "Traceback" not in told
    assert told.isprintable()
    assert len(told.encode()) <= 800
    assert emulator.requests[-1].body["messages"][-1]["content"].endswith(told)


def test_a_tools_own_handling_counts(bind: Bind, run: Run, emulator: Emulator) -> None:
    """`handle_tool_error` of a LangChain tool says what the model hears."""

    @tool
    def fail() -> None:
        """Fail."""
        raise ToolException("in its own words")

    fail.handle_tool_error = True
    emulator.call("fail", {})
    emulator.reply("sorry")
    assert results_of(run(bind(fail), "go")) == [("error", "in its own words")]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_interrupts_propagate(bind: Bind, emulator: Emulator, kind: type[BaseException]) -> None:
    """What asks the program to stop is no tool's failure."""

    def stop() -> None:
        """Stop."""
        raise kind

    emulator.call("stop", {})
    with pytest.raises(kind):
        bind(stop).invoke("go")
    assert len(emulator.requests) == 1


def test_cancellation_propagates(bind: Bind, emulator: Emulator) -> None:
    """A cancelled run cancels its tools and raises."""
    begun, stopped = asyncio.Event(), []

    async def hang() -> None:
        """Hang."""
        begun.set()
        try:
            await asyncio.sleep(20)
        finally:
            stopped.append(True)

    async def cancel() -> None:
        task = asyncio.create_task(bind(hang).ainvoke("go"))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    emulator.call("hang", {})
    asyncio.run(cancel())
    assert stopped == [True]


def test_one_tools_interrupt_stops_the_others(bind: Bind, emulator: Emulator) -> None:
    """When a run ends in one tool, the tasks of the others do not go on behind it."""
    stopped = []

    async def hang() -> None:
        """Hang."""
        try:
            await asyncio.sleep(20)
        finally:
            stopped.append(True)

    async def stop() -> None:
        """Stop."""
        await asyncio.sleep(0.01)
        raise asyncio.CancelledError

    emulator.calls([("hang", {}), ("stop", {})])
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(bind(hang, stop).ainvoke("go"))
    assert stopped == [True]
    assert time.monotonic() - began < 5


HUNG = """
import threading
from langchain_resayil import ChatResayil, ResayilToolBinding
from resayil.emulator import Emulator

def hang() -> None:
    "Hang."
    threading.Event().wait(60)

emulator = Emulator()
emulator.call("hang", {})
emulator.reply("done")
model = ChatResayil(
    model="mistral", api_key=emulator.key, base_url=emulator.base_url, http_transport=emulator.transport()
)
print(ResayilToolBinding(model, [hang], tool_timeout=0.05).invoke("go").text)
"""


def test_a_late_tool_does_not_keep_the_program() -> None:
    """A program whose tool hangs ends when it has its answer."""
    ran = subprocess.run([sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout == "done\n"


def test_unusable_calls_are_told_why(bind: Bind, run: Run, emulator: Emulator, either: ChatResayil) -> None:
    """Broken JSON, an unknown tool and wrong arguments each have a result that says what is wrong."""
    emulator.script(
        [
            Reply(
                calls=[
                    Call("get_loyalty_points", '{"member_id": "1", "total'),
                    Call("no_such_tool", {}),
                    Call("get_loyalty_points", {"member_id": "1", "total_kwd": "كثير"}),
                ]
            ),
            "sorry",
        ]
    )
    *_, answer = messages = run(bind(on=either), "go")
    told = [text for _, text in results_of(messages)]
    assert answer.text == "sorry"
    assert any("JSON" in text for text in told)
    assert any("no tool" in text for text in told)
    assert any("total_kwd: Input should be a valid number" in text for text in told)
    assert {status for status, _ in results_of(messages)} == {"error"}


def test_a_cut_call_is_never_executed(bind: Bind, run: Run, emulator: Emulator) -> None:
    """A call that was cut at `max_tokens` is answered, though LangChain could complete its JSON."""
    executed = []

    def pay(amount: float) -> None:
        """Pay."""
        executed.append(amount)

    emulator.script([Reply(calls=[Call("pay", '{"amount": 1')], finish_reason="length"), "sorry"])
    [(status, told)] = results_of(run(bind(pay), "go"))
    assert (status, executed) == ("error", [])
    assert "max_tokens" in told


def test_turns_are_bounded(bind: Bind, run: Run, emulator: Emulator) -> None:
    """A model that calls without end costs as many requests as were allowed."""
    emulator.script([Call("get_loyalty_points", {"member_id": "1", "total_kwd": n}) for n in range(9)])
    with pytest.raises(ToolLoopError, match="get_loyalty_points") as raised:
        run(bind(max_turns=3), "go")
    assert len(emulator.requests) == 3
    emulator.reset()
    emulator.reply("at last")
    assert bind().invoke([HumanMessage("go"), *raised.value.transcript]).text == "at last"


def test_the_models_errors_are_its_own(bind: Bind, run: Run, emulator: Emulator) -> None:
    """An error of the service in a later turn is raised as it is, and the tool is not executed again."""
    executed = []

    def pay() -> None:
        """Pay."""
        executed.append(1)

    emulator.script([Call("pay", {}), Fault(500)])
    with pytest.raises(InternalServerError):
        run(bind(pay, on=bind().model.model_copy(update={"max_retries": 0})), "go")
    assert executed == [1]


class Approvals:
    """A hook that says these words, and what it was asked."""

    def __init__(self, *words: Any) -> None:
        self.words = list(words)
        self.asked: list[Any] = []

    def __call__(self, call: Any) -> Any:
        """The next word."""
        self.asked.append(call)
        return self.words.pop(0)

    async def asynchronously(self, call: Any) -> Any:
        """The same, awaited."""
        await asyncio.sleep(0)
        return self(call)


def test_a_person_decides(bind: Bind, run: Run, emulator: Emulator) -> None:
    """Each call with its checked arguments; the refused one is not executed, the edited one as edited."""
    paid = []

    def pay(amount: float) -> str:
        """Pay."""
        paid.append(amount)
        return f"paid {amount}"

    hook = Approvals(YES, "too much", {"name": "pay", "args": {"amount": "٢"}})
    emulator.calls([("pay", {"amount": amount}) for amount in ("١", "١٠٠", 3)])
    emulator.reply("done")
    messages = run(bind(pay, approve=hook), "go")
    assert [call["args"] for call in hook.asked] == [{"amount": 1}, {"amount": 100}, {"amount": 3}]
    assert sorted(paid) == [1, 2]
    assert results_of(messages) == [
        ("success", "paid 1.0"),
        ("error", "The call was refused and not executed: too much"),
        ("success", "paid 2.0"),
    ]


def test_a_hook_may_be_awaited(bind: Bind, emulator: Emulator, question: str) -> None:
    """An asynchronous hook is awaited; used synchronously it is refused before anything is sent."""
    hook = Approvals(NO)
    binding = bind(approve=hook.asynchronously)
    with pytest.raises(RequestError, match="approve can only be awaited; use ainvoke"):
        binding.invoke(question)
    assert not emulator.requests
    messages = asyncio.run(binding.with_transcript().ainvoke(question))["messages"]
    assert results_of(messages) == [("error", "The call was refused and not executed.")]
    unseen = partial(Approvals.asynchronously, Approvals(NO, NO))

    def hidden(call: Any) -> Any:
        return unseen(call)

    with pytest.raises(RequestError, match=r"approve\(\) is asynchronous"):
        bind(approve=hidden).invoke(question)
    messages = asyncio.run(bind(approve=hidden).with_transcript().ainvoke(question))["messages"]
    assert [status for status, _ in results_of(messages)] == ["error"]


def test_a_hook_that_waits_does_not_hold_the_loop(bind: Bind, question: str) -> None:
    """A synchronous hook, which may wait for a person, waits in a thread of its own."""
    release = threading.Event()

    async def both() -> str:
        waiting = asyncio.create_task(bind(approve=lambda _: release.wait(5)).ainvoke(question))
        await asyncio.sleep(0.05)
        release.set()
        return (await waiting).text

    assert "125" in asyncio.run(both())


def test_an_async_only_tool_needs_a_loop(bind: Bind, emulator: Emulator) -> None:
    """Synchronous use is refused by name before anything is sent; awaited, it works."""

    async def fetch(n: int) -> int:
        """Fetch."""
        await asyncio.sleep(0)
        return n

    with pytest.raises(RequestError, match="fetch can only be awaited; use ainvoke, astream or abatch"):
        bind(fetch).invoke("go")
    with pytest.raises(RequestError, match="fetch"):
        list(bind(fetch).stream("go"))
    assert not emulator.requests
    emulator.call("fetch", {"n": "٧"})
    emulator.reply("done")
    messages = asyncio.run(bind(fetch).with_transcript().ainvoke("go"))["messages"]
    assert results_of(messages) == [("success", "7")]


class Adder(BaseTool):
    """A tool as a class, with both ways to run."""

    name: str = "add"
    description: str = "Add."

    def _run(self, a: int, b: int) -> str:
        return f"sync {a + b}"

    async def _arun(self, a: int, b: int) -> str:
        return f"async {a + b}"


def test_each_kind_of_tool(bind: Bind, run: Run, emulator: Emulator) -> None:
    """A tool class in its native way, a core tool by its JSON schema, a callable without a docstring."""

    def bare(x: int) -> int:
        return x

    def shown() -> list[dict[str, Any]]:
        """Show."""
        return [{"type": "text", "text": "كتلة"}]

    core = Tool(
        "core_tool", "A tool of the core.", {"properties": {"n": {"type": "integer"}}}, function=lambda n: -n
    )
    emulator.calls(
        [("add", {"a": "١", "b": 2}), ("core_tool", {"n": "٣"}), ("bare", {"x": 4}), ("shown", {})]
    )
    emulator.reply("done")
    texts = [text for _, text in results_of(run(bind(Adder(), core, bare, shown), "go"))]
    way = "async" if run.__name__ in {"_awaited", "_astreamed"} else "sync"
    assert texts == [f"{way} 3", "-3", "4", "كتلة"]


class Points(BaseModel):
    """Points."""

    points: int


@pytest.mark.parametrize(
    ("tools", "settings", "told"),
    [
        ([], {}, "needs a tool"),
        ([Points], {}, "Points describes no tool that can be executed"),
        ([{"name": "x"}], {}, "dict describes no tool"),
        ([Tool("x")], {}, "Tool describes no tool"),
        ([Adder(), Adder()], {}, "Two tools are called add"),
        ([Adder()], {"tool_calling": "guess"}, "auto, native or emulated"),
        ([Adder()], {"max_turns": 0}, "max_turns"),
        ([Adder()], {"tool_timeout": {"sub": 1}}, "tool_timeout names no tool: sub"),
    ],
)
def test_a_binding_that_cannot_work_is_not_made(
    model: ChatResayil, tools: list[Any], settings: dict[str, Any], told: str
) -> None:
    """What is wrong is said when the binding is made, not when a model calls."""
    with pytest.raises(ConfigurationError, match=told):
        ResayilToolBinding(model, tools, **settings)


def test_streams_begin_before_they_end(bind: Bind, emulator: Emulator, question: str) -> None:
    """The first chunk is there before the tool runs, and the result before the second turn is asked for."""
    executed = []

    def get_loyalty_points(member_id: str, total_kwd: float) -> str:
        """Look up the loyalty points that a member earns for a purchase."""
        executed.append((member_id, total_kwd))
        return "125"

    stream = bind(get_loyalty_points).stream(question)
    assert isinstance(next(stream), AIMessageChunk)
    assert not executed
    while not isinstance(piece := next(stream), ToolMessage):
        pass
    assert (piece.text, len(emulator.requests)) == ("125", 1)
    assert "".join(chunk.text for chunk in stream).count("125") == 1


def test_a_transcript_streams_its_messages(bind: Bind, question: str) -> None:
    """Each piece is one message, and the pieces add up to what `invoke` returns."""
    pieces = list(bind().with_transcript().stream(question))
    assert [[message.type for message in piece["messages"]] for piece in pieces] == [["ai"], ["tool"], ["ai"]]
    total: Any = pieces[0]
    for piece in pieces[1:]:
        total += piece
    assert [m.type for m in total["messages"]] == ["ai", "tool", "ai"]

    async def collect() -> list[Any]:
        return [piece async for piece in bind().with_transcript().astream(question)]

    assert [piece["messages"][0].type for piece in asyncio.run(collect())] == ["ai", "tool", "ai"]
