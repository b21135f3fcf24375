"""LangChain's messages as the core's.

What the service has words for is kept: text, images, tool calls (broken ones included), tool results and
their status, reasoning with its signature, names, order and ids. What it has none for raises and names the
message. Not sent, since it says nothing to a model: message ids, ``response_metadata``, usage, a tool
message's ``artifact`` and ``name``, ``mime_type`` (the bytes decide), ``cache_control``, annotations,
``extras`` besides a signature, and ``index``. Said besides: a broken call that has no result gets one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_resayil.blocks import (
    CALLS,
    IMAGES,
    TEXTS,
    Content,
    read_parts,
    read_reasoning,
    read_text,
    refused,
    standard,
)
from langchain_resayil.marks import unmarked
from resayil import (
    InvalidToolCall,
    Message,
    ReasoningPart,
    RequestError,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    UnsupportedError,
    tool_result,
)
from resayil.images import MAX_IMAGE_BYTES
from resayil.jsontext import dumps
from resayil.messages import Part
from resayil.tools import read_call

REASONING = "reasoning_content"
"""Where a message keeps the text of its reasoning, in ``additional_kwargs``."""

LAYOUT = "resayil_parts"
"""Where a message keeps the order of its parts, in ``additional_kwargs``, if it is not the usual one."""

_CHAT_ROLES: Mapping[str, type[BaseMessage]] = {
    "system": SystemMessage,
    "developer": SystemMessage,
    "user": HumanMessage,
    "human": HumanMessage,
    "assistant": AIMessage,
    "ai": AIMessage,
}

_Call = ToolCallPart | InvalidToolCall


def read_messages(
    messages: Sequence[BaseMessage], *, max_image_bytes: int = MAX_IMAGE_BYTES
) -> tuple[Message, ...]:
    """A conversation in the core's words.

    Args:
        messages: The conversation, oldest first.
        max_image_bytes: Size cap of one image.

    Raises:
        UnsupportedError: a message or a block that the service has no words for.
        RequestError: a call without a name, a result without its call's id, a text that is none.
        ImageError: an image that cannot be sent.
    """
    read = [
        turn
        for n, message in enumerate(messages)
        for turn in _read(message, f"messages[{n}] ({message.type})", max_image_bytes)
    ]
    return tuple(_with_results(read))


def _with_results(turns: Sequence[Message]) -> Iterator[Message]:
    """The turns, each broken call with a result that says so, where nobody gave it one.

    Nothing executes a broken call, so agents leave it without a result; services refuse that.
    """
    waiting: dict[str, InvalidToolCall] = {}
    for turn in turns:
        if turn.role != "tool":
            yield from map(_not_executed, waiting.values())
            waiting = {call.id: call for call in turn.invalid_tool_calls}
        for part in turn.content:
            if isinstance(part, ToolResultPart):
                waiting.pop(part.tool_call_id, None)
        yield turn
    yield from map(_not_executed, waiting.values())


def _not_executed(call: InvalidToolCall) -> Message:
    return tool_result(call.id, not_executed(call.error), is_error=True)


def not_executed(reason: str) -> str:
    """What a model is told of a call that was broken."""
    return f"Not executed: {reason or 'the call cannot be read'}. Call again as the tool's schema says."


def _read(message: BaseMessage, where: str, max_bytes: int) -> Iterator[Message]:
    content: Content = message.content
    match message:
        case SystemMessage():
            yield Message("system", tuple(read_parts(content, where, max_bytes)), message.name)
        case HumanMessage():
            yield from _human(message, where, max_bytes)
        case AIMessage():
            yield Message("assistant", read_answer(message, where), message.name)
        case ToolMessage():
            parts = tuple(read_parts(content, where, max_bytes))
            yield Message("tool", (ToolResultPart(message.tool_call_id, parts, message.status == "error"),))
        case ChatMessage() if message.role in _CHAT_ROLES:
            given = message.model_dump(exclude={"type", "role"})
            yield from _read(_CHAT_ROLES[message.role](**given), where, max_bytes)
        case ChatMessage():
            raise UnsupportedError(
                f"{where} has the role {message.role!r:.40}; use one of {', '.join(_CHAT_ROLES)}."
            )
        case _:
            raise UnsupportedError(
                f"{where} is a {type(message).__name__}, which has no place in this service's conversations; "
                "a function's result is a ToolMessage with the call's id."
            )


def _human(message: HumanMessage, where: str, max_bytes: int) -> Iterator[Message]:
    """A user turn; tool results that it holds, in Anthropic's way, become turns of their own before it."""
    blocks = list(standard(message.content))
    results = [block for block in blocks if block.get("type") == "tool_result"]
    for block in results:
        held = tuple(read_parts(block.get("content") or "", where, max_bytes))
        call_id = _named(block, "tool_use_id", where)
        yield Message("tool", (ToolResultPart(call_id, held, bool(block.get("is_error"))),))
    rest = [block for block in blocks if block.get("type") != "tool_result"]
    if rest or not results:
        yield Message("user", tuple(read_parts(rest, where, max_bytes)), message.name)


def read_answer(message: AIMessage, where: str) -> tuple[Part, ...]:
    """The parts of an assistant message, in their order.

    Raises:
        UnsupportedError: a block that is neither text, reasoning nor a tool call.
    """
    if message.additional_kwargs.get("function_call"):
        raise UnsupportedError(
            f"{where} holds a function_call, which tool calls have replaced; use tool_calls."
        )
    calls: list[_Call] = [*map(_valid, message.tool_calls), *map(_invalid, message.invalid_tool_calls)]
    thought = message.additional_kwargs.get(REASONING)
    reasoning = thought if isinstance(thought, str) else ""
    if not isinstance(message.content, str):
        parts = list(_blocks(message.content, calls, where))
        if any(isinstance(part, ReasoningPart) for part in parts) or not reasoning:
            return tuple(parts)
        return (ReasoningPart(reasoning), *parts)
    layout = message.additional_kwargs.get(LAYOUT)
    laid = _laid_out(layout, message.content, reasoning, calls) if layout else None
    return laid or plain(reasoning, message.content, calls)


def plain(reasoning: str, text: str, calls: Sequence[_Call]) -> tuple[Part, ...]:
    """Parts in the order that a message without a layout has."""
    return (
        *((ReasoningPart(reasoning),) if reasoning else ()),
        *((TextPart(text),) if text else ()),
        *calls,
    )


def _valid(call: Mapping[str, Any]) -> ToolCallPart:
    return ToolCallPart(call.get("id") or call["name"], call["name"], call.get("args") or {})


def _invalid(call: Mapping[str, Any]) -> InvalidToolCall:
    name = call.get("name") or ""
    return InvalidToolCall(
        call.get("id") or name, name, unmarked(call.get("args") or ""), call.get("error") or ""
    )


def _laid_out(
    layout: list[dict[str, Any]], text: str, reasoning: str, calls: list[_Call]
) -> tuple[Part, ...] | None:
    """Text and reasoning cut where the layout says; ``None`` where somebody has changed them since."""
    parts: list[Part] = []
    left, said, thought = list(calls), 0, 0
    for piece in layout:
        match piece["type"]:
            case "text":
                parts.append(TextPart(text[said : said + piece["length"]]))
                said += piece["length"]
            case "reasoning":
                parts.append(
                    ReasoningPart(reasoning[thought : thought + piece["length"]], piece.get("signature"))
                )
                thought += piece["length"]
            case _:
                parts.extend(_take(left, piece["id"]))
    return (*parts, *left) if (said, thought) == (len(text), len(reasoning)) else None


def _take(calls: list[_Call], call_id: object) -> list[_Call]:
    """The first of the calls that has this id, removed from them."""
    found = next((n for n, call in enumerate(calls) if call.id == call_id), None)
    return [] if found is None else [calls.pop(found)]


def _blocks(content: Content, calls: list[_Call], where: str) -> Iterator[Part]:
    """The parts of a list of blocks.

    The message's own tool calls are what counts, since people edit them; the blocks say where they stand.
    """
    left = list(calls)
    for block in standard(content):
        kind = block.get("type")
        if kind in TEXTS:
            yield from read_text(block, where)
        elif kind in CALLS:
            yield from _take(left, block.get("id")) if calls else [_block_call(block, where)]
        elif thought := read_reasoning(block):
            yield thought
        elif kind in IMAGES:
            raise UnsupportedError(
                f"{where} holds an image; only user messages and tool results can show one."
            )
        else:
            raise refused(block, where)
    yield from left


def _named(block: Mapping[str, Any], field: str, where: str) -> str:
    """A field without which a block means nothing."""
    value = block.get(field)
    if not isinstance(value, str) or not value:
        raise RequestError(f"{where} holds a {block.get('type')} block without its {field}.")
    return value


def _block_call(block: Mapping[str, Any], where: str) -> _Call:
    """The call of a block, in a message that has no list of calls."""
    name = _named(block, "name", where)
    given = block.get("input", block.get("args")) or {}
    if isinstance(given, Mapping):
        return _valid({**block, "args": given})
    raw = given if isinstance(given, str) else dumps(given)
    if block.get("type") == "invalid_tool_call":
        return _invalid({**block, "args": raw})
    return read_call(block.get("id") or name, name, raw, offered=None)
