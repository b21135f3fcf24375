"""Law 3: what a dialect can say is read back as it was said; what it cannot say raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types import message_create_params as anthropic_params
from core.support import png
from hypothesis import given
from laws import strategies as some
from openai.types.chat import completion_create_params as openai_params
from pydantic import TypeAdapter

from resayil import (
    ChatRequest,
    ImagePart,
    JSONFormat,
    Message,
    ReasoningPart,
    RequestError,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    UnsupportedError,
    assistant,
    system,
    tool_result,
    user,
)
from resayil.codecs import CODECS
from resayil.jsontext import dump_bytes, loads

OPENAI = {
    False: TypeAdapter(openai_params.CompletionCreateParamsNonStreaming),
    True: TypeAdapter(openai_params.CompletionCreateParamsStreaming),
}
ANTHROPIC = {
    False: TypeAdapter(anthropic_params.MessageCreateParamsNonStreaming),
    True: TypeAdapter(anthropic_params.MessageCreateParamsStreaming),
}
ADAPTERS: Mapping[str, Mapping[bool, TypeAdapter[Any]]] = {"chat": OPENAI, "messages": ANTHROPIC}


UNTYPED = {"chat": frozenset[str](), "messages": frozenset({"temperature", "top_p", "top_k"})}
"""Fields of the Messages API page that the newest anthropic package has dropped from its type."""


def _consumed(value: Any) -> Any:
    """A validated value with its lazy iterables read, which is when pydantic checks them."""
    if isinstance(value, Mapping):
        return {key: _consumed(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | None) else [_consumed(item) for item in value]


def _known(dialect: str, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
    """The body without the fields that the official types do not have."""
    body = CODECS[dialect].encode(request, stream=stream)
    turns = [
        {name: value for name, value in turn.items() if name != "reasoning_content"}
        for turn in body["messages"]
    ]
    left_out = UNTYPED[dialect] | request.extra_body.keys()
    return {**{name: value for name, value in body.items() if name not in left_out}, "messages": turns}


def _assert_official(dialect: str, request: ChatRequest, *, stream: bool) -> None:
    """The body is what the official SDK's type allows, and has no field that the type does not know.

    TypedDict validation drops unknown fields and checks iterables only when they are read, so the
    result is read to its end and compared. It does not check ranges, nor that ids belong together.
    """
    body = _known(dialect, request, stream=stream)
    assert _consumed(ADAPTERS[dialect][stream].validate_python(body)) == body


@given(some.chat_requests())
def test_chat_is_read_back(request_: ChatRequest) -> None:
    """A request on the chat dialect survives the wire."""
    _assert_read_back("chat", request_)


@given(some.messages_requests())
def test_messages_is_read_back(request_: ChatRequest) -> None:
    """A request on the messages dialect survives the wire."""
    _assert_read_back("messages", request_)


def _assert_read_back(dialect: str, request: ChatRequest) -> None:
    codec = CODECS[dialect]
    wire = loads(dump_bytes(codec.encode(request)))
    # Whether reasoning goes back is the sender's setting, which no wire carries.
    assert codec.read_request(wire) == replace(request, reasoning_replay="never")


@given(some.chat_requests())
def test_chat_bodies_are_official(request_: ChatRequest) -> None:
    """A chat body is one that the openai package would send."""
    for stream in (False, True):
        _assert_official("chat", request_, stream=stream)


@given(some.messages_requests())
def test_messages_bodies_are_official(request_: ChatRequest) -> None:
    """A messages body is one that the anthropic package would send."""
    for stream in (False, True):
        _assert_official("messages", request_, stream=stream)


TURN = (user("سؤال"),)
PICTURE = ImagePart(png())
UNSAYABLE = {
    "chat: top_k": ("chat", ChatRequest("m", TURN, top_k=5)),
    "chat: temperature": ("chat", ChatRequest("m", TURN, temperature=2.1)),
    "chat: n": ("chat", ChatRequest("m", TURN, extra_body={"n": 2})),
    "messages: seed": ("messages", ChatRequest("m", TURN, seed=1)),
    "messages: temperature": ("messages", ChatRequest("m", TURN, temperature=1.1)),
    "messages: image": ("messages", ChatRequest("m", (user(PICTURE),))),
    "messages: image in a result": ("messages", ChatRequest("m", (tool_result("c", PICTURE),))),
    "messages: n": ("messages", ChatRequest("m", TURN, extra_body={"n": 2})),
    "messages: list schema": (
        "messages",
        ChatRequest("m", TURN, response_format=JSONFormat({"type": "array"})),
    ),
    "messages: reserved tool name": ("messages", ChatRequest("m", TURN, (Tool("json_response_x"),))),
    "messages: two forced tools": (
        "messages",
        ChatRequest("m", TURN, (Tool("t"),), ToolChoice("t"), response_format=JSONFormat()),
    ),
    "messages: any tool beside JSON": (
        "messages",
        ChatRequest("m", TURN, (Tool("t"),), "required", response_format=JSONFormat()),
    ),
}


@pytest.mark.parametrize("name", UNSAYABLE)
def test_what_cannot_be_said_raises(name: str) -> None:
    """Nothing that a dialect cannot say vanishes on the way."""
    dialect, request = UNSAYABLE[name]
    with pytest.raises(UnsupportedError):
        CODECS[dialect].encode(request)


def test_image_detail_is_refused_on_messages() -> None:
    """Even where images are allowed, their detail is not lost in silence."""
    request = ChatRequest("m", (user(ImagePart(png(), detail="low")),))
    with pytest.raises(UnsupportedError, match="detail"):
        CODECS["messages"].encode(request, allow_images=True)


@pytest.mark.parametrize("image", [PICTURE, ImagePart(url="https://example.com/a.png")], ids=["bytes", "url"])
def test_allowed_images_are_read_back_from_messages(image: ImagePart) -> None:
    """The day the service takes images there, they arrive as they were, in turns and in results."""
    result = tool_result("c1", "صورة", image)
    request = ChatRequest("m", (user("ما هذا؟", image), assistant("؟"), result), max_tokens=5)
    body = CODECS["messages"].encode(request, allow_images=True)
    assert CODECS["messages"].read_request(body) == request


INVALID = {
    "no model": ChatRequest("", TURN),
    "line break in model": ChatRequest("m\r\nx-evil: 1", TURN),
    "no messages": ChatRequest("m", ()),
    "max_tokens 0": ChatRequest("m", TURN, max_tokens=0),
    "reserved field": ChatRequest("m", TURN, extra_body={"messages": []}),
    "field given twice": ChatRequest("m", TURN, temperature=0.0, extra_body={"temperature": 1}),
    "NaN in arguments": ChatRequest("m", (assistant(ToolCallPart("c", "t", {"x": float("nan")})),)),
    "object in arguments": ChatRequest("m", (assistant(ToolCallPart("c", "t", {"x": object()})),)),
    "lone surrogate": ChatRequest("m", (user("\ud800"),)),
}


@pytest.mark.parametrize("dialect", CODECS)
@pytest.mark.parametrize("name", INVALID)
def test_what_no_service_takes_is_refused(name: str, dialect: str) -> None:
    """A request that cannot be right raises a RequestError before it is sent."""
    with pytest.raises(RequestError):
        dump_bytes(CODECS[dialect].encode(INVALID[name]))


def test_n_of_one_is_no_second_choice() -> None:
    """``n = 1`` says nothing and passes."""
    assert CODECS["chat"].encode(ChatRequest("m", TURN, extra_body={"n": 1}))["n"] == 1


def test_signed_reasoning_on_chat_is_told() -> None:
    """The chat dialect has no field for a signature, and says that it left it out."""
    thought = Message("assistant", (ReasoningPart("فكرة", "c2ln"), TextPart("نعم")))
    request = ChatRequest("m", (user("؟"), thought), reasoning_replay="always")
    assert "signature" in " ".join(CODECS["chat"].adaptations(request))
    assert not CODECS["chat"].adaptations(replace(request, reasoning_replay="never"))


def test_text_like_the_image_mark_stays_the_users() -> None:
    """A user who writes what the pack writes before a result's images is not robbed of the turn."""
    turns = (
        user("؟"),
        assistant(ToolCallPart("c1", "t", {})),
        tool_result("c1", "نص"),
        user("[images returned by tool call c1]", "ونص آخر"),
        user("[images returned by tool call c1]"),
    )
    body = CODECS["chat"].encode(ChatRequest("m", turns))
    assert CODECS["chat"].read_request(body).messages == turns


def test_several_system_turns_are_one_on_messages() -> None:
    """System turns anywhere are hoisted and joined by a blank line."""
    request = ChatRequest("m", (system("أ"), user("س"), system("ب")))
    body = CODECS["messages"].encode(request)
    assert body["system"] == "أ\n\nب"
    assert [turn["role"] for turn in body["messages"]] == ["user"]
