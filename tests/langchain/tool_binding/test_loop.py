"""The loop by hand: no model, no tool, no thread."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from langchain_resayil import ToolLoopError
from langchain_resayil.errors import RequestError
from langchain_resayil.tool_loop import Approve, Ask, Effect, Limits, Perform, Steps, Tell, conversation

YES, NO = True, False
START: list[BaseMessage] = [HumanMessage("hi")]
LIMITS = Limits(max_turns=3, repairs=1, approval=False)


class Table:
    """Tools `good` and `other`; arguments with the key `bad` do not satisfy their schemas."""

    def checked(self, call: ToolCall) -> ToolCall | str:
        """The call, or what is wrong with it."""
        if call["name"] not in {"good", "other"}:
            return "there is no such tool"
        return "bad is bad" if "bad" in call["args"] else call


def call(name: str = "good", number: int = 1, **args: Any) -> ToolCall:
    """A call."""
    return ToolCall(type="tool_call", id=f"c{number}", name=name, args=args)


def calling(*calls: ToolCall) -> AIMessage:
    """An answer that calls."""
    return AIMessage("", tool_calls=list(calls))


def played(steps: Steps[None], *outcomes: Any) -> list[Effect]:
    """The effects of a run whose outcomes are these."""
    waiting, effects = list(outcomes), [next(steps)]
    try:
        while True:
            effects.append(steps.send(None if isinstance(effects[-1], Tell) else waiting.pop(0)))
    except StopIteration:
        assert not waiting
        return effects


def result(number: int = 1, text: str = "done") -> ToolMessage:
    """A result."""
    return ToolMessage(text, tool_call_id=f"c{number}", name="good")


def test_an_answer_without_calls_ends_the_run() -> None:
    """One question, one answer, nothing else."""
    assert played(conversation(START, Table(), LIMITS), AIMessage("hello")) == [Ask(START)]


def test_a_call_is_executed_and_its_result_sent() -> None:
    """Ask, perform, tell, ask again with both messages behind the conversation."""
    asked, performed, told, again = played(
        conversation(START, Table(), LIMITS), calling(call()), [result()], AIMessage("done")
    )
    assert asked == Ask(START)
    assert performed == Perform([call()])
    assert told == Tell([result()])
    assert again == Ask([*START, calling(call()), result()])


def test_results_stand_in_the_calls_order() -> None:
    """Whether executed, unknown or unreadable, each call has its result where it stood."""
    broken = {"type": "invalid_tool_call", "id": "c4", "name": "good", "args": "{", "error": "cut"}
    answer = AIMessage(
        "",
        tool_calls=[call("none", 1), call("good", 2), call("other", 3)],
        invalid_tool_calls=[broken],
    )
    effects = played(
        conversation(START, Table(), LIMITS), answer, [result(2, "a"), result(3, "b")], AIMessage("done")
    )
    told = effects[2]
    assert isinstance(told, Tell)
    assert [message.tool_call_id for message in told.results] == ["c1", "c2", "c3", "c4"]
    assert [message.status for message in told.results] == ["error", "success", "success", "error"]
    assert "there is no such tool" in told.results[0].text
    assert "cut" in told.results[3].text


def test_nothing_is_performed_where_no_call_is_usable() -> None:
    """An answer of unusable calls alone costs a turn and executes nothing."""
    effects = played(conversation(START, Table(), LIMITS), calling(call(bad=1)), AIMessage("sorry"))
    assert [type(effect) for effect in effects] == [Ask, Tell, Ask]


def test_one_repair_turn_then_a_typed_error() -> None:
    """The model is told once what is wrong; the same mistake again ends the run, and nothing is executed."""
    steps = conversation(START, Table(), LIMITS)
    with pytest.raises(ToolLoopError, match="bad is bad") as raised:
        played(steps, calling(call(bad=1)), calling(call(bad=2), call("other", 2)))
    kinds = [message.type for message in raised.value.transcript]
    assert kinds == ["ai", "tool", "ai"]


def test_a_repaired_call_starts_anew() -> None:
    """Repairs are counted in a row and by tool: a good call in between forgives."""
    turns = Limits(max_turns=9, repairs=1, approval=False)
    bad, good = calling(call(bad=1)), calling(call())
    effects = played(
        conversation(START, Table(), turns), bad, good, [result()], bad, good, [result()], AIMessage("done")
    )
    assert len([effect for effect in effects if isinstance(effect, Ask)]) == 5


def test_turns_are_bounded_and_the_last_calls_are_not_executed() -> None:
    """The error holds the transcript, up to the calls that nobody executed."""
    steps = conversation(START, Table(), Limits(max_turns=2, repairs=1, approval=False))
    with pytest.raises(ToolLoopError, match="max_turns") as raised:
        played(steps, calling(call()), [result()], calling(call("other", 2)))
    assert [message.type for message in raised.value.transcript] == ["ai", "tool", "ai"]
    assert raised.value.is_retryable is False
    copy = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own error
    assert (copy.message, copy.transcript) == (raised.value.message, raised.value.transcript)


def test_unanswered_calls_are_taken_up() -> None:
    """A conversation that ends with calls, as the error's transcript does, goes on with them."""
    start = [*START, calling(call())]
    effects = played(conversation(start, Table(), LIMITS), [result()], AIMessage("done"))
    assert effects == [Perform([call()]), Tell([result()]), Ask([*start, result()])]


def approved(*words: Any, calls: tuple[ToolCall, ...] = (call(x=1),)) -> list[Effect]:
    """The effects of a run in which a hook says these words."""
    answers = [result(n + 1) for n in range(len(calls))]
    executed = any(word is True or isinstance(word, dict) for word in words)
    limits = Limits(max_turns=3, repairs=1, approval=True)
    return played(
        conversation(START, Table(), limits),
        calling(*calls),
        *words,
        *([answers] if executed else []),
        AIMessage("done"),
    )


def test_every_call_is_put_before_somebody_before_any_is_executed() -> None:
    """Both calls are approved, one after another, and only then performed together."""
    effects = approved(YES, YES, calls=(call(), call("other", 2)))
    assert [type(effect) for effect in effects] == [Ask, Approve, Approve, Perform, Tell, Ask]


@pytest.mark.parametrize(
    ("word", "told"), [(NO, "refused"), ("too much", "refused and not executed: too much")]
)
def test_a_refused_call_is_answered_and_not_executed(word: object, told: str) -> None:
    """The model hears of the refusal, with its reason where there is one."""
    effects = approved(word)
    assert [type(effect) for effect in effects] == [Ask, Approve, Tell, Ask]
    answer = effects[2]
    assert isinstance(answer, Tell)
    assert told in answer.results[0].text
    assert answer.results[0].status == "error"


def test_an_edited_call_is_executed_as_edited() -> None:
    """Name and arguments are the hook's, the id is the model's."""
    effects = approved({"name": "other", "args": {"x": 2}})
    assert effects[2] == Perform([call("other", 1, x=2)])


@pytest.mark.parametrize("word", [None, 1, {"args": {}}, {"name": "good", "args": {"bad": 1}}])
def test_a_hook_that_says_something_else_raises(word: object) -> None:
    """What is neither yes nor no is never taken for yes, and an edited call is checked like any."""
    with pytest.raises(RequestError, match=r"approve\(\)"):
        approved(word)


def test_an_error_is_bounded_and_printable() -> None:
    """A reason with escapes and without end is told in a line."""
    steps = conversation(START, Table(), Limits(max_turns=3, repairs=1, approval=True))
    effects = [next(steps), steps.send(calling(call())), steps.send("\x1b[31mno\n\u202e" + "x" * 5000)]
    told = effects[2]
    assert isinstance(told, Tell)
    assert len(told.results[0].text.encode()) <= 800
    assert told.results[0].text.isprintable()
