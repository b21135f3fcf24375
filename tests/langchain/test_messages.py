"""LangChain's messages read by the core: every vocabulary of blocks, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import ARABIC, PNG
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_resayil.convert import not_executed, read_messages
from resayil import (
    ImageError,
    ImagePart,
    InvalidToolCall,
    Message,
    ReasoningPart,
    RequestError,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    assistant,
    system,
    tool_result,
    user,
)

PICTURE = {"base64": "iVBORw0KGgo=", "url": "https://images.example/p.png"}
BYTES, LINK = ImagePart(PNG), ImagePart(url=PICTURE["url"])

BLOCKS: list[tuple[dict[str, Any], TextPart | ImagePart]] = [
    ({"type": "text", "text": ARABIC}, TextPart(ARABIC)),
    (
        {"type": "text", "text": ARABIC, "cache_control": {"type": "ephemeral"}, "annotations": []},
        TextPart(ARABIC),
    ),
    ({"type": "input_text", "text": ARABIC}, TextPart(ARABIC)),
    ({"type": "image", "base64": PICTURE["base64"], "mime_type": "image/png"}, BYTES),
    ({"type": "image", "base64": PICTURE["base64"]}, BYTES),
    ({"type": "image", "url": PICTURE["url"]}, LINK),
    ({"type": "image", "source_type": "base64", "data": PICTURE["base64"], "mime_type": "image/png"}, BYTES),
    ({"type": "image", "source_type": "url", "url": PICTURE["url"]}, LINK),
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE['base64']}"}}, BYTES),
    (
        {"type": "image_url", "image_url": {"url": PICTURE["url"], "detail": "low"}},
        ImagePart(url=PICTURE["url"], detail="low"),
    ),
    ({"type": "image_url", "image_url": PICTURE["url"]}, LINK),
    ({"type": "input_image", "image_url": PICTURE["url"]}, LINK),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE["base64"]}},
        BYTES,
    ),
    ({"type": "image", "source": {"type": "url", "url": PICTURE["url"]}}, LINK),
    ({"type": "non_standard", "value": {"type": "text", "text": ARABIC}}, TextPart(ARABIC)),
]


@pytest.mark.parametrize(("block", "part"), BLOCKS, ids=lambda value: str(value)[:60])
def test_a_block_is_read(block: dict[str, Any], part: TextPart | ImagePart) -> None:
    """Every vocabulary of blocks means the same part, in user messages and in tool results."""
    assert read_messages([HumanMessage([block])]) == (Message("user", (part,)),)
    assert read_messages([ToolMessage([block], tool_call_id="c")]) == (
        Message("tool", (ToolResultPart("c", (part,)),)),
    )


CALL = ToolCallPart("call_1", "get_points", {"رقم": "٧٧٨٨"})
LC_CALL = {"name": "get_points", "args": {"رقم": "٧٧٨٨"}, "id": "call_1", "type": "tool_call"}
BROKEN = {"name": "f", "args": '{"a', "id": "call_2", "error": "cut", "type": "invalid_tool_call"}
TOOL_USE = {"type": "tool_use", "id": "call_1", "name": "get_points", "input": {"رقم": "٧٧٨٨"}}

CANONICAL: list[tuple[str, BaseMessage, Message | tuple[Message, ...]]] = [
    ("a system message", SystemMessage(ARABIC), system(ARABIC)),
    ("a system message of blocks", SystemMessage([{"type": "text", "text": ARABIC}]), system(ARABIC)),
    ("a user message", HumanMessage(ARABIC), user(ARABIC)),
    ("an empty user message", HumanMessage(""), user()),
    ("a user's name", HumanMessage(ARABIC, name="noura"), user(ARABIC, name="noura")),
    ("strings among blocks", HumanMessage([ARABIC, {"type": "text", "text": "2"}]), user(ARABIC, "2")),
    ("a chat message", ChatMessage(content=ARABIC, role="user"), user(ARABIC)),
    ("a developer's message", ChatMessage(content=ARABIC, role="developer"), system(ARABIC)),
    ("a model's chat message", ChatMessage(content=ARABIC, role="assistant"), assistant(ARABIC)),
    ("a tool result", ToolMessage(ARABIC, tool_call_id="c"), tool_result("c", ARABIC)),
    (
        "a failed tool, its artifact and name left out",
        ToolMessage("no", tool_call_id="c", status="error", artifact=object(), name="f"),
        tool_result("c", "no", is_error=True),
    ),
    (
        "tool results inside a user message",
        HumanMessage([{"type": "tool_result", "tool_use_id": "c", "content": "1", "is_error": True}, ARABIC]),
        (tool_result("c", "1", is_error=True), user(ARABIC)),
    ),
    ("an answer", AIMessage(ARABIC, name="agent"), assistant(ARABIC, name="agent")),
    ("an empty answer", AIMessage(""), assistant()),
    ("calls", AIMessage("", tool_calls=[LC_CALL]), assistant(CALL)),
    (
        "broken calls",
        AIMessage(ARABIC, tool_calls=[LC_CALL], invalid_tool_calls=[BROKEN]),
        assistant(ARABIC, CALL, InvalidToolCall("call_2", "f", '{"a')),
    ),
    (
        "a call without an id",
        AIMessage("", tool_calls=[{**LC_CALL, "id": None}]),
        assistant(ToolCallPart("get_points", "get_points", CALL.arguments)),
    ),
    (
        "Anthropic's call block",
        AIMessage([{"type": "text", "text": ARABIC}, TOOL_USE]),
        assistant(ARABIC, CALL),
    ),
    ("a call and its block", AIMessage([TOOL_USE], tool_calls=[LC_CALL]), assistant(CALL)),
    (
        "an edited call wins over its block",
        AIMessage([{**TOOL_USE, "input": {}}], tool_calls=[LC_CALL]),
        assistant(CALL),
    ),
    (
        "a removed call stays removed",
        AIMessage([{**TOOL_USE, "id": "gone"}], tool_calls=[LC_CALL]),
        assistant(CALL),
    ),
    (
        "a call stands where its block does",
        AIMessage([TOOL_USE, ARABIC], tool_calls=[LC_CALL]),
        assistant(CALL, ARABIC),
    ),
    ("a standard call block", AIMessage(content_blocks=[LC_CALL]), assistant(CALL)),  # type: ignore[list-item] # LangChain takes such a dict
    (
        "reasoning beside the text",
        AIMessage(ARABIC, additional_kwargs={"reasoning_content": "t"}),
        assistant(ReasoningPart("t"), ARABIC),
    ),
    (
        "a reasoning block",
        AIMessage([{"type": "reasoning", "reasoning": "t"}]),
        assistant(ReasoningPart("t")),
    ),
    (
        "reasoning beside blocks of text",
        AIMessage([{"type": "text", "text": ARABIC}], additional_kwargs={"reasoning_content": "t"}),
        assistant(ReasoningPart("t"), ARABIC),
    ),
    (
        "a broken call's block",
        AIMessage([{**BROKEN, "args": "{"}]),
        assistant(InvalidToolCall("call_2", "f", "{")),
    ),
    (
        "a call's block with its input as text",
        AIMessage([{**TOOL_USE, "input": '{"رقم": "٧٧٨٨"}'}]),
        assistant(CALL),
    ),
    (
        "a call's block with broken input",
        AIMessage([{**TOOL_USE, "input": "{"}]),
        assistant(InvalidToolCall("call_1", "get_points", "{")),
    ),
    (
        "nothing but a tool result inside a user message",
        HumanMessage([{"type": "tool_result", "tool_use_id": "c"}]),
        tool_result("c"),
    ),
    (
        "a signed reasoning block",
        AIMessage([{"type": "reasoning", "reasoning": "t", "extras": {"signature": "s"}}]),
        assistant(ReasoningPart("t", "s")),
    ),
    (
        "a thinking block",
        AIMessage([{"type": "thinking", "thinking": "t", "signature": "s"}]),
        assistant(ReasoningPart("t", "s")),
    ),
    (
        "hidden thinking",
        AIMessage([{"type": "redacted_thinking", "data": "s"}]),
        assistant(ReasoningPart("", "s")),
    ),
    (
        "a reasoning summary",
        AIMessage([{"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}]}]),
        assistant(ReasoningPart("ab")),
    ),
    (
        "what is never sent",
        AIMessage(
            ARABIC,
            id="run-1",
            response_metadata={"credits": 1.0},
            usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
        ),
        assistant(ARABIC),
    ),
]


@pytest.mark.parametrize(
    ("message", "expected"), [row[1:] for row in CANONICAL], ids=[row[0] for row in CANONICAL]
)
def test_a_message_is_read(message: BaseMessage, expected: Message | tuple[Message, ...]) -> None:
    """LangChain's messages have one canonical form in the core."""
    wanted = expected if isinstance(expected, tuple) else (expected,)
    read = read_messages([message])
    assert read[: len(wanted)] == wanted
    assert len(read) == len(wanted) + sum(len(turn.invalid_tool_calls) for turn in wanted)


def test_a_broken_call_gets_a_result() -> None:
    """Beside a call that was executed, and before the next turn, a broken one is answered, once."""
    broken = [{"name": "f", "args": "{", "id": "b", "error": "cut", "type": "invalid_tool_call"}]
    whole = [{"name": "f", "args": {}, "id": "a", "type": "tool_call"}]
    asked = AIMessage("", tool_calls=whole, invalid_tool_calls=broken)
    told = tool_result("b", not_executed("cut"), is_error=True)
    turns = [asked, ToolMessage("1", tool_call_id="a")]
    assert read_messages([*turns, HumanMessage("x")])[1:] == (tool_result("a", "1"), told, user("x"))
    assert read_messages(turns)[1:] == (tool_result("a", "1"), told)
    answered = [*turns, ToolMessage("no", tool_call_id="b"), HumanMessage("x")]
    assert read_messages(answered)[1:] == (tool_result("a", "1"), tool_result("b", "no"), user("x"))


@pytest.mark.parametrize(
    "message",
    [
        AIMessage([{"type": "tool_use", "id": "c", "input": {}}]),
        AIMessage([{"type": "tool_use", "id": "c", "name": 7, "input": {}}]),
        AIMessage([{"type": "invalid_tool_call", "id": "c", "args": "{"}]),
        HumanMessage([{"type": "tool_result", "content": "x"}]),
        HumanMessage([{"type": "text", "text": 12}]),
    ],
)
def test_a_malformed_block_is_a_typed_error(message: BaseMessage) -> None:
    """A call without a name, a result without its call, a text that is a number: the message is named."""
    with pytest.raises(RequestError, match=r"messages\[0\] .*(without its|whose text is)"):
        read_messages([message])


REFUSED: list[tuple[BaseMessage, str]] = [
    (
        HumanMessage([{"type": "file", "base64": "AA==", "mime_type": "application/pdf"}]),
        r"messages\[0\] \(human\) holds a file",
    ),
    (HumanMessage([{"type": "audio", "base64": "AA==", "mime_type": "audio/wav"}]), "holds audio"),
    (HumanMessage([{"type": "input_audio", "input_audio": {}}]), "holds audio"),
    (HumanMessage([{"type": "video", "url": "https://v.example/v"}]), "holds a video"),
    (HumanMessage([{"type": "image", "file_id": "file-1"}]), "neither base64 nor a url"),
    (HumanMessage([{"type": "thinking", "thinking": "x"}]), "a block of type 'thinking'"),
    (
        ToolMessage([{"type": "file", "url": "https://v.example/v"}], tool_call_id="c"),
        r"\(tool\) holds a file",
    ),
    (AIMessage([{"type": "image", "url": PICTURE["url"]}]), "only user messages"),
    (
        AIMessage([{"type": "server_tool_call", "name": "web_search", "args": {}, "id": "s"}]),
        "server_tool_call",
    ),
    (AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}), "function_call"),
    (FunctionMessage(content="1", name="f"), "FunctionMessage"),
    (ChatMessage(content="1", role="critic"), "critic"),
    (RemoveMessage("1"), "RemoveMessage"),
]


@pytest.mark.parametrize(("message", "words"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_cannot_be_said_is_refused(message: BaseMessage, words: str) -> None:
    """What the service has no words for raises and names the message; nothing vanishes."""
    with pytest.raises(UnsupportedError, match=words):
        read_messages([message])


@pytest.mark.parametrize("source", [{"base64": "%%"}, {"base64": "AAAA"}, {"url": "http://10.0.0.1/x.png"}])
def test_a_bad_image_names_its_message(source: dict[str, str]) -> None:
    """An image that cannot be sent says which message holds it."""
    with pytest.raises(ImageError, match=r"messages\[1\] \(human\)"):
        read_messages([SystemMessage("s"), HumanMessage([{"type": "image", **source}])])
