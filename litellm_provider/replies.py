"""The core's answers and events as LiteLLM's responses and chunks.

LiteLLM drops a usage report that follows the finish reason and then counts tokens itself, loses reasoning
that comes with a finish reason, and takes an end without one for a good end. So usage goes out before the
finish, alone, and the finish last, alone; an answer that is not whole never gets here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from litellm.types.utils import (
    Choices,
    Delta,
    ModelResponse,
    ModelResponseStream,
    StreamingChoices,
    Usage,
)
from litellm.types.utils import Message as LiteLLMMessage

from litellm_provider.prices import CreditPrice
from resayil import messages as core
from resayil.events import (
    Extra,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageReport,
)
from resayil.jsontext import dumps

HEADER_PREFIX = "llm_provider-"
"""With it, LiteLLM's proxy passes a header on to its clients."""

_TOLD_HEADERS = ("x-", "request-id", "retry-after")
_TAKEN = (frozenset(ModelResponse.model_fields) | {"usage"}) - {"system_fingerprint", "service_tier"}
"""Fields that LiteLLM's responses hold themselves; all others of a reply are passed on under their names."""


def usage(tokens: core.Usage, model: str, price: CreditPrice) -> Usage:
    """Tokens in LiteLLM's words, with the credits that they are estimated to take and what those cost."""
    told: dict[str, Any] = {
        "prompt_tokens": tokens.input_tokens,
        "completion_tokens": tokens.output_tokens,
        "total_tokens": tokens.total_tokens,
        "credits": float(price.credits(tokens, model)),
        "credits_estimated": True,
    }
    if tokens.reasoning_tokens:
        told["completion_tokens_details"] = {"reasoning_tokens": tokens.reasoning_tokens}
    if tokens.cache_read_tokens or tokens.cache_creation_tokens:
        told["prompt_tokens_details"] = {"cached_tokens": tokens.cache_read_tokens}
        told["cache_creation_input_tokens"] = tokens.cache_creation_tokens
    if tokens.estimated:
        told["estimated"] = True
    return Usage(cost=price.cost(tokens, model), **told)


def fill(
    target: ModelResponse, response: core.ChatResponse, price: CreditPrice, said: tuple[str, ...]
) -> ModelResponse:
    """LiteLLM's empty response with a whole answer in it."""
    target.id = response.id or target.id
    target.created = response.created or int(time.time())
    target.model = response.model
    target.choices = [
        Choices(index=0, finish_reason=response.finish_reason or "stop", message=_message(response.message))
    ]
    told = usage(response.usage, response.model, price)
    setattr(target, "usage", told)  # noqa: B010 - a field that LiteLLM's class does not declare
    for name, value in _foreign(response.extra).items():
        setattr(target, name, value)
    hidden = target._hidden_params  # noqa: SLF001 - where LiteLLM looks for them
    hidden["additional_headers"] = headers(response, said, told)
    if (cost := price.cost(response.usage, response.model)) is not None:
        hidden["response_cost"] = cost
    return target


def headers(response: core.ChatResponse, said: tuple[str, ...], told: Usage) -> dict[str, str]:
    """What a proxy passes on to its client: limits, credits, ids, and what was changed in the request."""
    own = {
        "x-resayil-credits-estimated": f"{told['credits']:g}",
        "x-resayil-attempts": str(response.attempts),
        "x-resayil-adaptations": "; ".join((*said, *response.adaptations)),
    }
    theirs = {name: value for name, value in response.headers.items() if name.startswith(_TOLD_HEADERS)}
    return {
        f"{HEADER_PREFIX}{name}": value.encode("ascii", "backslashreplace").decode()
        for name, value in {**theirs, **own}.items()
        if value
    }


def _message(message: core.Message) -> LiteLLMMessage:
    calls = [part for part in message.content if isinstance(part, core.ToolCallPart | core.InvalidToolCall)]
    told: dict[str, Any] = {"role": "assistant", "content": message.text or (None if calls else "")}
    if calls:
        told["tool_calls"] = [_call(part) for part in calls]
    if message.reasoning:
        told["reasoning_content"] = message.reasoning
    thoughts = [part for part in message.content if isinstance(part, core.ReasoningPart)]
    if any(part.signature for part in thoughts):
        told["thinking_blocks"] = [_thinking(part.text, part.signature) for part in thoughts]
    return LiteLLMMessage(**told)


def _call(part: core.ToolCallPart | core.InvalidToolCall) -> dict[str, Any]:
    arguments = dumps(part.arguments) if isinstance(part, core.ToolCallPart) else part.arguments
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _thinking(text: str, signature: str | None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": text, "signature": signature or ""}


class ChunkMaker:
    """Feed it the events of one answer; it gives LiteLLM's chunks, all with one id and one ``created``.

    Args:
        model: The model that was asked.
        price: What credits cost.
        response: Gives the whole answer, once its end has come.
        signed: Whether reasoning may be signed, as on the messages dialect: then it goes in blocks too.
    """

    def __init__(
        self, model: str, price: CreditPrice, response: Callable[[], core.ChatResponse], *, signed: bool
    ) -> None:
        self._model = model
        self._price = price
        self._response = response
        self._signed = signed
        self._id = ""
        self._created = 0
        self._role: str | None = "assistant"
        self._extra: dict[str, Any] = {}

    def feed(self, event: StreamEvent) -> list[ModelResponseStream]:
        """The chunks that an event makes."""
        match event:
            case TextDelta():
                return [self._chunk(content=event.text)]
            case ReasoningDelta():
                return [self._reasoning(event)]
            case ToolCallDelta():
                return [self._chunk(tool_calls=[_fragment(event)])]
            case MessageStart():
                self._begin(event)
            case Extra():
                self._extra.update(event.data)
            case MessageEnd():
                return self._end(event)
            case UsageReport():
                pass  # the last one is told at the end
        return []

    def _begin(self, event: MessageStart) -> None:
        self._id = event.id
        self._model = event.model or self._model
        # LiteLLM stamps chunks of its own with the second in which the first of ours reaches it.
        self._created = int(time.time())

    def _reasoning(self, event: ReasoningDelta) -> ModelResponseStream:
        block = [_thinking(event.text, event.signature)] if self._signed else None
        return self._chunk(reasoning_content=event.text, thinking_blocks=block)

    def _chunk(self, **delta: Any) -> ModelResponseStream:
        extra, self._extra = _foreign(self._extra), {}
        role, self._role = self._role, None
        return self._made(
            [StreamingChoices(finish_reason=None, index=0, delta=Delta(role=role, **delta))], extra
        )

    def _made(self, choices: list[StreamingChoices], extra: Mapping[str, Any]) -> ModelResponseStream:
        return ModelResponseStream(
            id=self._id or None, created=self._created, model=self._model, choices=choices, **extra
        )

    def _end(self, event: MessageEnd) -> list[ModelResponseStream]:
        self._extra.update(event.extra)
        response = self._response()
        rest = [self._chunk(content="")] if _foreign(self._extra) or self._role else []
        told = self._made([], {"usage": usage(response.usage, response.model, self._price)})
        finish = StreamingChoices(finish_reason=event.finish_reason or "stop", index=0, delta=Delta())
        return [*rest, told, self._made([finish], {})]


def _foreign(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name not in _TAKEN}


def _fragment(event: ToolCallDelta) -> dict[str, Any]:
    function = {"name": event.name, "arguments": event.arguments}
    return {"index": event.index, "id": event.id, "type": "function", "function": function}


def seconds(wait: float) -> str:
    """A wait as a header says it: whole seconds, never less than it is."""
    return str(math.ceil(wait))
