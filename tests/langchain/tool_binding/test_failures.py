"""Calls that fail: told to the model without secrets, never executed when cut, raised when the service's."""

from __future__ import annotations

import pytest
from langchain_core.tools import ToolException, tool
from pydantic import SecretStr
from tool_binding.support import Bind, Run, results_of

from langchain_resayil import ChatResayil
from langchain_resayil.errors import InternalServerError
from resayil.emulator import Emulator
from resayil.emulator.scripts import Call, Fault, Reply

KEY = "sk-canary-0123456789"


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
