"""The core's answers as LangChain's messages.

A message in LangChain's older form (``output_version`` v0) holds its text as one string, its reasoning in
``additional_kwargs["reasoning_content"]`` and its calls in ``tool_calls`` and ``invalid_tool_calls``. Where
the parts came in another order than that, or reasoning is signed, the layout says so, and the message can
be sent back as it came. In the newer form (v1) the content is the list of standard blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, assert_never, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.block_translators import register_translator

from langchain_resayil.convert import LAYOUT, REASONING, plain, read_answer
from resayil import (
    ChatResponse,
    InvalidToolCall,
    Message,
    ReasoningPart,
    RequestError,
    TextPart,
    ToolCallPart,
    Usage,
)
from resayil.credits import Cost, micro
from resayil.messages import Part

PROVIDER = "resayil"
CREDITS = "credits_micro"
"""Where ``usage_metadata`` keeps credits, in millionths."""

CostOf = Callable[[ChatResponse], Cost]
"""What an answer has cost."""

_OPENING = frozenset({"id", "model_name", "model_provider", "output_version"})

OutputVersion = Literal["v0", "v1"]

_AnswerPart = TextPart | ReasoningPart | ToolCallPart | InvalidToolCall


def ai_message(response: ChatResponse, version: OutputVersion, cost: Cost) -> AIMessage:
    """A whole answer, and what it costs."""
    message = response.message
    metadata = {**opening(response.id, response.model), **closing(response, cost)}
    tools: dict[str, Any] = {
        "tool_calls": [tool_call(call) for call in message.tool_calls],
        "invalid_tool_calls": [invalid_tool_call(call) for call in message.invalid_tool_calls],
        "usage_metadata": usage_metadata(response.usage, cost),
    }
    if version == "v1":
        metadata["output_version"] = "v1"
        return AIMessage(content_blocks(message.content), response_metadata=metadata, **tools)
    kwargs = {**layout(message), **({REASONING: message.reasoning} if message.reasoning else {})}
    return AIMessage(message.text, additional_kwargs=kwargs, response_metadata=metadata, **tools)


def opening(answer_id: str, model: str) -> dict[str, Any]:
    """What is known once an answer begins; LangChain adds strings up, so each is said once."""
    told = {"id": answer_id, "model_name": model}
    return {"model_provider": PROVIDER, **{name: value for name, value in told.items() if value}}


def closing(response: ChatResponse, cost: Cost) -> dict[str, Any]:
    """What is known once an answer is whole."""
    told = {
        **{name: value for name, value in response.extra.items() if name not in _OPENING},
        "finish_reason": response.finish_reason,
        "request_id": response.request_id,
        "adaptations": list(response.adaptations),
        "attempts": response.attempts,
        "maybe_billed": response.maybe_billed,
        "usage_estimated": response.usage.estimated,
        "credits": float(cost.credits),
        "credits_estimated": cost.estimated,
    }
    return {name: value for name, value in told.items() if value is not None}


def usage_metadata(usage: Usage, cost: Cost) -> UsageMetadata:
    """Tokens in LangChain's words; cached prompt tokens are part of the prompt, reasoning of the answer.

    LangChain adds usage up, and refuses fractions: so credits stand here as whole millionths.
    """
    told = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=usage.total_tokens
    )
    cast("dict[str, Any]", told)[CREDITS] = micro(cost.credits)
    if usage.cache_read_tokens or usage.cache_creation_tokens:
        told["input_token_details"] = InputTokenDetails(
            cache_read=usage.cache_read_tokens, cache_creation=usage.cache_creation_tokens
        )
    if usage.reasoning_tokens:
        told["output_token_details"] = OutputTokenDetails(reasoning=usage.reasoning_tokens)
    return told


def tool_call(call: ToolCallPart) -> types.ToolCall:
    """A call that can be executed."""
    return types.ToolCall(type="tool_call", id=call.id, name=call.name, args=dict(call.arguments))


def invalid_tool_call(call: InvalidToolCall) -> types.InvalidToolCall:
    """A call that cannot, its arguments as they came."""
    return types.InvalidToolCall(
        type="invalid_tool_call", id=call.id, name=call.name, args=call.arguments, error=call.error
    )


def layout(message: Message) -> dict[str, Any]:
    """The order of the parts, where a message in the older form would not show it."""
    usual = plain(message.reasoning, message.text, (*message.tool_calls, *message.invalid_tool_calls))
    return {} if usual == message.content else {LAYOUT: [_piece(part) for part in _spoken(message.content)]}


def _spoken(parts: Iterable[Part]) -> Iterator[_AnswerPart]:
    """The parts, known to be those that an answer can hold."""
    return (part for part in parts if isinstance(part, _AnswerPart))


def _piece(part: _AnswerPart) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "length": len(part.text)}
        case ReasoningPart():
            signed = {"signature": part.signature} if part.signature else {}
            return {"type": "reasoning", "length": len(part.text), **signed}
        case ToolCallPart() | InvalidToolCall():
            return {"type": "tool_call", "id": part.id}
        case _:
            assert_never(part)


def content_blocks(parts: Iterable[Part]) -> list[Any]:
    """The parts of an answer as standard blocks."""
    return [_block(part) for part in _spoken(parts)]


def _block(part: _AnswerPart) -> types.ContentBlock:
    match part:
        case TextPart():
            return types.TextContentBlock(type="text", text=part.text)
        case ReasoningPart():
            return reasoning_block(part.text, part.signature)
        case ToolCallPart():
            return tool_call(part)
        case InvalidToolCall():
            return invalid_tool_call(part)
        case _:
            assert_never(part)


def reasoning_block(text: str, signature: str | None) -> types.ReasoningContentBlock:
    """A block of reasoning; its signature stands where LangChain keeps Anthropic's."""
    block = types.ReasoningContentBlock(type="reasoning", reasoning=text)
    if signature:
        block["extras"] = {"signature": signature}
    return block


def translate(message: AIMessage) -> list[types.ContentBlock]:
    """The standard blocks of a message in the older form."""
    try:
        return content_blocks(read_answer(message, "the message"))
    except RequestError as error:  # somebody has added a foreign block; LangChain's own reading takes over
        raise NotImplementedError(str(error)) from error


def translate_chunk(message: AIMessageChunk) -> list[types.ContentBlock]:
    """The standard blocks of a chunk: its calls stay fragments until the last chunk has joined them."""
    if message.chunk_position == "last" or not message.tool_call_chunks:
        return translate(message)
    without = message.model_copy(update={"tool_calls": [], "invalid_tool_calls": []})
    fragments = [{**chunk, "type": "tool_call_chunk"} for chunk in message.tool_call_chunks]
    return [*translate(without), *cast("list[types.ContentBlock]", fragments)]


register_translator(PROVIDER, translate, translate_chunk)
