"""Whole runs against the emulator: the same messages in every face, batched, bound and streamed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from tool_binding.support import Bind, Run

from langchain_resayil import ChatResayil, ToolLoopError
from resayil.emulator import Emulator
from resayil.emulator.scripts import Call


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


def test_turns_are_bounded(bind: Bind, run: Run, emulator: Emulator) -> None:
    """A model that calls without end costs as many requests as were allowed."""
    emulator.script([Call("get_loyalty_points", {"member_id": "1", "total_kwd": n}) for n in range(9)])
    with pytest.raises(ToolLoopError, match="get_loyalty_points") as raised:
        run(bind(max_turns=3), "go")
    assert len(emulator.requests) == 3
    emulator.reset()
    emulator.reply("at last")
    assert bind().invoke([HumanMessage("go"), *raised.value.transcript]).text == "at last"


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
