"""Tools at the same time, in threads and on a loop: bounded, late, interrupted and cancelled."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool
from tool_binding.support import Bind, Run, results_of

from resayil.emulator import Emulator


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
