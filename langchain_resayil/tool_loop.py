"""The loop between a model and its tools, as a generator of effects.

It never asks, waits or executes: it yields an effect and is sent the outcome. So every rule below holds for
threads and event loops alike, and is tested without either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, InvalidToolCall, ToolCall, ToolMessage

from langchain_resayil.errors import RequestError, ResayilError
from langchain_resayil.marks import reason
from resayil.redaction import printable
from resayil.tools import parse_arguments

MAX_ERROR_BYTES = 800
"""Longest error that a model is told, in bytes of UTF-8."""


class ToolLoopError(ResayilError):
    """The model did not come to an answer within the turns, or repairs, that it was given.

    Attributes:
        transcript: The messages of this run so far. Where the last one holds calls, none of them was
            executed; ``binding.invoke([*messages, *error.transcript])`` goes on from there.
    """

    def __init__(self, message: str, transcript: Sequence[BaseMessage] = ()) -> None:
        super().__init__(message)
        self.transcript = list(transcript)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the model; its outcome is the answer."""

    messages: list[BaseMessage]


@dataclass(frozen=True, slots=True)
class Approve:
    """Ask whether a call may be executed; its outcome is what the hook said."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Perform:
    """Execute calls; its outcome is their results, in the same order."""

    calls: list[ToolCall]


@dataclass(frozen=True, slots=True)
class Tell:
    """Show the results that stand between two turns of the model."""

    results: list[ToolMessage]


Effect = Ask | Approve | Perform | Tell
T = TypeVar("T")
Steps = Generator[Effect, Any, T]


class Checks(Protocol):
    """What the loop knows of the tools."""

    def checked(self, call: ToolCall) -> ToolCall | str:
        """The call as it can be executed, or why it cannot."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may take.

    Attributes:
        max_turns: Answers of the model.
        repairs: Answers in a row whose call of the same tool may be unusable.
        approval: Whether each call is put before somebody.
    """

    max_turns: int
    repairs: int
    approval: bool


def conversation(start: Sequence[BaseMessage], tools: Checks, limits: Limits) -> Steps[None]:
    """One run: from a conversation to an answer that calls nothing.

    A conversation that ends with calls that nobody has answered goes on with them.

    Raises:
        ToolLoopError: the turns or the repairs are used up.
    """
    said: list[BaseMessage] = []
    failed: Counter[str] = Counter()
    newest = start[-1] if start else None
    answer = newest if isinstance(newest, AIMessage) and _calls(newest) else None
    turns = 0
    while answer is None or _calls(answer):
        if answer is not None:
            if turns == limits.max_turns:
                raise ToolLoopError(
                    f"The model has given {turns} answers, as many as max_turns allows, and the last one "
                    f"still calls {_names(answer)}; its calls were not executed.",
                    said,
                )
            results = yield from _results(answer, tools, limits, failed, said)
            said += results
            yield Tell(results)
        answer = yield Ask([*start, *said])
        turns += 1
        said.append(answer)


def _calls(answer: AIMessage) -> bool:
    return bool(answer.tool_calls or answer.invalid_tool_calls)


def _names(answer: AIMessage) -> str:
    return ", ".join(
        dict.fromkeys(str(call["name"]) for call in (*answer.tool_calls, *answer.invalid_tool_calls))
    )


def _results(
    answer: AIMessage, tools: Checks, limits: Limits, failed: Counter[str], said: list[BaseMessage]
) -> Steps[list[ToolMessage]]:
    """A result for each call of an answer, in order: executed, refused, or why it could not be."""
    plans: list[ToolCall | ToolMessage] = []
    for call in answer.tool_calls:
        checked = tools.checked(call)
        plans.append(_unusable(call, checked) if isinstance(checked, str) else checked)
    plans += [_unusable(call, _why(call)) for call in answer.invalid_tool_calls]
    _count(plans, failed, limits, said)
    if limits.approval:
        plans = yield from _approved(plans, tools)
    calls = [plan for plan in plans if not isinstance(plan, ToolMessage)]
    results = iter((yield Perform(calls)) if calls else ())
    return [plan if isinstance(plan, ToolMessage) else next(results) for plan in plans]


def _count(
    plans: list[ToolCall | ToolMessage], failed: Counter[str], limits: Limits, said: list[BaseMessage]
) -> None:
    usable = {plan["name"] for plan in plans if not isinstance(plan, ToolMessage)}
    broken = {plan.name or "": plan for plan in plans if isinstance(plan, ToolMessage)}
    for name in usable - broken.keys():
        del failed[name]
    for name, result in broken.items():
        failed[name] += 1
        if failed[name] > limits.repairs:
            raise ToolLoopError(
                f"The model's calls of {name!r:.80} stay unusable (repairs={limits.repairs}). {result.text}",
                said,
            )


def _approved(plans: list[ToolCall | ToolMessage], tools: Checks) -> Steps[list[ToolCall | ToolMessage]]:
    """The plans after somebody has seen each call, one after another, before any is executed."""
    seen: list[ToolCall | ToolMessage] = []
    for plan in plans:
        if isinstance(plan, ToolMessage):
            seen.append(plan)
        else:
            word = yield Approve(ToolCall(**{**plan, "args": dict(plan["args"])}))
            seen.append(_judged(plan, word, tools))
    return seen


def _judged(call: ToolCall, word: object, tools: Checks) -> ToolCall | ToolMessage:
    match word:
        case True:
            return call
        case False:
            return error_result(call, "The call was refused and not executed.")
        case str():
            return error_result(call, f"The call was refused and not executed: {word}")
        case Mapping() if "name" in word and "args" in word:
            edited = ToolCall(name=word["name"], args=dict(word["args"]), id=call["id"], type="tool_call")
            checked = tools.checked(edited)
            if isinstance(checked, str):
                raise RequestError(f"approve() has edited a call of {call['name']} wrongly: {checked}")
            return checked
    raise RequestError(
        "approve() returns True, False, a reason for a refusal, or the call with other arguments, "
        f"not {type(word).__name__}."
    )


def _why(call: InvalidToolCall) -> str:
    """Why a call is broken; a stream tells it in the arguments, if at all."""
    arguments = call["args"] or ""
    told = call.get("error") or reason(arguments) or parse_arguments(arguments)
    return told if isinstance(told, str) else "the call cannot be read"


def _unusable(call: ToolCall | InvalidToolCall, why: str) -> ToolMessage:
    return error_result(call, f"The call was not executed: {why}")


def error_result(call: ToolCall | InvalidToolCall, text: str) -> ToolMessage:
    """A result that says what went wrong, short and printable."""
    return ToolMessage(
        printable(text, limit=MAX_ERROR_BYTES),
        tool_call_id=call["id"] or call["name"] or "",
        name=call["name"] or "",
        status="error",
    )
