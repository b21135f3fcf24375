"""Executing what the tool loop asks for: in threads, or in an event loop.

A synchronous tool runs in a thread of its own, which sees a copy of the caller's context and does not keep
the program from ending: a thread cannot be stopped, so a tool that is late goes on while nobody waits for it.
"""

from __future__ import annotations

import asyncio
import math
import sys
import threading
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import aclosing, closing
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from inspect import iscoroutine, iscoroutinefunction
from typing import Any, TypeVar, assert_never, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import get_fields, is_basemodel_subclass
from pydantic import Field, ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1

from langchain_resayil.arguments import problems, with_decimals, with_numbers
from langchain_resayil.emulated_tools import Voice
from langchain_resayil.errors import RequestError
from langchain_resayil.tool_loop import Approve, Ask, Effect, Perform, Steps, Tell, error_result
from resayil.redaction import redact

T = TypeVar("T")
Approval = Callable[[ToolCall], Any]


class BetweenTurns(AIMessageChunk):
    """The place between two turns of the model, in a stream: whoever adds chunks up starts anew here.

    So the chunks of a run add up to its last turn, which is what ``invoke`` returns.
    """

    results: list[ToolMessage] = Field(default_factory=list, exclude=True)

    def __add__(self, other: Any) -> Any:
        return other

    def __radd__(self, other: Any) -> Any:
        return self


Piece = AIMessage | BetweenTurns


@dataclass(frozen=True, slots=True)
class Workbench:
    """The tools of a binding, by name.

    Attributes:
        tools: The tools.
        timeout: Seconds for each call, for all tools or by name.
        parallel: How many calls are executed at once.
        secrets: What no error may show.
    """

    tools: Mapping[str, BaseTool]
    timeout: float | Mapping[str, float] | None
    parallel: int
    secrets: Sequence[str]

    def checked(self, call: ToolCall) -> ToolCall | str:
        """The call with its numerals as numbers, or why it cannot be executed."""
        tool = self.tools.get(call["name"])
        if tool is None:
            return f"there is no tool {call['name']!r:.80}; the tools are {', '.join(self.tools)}"
        schema = convert_to_openai_tool(tool)["function"].get("parameters") or {}
        arguments, found = _validated(tool, schema, with_numbers(schema, call["args"]))
        if found:
            return f"its arguments do not satisfy the schema. {'; '.join(found)}"
        return ToolCall(name=call["name"], args=arguments, id=call["id"] or call["name"], type="tool_call")

    def asynchronous_only(self) -> list[str]:
        """The tools that a synchronous program cannot execute."""
        return [
            name
            for name, tool in self.tools.items()
            if isinstance(tool, StructuredTool | Tool) and tool.func is None
        ]

    def perform(self, calls: Sequence[ToolCall], config: RunnableConfig) -> list[ToolMessage]:
        """Execute calls in threads; their results in the calls' order."""
        waiting, done = deque(enumerate(calls)), dict[int, ToolMessage]()
        running: dict[Future[ToolMessage], tuple[int, ToolCall, float]] = {}
        while waiting or running:
            while waiting and len(running) < self._width(config):
                n, call = waiting.popleft()
                due = time.monotonic() + self._seconds(call)
                running[_started(partial(self._execute, call, config))] = (n, call, due)
            due = min(due for _, _, due in running.values())
            patience = None if due == math.inf else max(0.0, due - time.monotonic())
            finished, _ = wait(running, patience, FIRST_COMPLETED)
            now = time.monotonic()
            for future, (n, call, due) in list(running.items()):
                if future in finished or due <= now:
                    del running[future]
                    done[n] = future.result() if future in finished else self._late(call)
        return [done[n] for n in range(len(calls))]

    async def aperform(self, calls: Sequence[ToolCall], config: RunnableConfig) -> list[ToolMessage]:
        """Execute calls as tasks, synchronous tools in threads; their results in the calls' order."""
        slots = asyncio.Semaphore(self._width(config))
        tasks = [asyncio.create_task(self._in_time(call, config, slots)) for call in calls]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _in_time(self, call: ToolCall, config: RunnableConfig, slots: asyncio.Semaphore) -> ToolMessage:
        seconds = self._seconds(call)
        async with slots:
            try:
                async with asyncio.timeout(None if seconds == math.inf else seconds):
                    if _is_asynchronous(self.tools[call["name"]]):
                        return await self._aexecute(call, config)
                    return await asyncio.wrap_future(_started(partial(self._execute, call, config)))
            except TimeoutError:
                return self._late(call)

    def _execute(self, call: ToolCall, config: RunnableConfig) -> ToolMessage:
        try:
            return _result(call, self.tools[call["name"]].invoke(dict(call), config))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, the model is told
            return self._failed(call, error)

    async def _aexecute(self, call: ToolCall, config: RunnableConfig) -> ToolMessage:
        try:
            return _result(call, await self.tools[call["name"]].ainvoke(dict(call), config))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, the model is told
            return self._failed(call, error)

    def _failed(self, call: ToolCall, error: Exception) -> ToolMessage:
        if isinstance(error, _control_flow()):
            raise error
        text = f"{type(error).__name__}: {error}"
        for secret in self.secrets:
            text = redact(text, secret)
        return error_result(call, text)

    def _late(self, call: ToolCall) -> ToolMessage:
        return error_result(call, f"The tool gave no result within {self._seconds(call):g} s.")

    def _seconds(self, call: ToolCall) -> float:
        given = self.timeout.get(call["name"]) if isinstance(self.timeout, Mapping) else self.timeout
        return math.inf if given is None else given

    def _width(self, config: RunnableConfig) -> int:
        return max(1, min(self.parallel, config.get("max_concurrency") or self.parallel))


def play(
    steps: Steps[None],
    voice: Voice,
    ask: Callable[[list[BaseMessage]], Generator[AIMessage]],
    approve: Approval | None,
    perform: Callable[[list[ToolCall]], list[ToolMessage]],
) -> Iterator[Piece]:
    """Perform what the loop asks for, and show what the model says and what stands between its turns."""
    outcome: Any = None
    with closing(steps):
        while (effect := _next(steps, outcome)) is not None:
            match effect:
                case Ask(messages):
                    reader = voice.reader(messages)
                    with closing(ask(voice.said(messages))) as pieces:
                        for piece in pieces:
                            yield from reader.feed(piece)
                    yield from reader.close()
                    outcome = reader.message()
                case Approve(call):
                    outcome = _asked(approve, call)
                case Perform(calls):
                    outcome = perform(calls)
                case Tell(results):
                    outcome = None
                    yield BetweenTurns(content="", results=results)
                case _:
                    assert_never(effect)


async def aplay(
    steps: Steps[None],
    voice: Voice,
    ask: Callable[[list[BaseMessage]], AsyncGenerator[AIMessage]],
    approve: Approval | None,
    perform: Callable[[list[ToolCall]], Awaitable[list[ToolMessage]]],
) -> AsyncIterator[Piece]:
    """The same, awaited."""
    outcome: Any = None
    with closing(steps):
        while (effect := _next(steps, outcome)) is not None:
            match effect:
                case Ask(messages):
                    reader = voice.reader(messages)
                    async with aclosing(ask(voice.said(messages))) as pieces:
                        async for piece in pieces:
                            for shown in reader.feed(piece):
                                yield shown
                    for shown in reader.close():
                        yield shown
                    outcome = reader.message()
                case Approve(call):
                    outcome = await _aasked(approve, call)
                case Perform(calls):
                    outcome = await perform(calls)
                case Tell(results):
                    outcome = None
                    yield BetweenTurns(content="", results=results)
                case _:
                    assert_never(effect)


def _next(steps: Steps[None], outcome: Any) -> Effect | None:
    try:
        return steps.send(outcome)
    except StopIteration:
        return None


def is_asynchronous(approve: Approval | None) -> bool:
    """Whether a hook has to be awaited, as far as can be seen before it is called."""
    return iscoroutinefunction(approve) or iscoroutinefunction(getattr(approve, "__call__", None))  # noqa: B004 - an object's call may be a coroutine function


def _asked(approve: Approval | None, call: ToolCall) -> Any:
    word = approve(call) if approve else True
    if iscoroutine(word):
        word.close()
        raise RequestError("approve() is asynchronous; use ainvoke, astream or abatch.")
    return word


async def _aasked(approve: Approval | None, call: ToolCall) -> Any:
    """What the hook says; a synchronous one may wait for a person, so it waits in a thread."""
    if approve is None:
        return True
    if is_asynchronous(approve):
        return await approve(call)
    word = await asyncio.wrap_future(_started(partial(approve, call)))
    return await word if iscoroutine(word) else word


def _started(work: Callable[[], T]) -> Future[T]:
    """Start work in a thread of its own, in a copy of this context."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    context = copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:  # noqa: BLE001 - an interrupt too is raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="resayil-tool", daemon=True).start()
    return future


def _is_asynchronous(tool: BaseTool) -> bool:
    if isinstance(tool, StructuredTool | Tool):
        return tool.coroutine is not None
    return type(tool)._arun is not BaseTool._arun  # noqa: SLF001 - whether the tool has its own


def _validated(
    tool: BaseTool, schema: Mapping[str, Any], arguments: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Arguments, and why they do not satisfy a tool's schema: by its pydantic model where it has one."""
    if isinstance(tool.args_schema, dict):
        return arguments, problems(schema, arguments)
    errors = _errors(tool, arguments)
    if errors:
        arguments = with_decimals(arguments, errors)
        errors = _errors(tool, arguments)
    return arguments, [f"{'.'.join(map(str, row['loc'])) or 'the arguments'}: {row['msg']}" for row in errors]


def _errors(tool: BaseTool, arguments: dict[str, Any]) -> Sequence[Mapping[str, Any]]:
    offered, whole = tool.tool_call_schema, tool.get_input_schema()
    model: Any = whole if _fields(whole) == _fields(offered) else offered
    try:
        (model.model_validate if hasattr(model, "model_validate") else model.parse_obj)(dict(arguments))
    except (ValidationError, ValidationErrorV1) as error:
        return cast("Sequence[Mapping[str, Any]]", error.errors())
    return ()


def _fields(model: Any) -> set[str]:
    """The names of a model's fields, in either version of pydantic."""
    if not (isinstance(model, type) and is_basemodel_subclass(model)):
        return set()
    return set(get_fields(model))


def _result(call: ToolCall, returned: Any) -> ToolMessage:
    if isinstance(returned, ToolMessage):
        return returned.model_copy(update={"tool_call_id": call["id"], "name": returned.name or call["name"]})
    raise TypeError(f"a tool in a loop returns text or content blocks, not {type(returned).__name__}")


def _control_flow() -> tuple[type[Exception], ...]:
    """LangGraph's interrupts, which are exceptions and no failures."""
    graph = sys.modules.get("langgraph.errors")
    return () if graph is None else (graph.GraphBubbleUp,)
