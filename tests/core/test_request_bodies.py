"""What a request's body says, and which bodies are refused when read."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import MODEL, Scripted, client_of, json_reply, png

from resayil import (
    ChatRequest,
    ImagePart,
    Message,
    RequestError,
    Tool,
    ToolChoice,
    UnsupportedError,
    assistant,
    tool_result,
    user,
)
from resayil.codecs import CODECS

READ_CHAT, READ_MESSAGES = (CODECS[name].read_request for name in ("chat", "messages"))
TURNS = [{"role": "user", "content": "س"}]


def test_names_of_messages_are_told_to_be_left_out() -> None:
    """The messages dialect has no field for them, and the response says so."""
    reply = json_reply({"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"})
    response = client_of(Scripted(reply), api="messages").chat(MODEL, user("س", name="noor"))
    assert response.adaptations == ("names of messages were not sent",)


def test_parallel_calls_alone_on_messages() -> None:
    """Allowing or forbidding them needs a choice there, which is auto."""
    body = CODECS["messages"].encode(ChatRequest("m", (user("س"),), (Tool("t"),), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


CHAT_BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "newer max_tokens": ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    "both": ({"max_completion_tokens": 7, "max_tokens": 8}, {"max_tokens": 8}),
    "text format": ({"response_format": {"type": "text"}}, {"response_format": None}),
    "any tool": ({"tool_choice": "any"}, {"tool_choice": "required"}),
    "old functions": (
        {"functions": [{"name": "t"}], "function_call": {"name": "t"}},
        {"tools": (Tool("t"),), "tool_choice": ToolChoice("t")},
    ),
    "one stop": ({"stop": "x"}, {"stop": ("x",)}),
    "null stop": ({"stop": None}, {"stop": ()}),
}


@pytest.mark.parametrize("name", CHAT_BODIES)
def test_spellings_of_a_chat_body(name: str) -> None:
    """Older and newer names of a field mean the same."""
    body, expected = CHAT_BODIES[name]
    request = READ_CHAT({"model": "m", "messages": TURNS, **body})
    assert {field: getattr(request, field) for field in expected} == expected


HUGE = {"url": "https://a.example/b", "detail": "huge"}


def _turn(role: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": [part]}]}


REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "choice": (READ_CHAT, {"tool_choice": "perhaps"}),
    "format": (READ_CHAT, {"response_format": {"type": "yaml"}}),
    "detail": (READ_CHAT, _turn("user", {"type": "image_url", "image_url": HUGE})),
    "parallel": (READ_CHAT, {"parallel_tool_calls": "yes"}),
    "seed": (READ_CHAT, {"seed": "1"}),
    "stop": (READ_CHAT, {"stop": [1]}),
    "strict": (READ_CHAT, {"tools": [{"function": {"name": "t", "strict": "yes"}}]}),
    "messages choice": (READ_MESSAGES, {"tool_choice": {"type": "perhaps"}}),
    "messages role": (READ_MESSAGES, {"messages": [{"role": "tool", "content": "x"}]}),
    "messages signature": (READ_MESSAGES, _turn("assistant", {"type": "thinking", "signature": 5})),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bodies_that_mean_nothing(name: str) -> None:
    """A field of the wrong type or word is named, not sent on."""
    read, body = REFUSED[name]
    with pytest.raises(RequestError):
        read({"model": "m", "max_tokens": 5, "messages": TURNS, **body})


@pytest.mark.parametrize("kind", ["document", "server_tool_use", None])
def test_blocks_that_would_be_lost(kind: str | None) -> None:
    """What cannot be passed on is refused."""
    with pytest.raises(UnsupportedError):
        READ_MESSAGES({"model": "m", "messages": [{"role": "user", "content": [{"type": kind}]}]})


def test_a_picture_marked_for_a_result_that_is_not_there_stays_a_turn() -> None:
    """Only a result takes its pictures back."""
    turns = (user("[images returned by tool call c9]", ImagePart(png())),)
    body = CODECS["chat"].encode(ChatRequest("m", (assistant("x"), tool_result("c1", "y"), *turns)))
    assert READ_CHAT(body).messages[-1:] == turns


def test_an_empty_tool_turn_says_nothing() -> None:
    """It has nothing to send, and sends nothing."""
    body = CODECS["chat"].encode(ChatRequest("m", (user("س"), Message("tool"))))
    assert len(body["messages"]) == 1
