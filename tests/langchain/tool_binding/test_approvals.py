"""A person's word on each call: allowed, refused or edited, waited for or awaited."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest
from tool_binding.support import Bind, Run, results_of

from langchain_resayil.errors import RequestError
from resayil.emulator import Emulator

YES, NO = True, False


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
