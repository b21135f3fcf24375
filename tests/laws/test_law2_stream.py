"""Law 2: what a stream adds up to is what the call answers."""

from __future__ import annotations

from dataclasses import replace

from core.support import MODEL, Scripted, client_of, json_reply, sse_reply
from hypothesis import assume, given
from laws import answers

from resayil import ChatResponse, Tool


def _both(
    answer: answers.Answer, api: str, *, interleaved: bool = False
) -> tuple[ChatResponse, ChatResponse]:
    """The answer streamed, and called; every other tool of it was offered."""
    chat = api == "chat"
    reply = answers.chat_reply(answer) if chat else answers.messages_reply(answer)
    payloads = (
        answers.chat_stream(answer, interleaved=interleaved) if chat else answers.messages_stream(answer)
    )
    client = client_of(Scripted(sse_reply(answers.framed(payloads)), json_reply(reply)), api=api)
    tools = [Tool(name) for name in sorted({call.name for call in answer.calls})[:: 1 + answer.order % 2]]
    stream = client.stream(MODEL, "سؤال", tools=tools)
    for _ in stream:
        pass
    return replace(stream.response(), headers={}), replace(
        client.chat(MODEL, "سؤال", tools=tools), headers={}
    )


@given(answers.chat_answers())
def test_chat_stream_equals_call(answer: answers.Answer) -> None:
    """On the chat dialect the response is the same value, streamed or called."""
    streamed, called = _both(answer, "chat")
    assert streamed == called
    assert streamed.extra["x_new"] == answer.unknown


@given(answers.chat_answers())
def test_interleaved_calls_equal_call(answer: answers.Answer) -> None:
    """Calls whose fragments alternate come out whole and in order."""
    streamed, called = _both(answer, "chat", interleaved=True)
    assert streamed == called


@given(answers.messages_answers())
def test_messages_stream_equals_call(answer: answers.Answer) -> None:
    """On the messages dialect too, whatever the order of its blocks."""
    streamed, called = _both(answer, "messages")
    assert streamed == called
    assert streamed.extra["x_new"] == answer.unknown


@given(answers.chat_answers())
def test_text_arrives_unaltered(answer: answers.Answer) -> None:
    """The words are those that the service wrote, code point by code point, reasoning tags apart."""
    written = "".join(piece.text for piece in answer.pieces if piece.kind == "text")
    assume(not written.lstrip().startswith("<think>"))
    streamed, called = _both(answer, "chat")
    assert streamed.text == called.text == written
