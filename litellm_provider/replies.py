"""The core's whole answers as LiteLLM's responses."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from litellm.types.utils import Choices, ModelResponse, Usage
from litellm.types.utils import Message as LiteLLMMessage

from litellm_provider.prices import CreditPrice
from litellm_provider.requests import Call
from resayil import messages as core
from resayil.jsontext import dumps
from resayil.marks import mark
from resayil.tools import parse_arguments

MadeCall = core.ToolCallPart | core.InvalidToolCall

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


def facts(response: core.ChatResponse, call: Call) -> dict[str, Any]:
    """What LiteLLM's answers have no field for: credits, attempts, and what was changed in the request."""
    return {
        "credits": float(call.price.credits(response.usage, response.model)),
        "credits_estimated": True,
        "attempts": response.attempts,
        "maybe_billed": response.maybe_billed,
        "adaptations": [*call.said, *response.adaptations],
        "request_id": response.request_id,
    }


def fill(target: ModelResponse, response: core.ChatResponse, call: Call) -> ModelResponse:
    """LiteLLM's empty response with the whole answer of a call in it."""
    target.id = response.id or target.id
    target.created = response.created or int(time.time())
    target.model = response.model
    target.choices = [
        Choices(
            index=0,
            finish_reason=response.finish_reason or "stop",
            message=_message(response, offered=call.offered),
        )
    ]
    told = usage(response.usage, response.model, call.price)
    setattr(target, "usage", told)  # noqa: B010 - a field that LiteLLM's class does not declare
    for name, value in foreign(response.extra).items():
        setattr(target, name, value)
    known = facts(response, call)
    hidden = target._hidden_params  # noqa: SLF001 - where LiteLLM looks for them
    hidden["provider_specific_fields"] = known
    hidden["additional_headers"] = headers(response, known)
    if (cost := call.price.cost(response.usage, response.model)) is not None:
        hidden["response_cost"] = cost
    return target


def headers(response: core.ChatResponse, known: Mapping[str, Any]) -> dict[str, str]:
    """What a proxy passes on to its client: limits, ids, and the facts of the answer."""
    own = {
        "x-resayil-credits-estimated": f"{known['credits']:g}",
        "x-resayil-attempts": str(known["attempts"]),
        "x-resayil-maybe-billed": str(known["maybe_billed"]),
        "x-resayil-adaptations": "; ".join(known["adaptations"]),
    }
    theirs = {name: value for name, value in response.headers.items() if name.startswith(_TOLD_HEADERS)}
    return {
        f"{HEADER_PREFIX}{name}": value.encode("ascii", "backslashreplace").decode()
        for name, value in {**theirs, **own}.items()
        if value
    }


def _message(response: core.ChatResponse, *, offered: bool) -> LiteLLMMessage:
    message = response.message
    calls = [
        _call(part, correction)
        for part, correction in zip(made_calls(response), corrections(response, offered=offered), strict=True)
    ]
    told: dict[str, Any] = {"role": "assistant", "content": message.text or (None if calls else "")}
    if calls:
        told["tool_calls"] = calls
    if message.reasoning:
        told["reasoning_content"] = message.reasoning
    thoughts = [part for part in message.content if isinstance(part, core.ReasoningPart)]
    if any(part.signature for part in thoughts):
        told["thinking_blocks"] = [thinking(part.text, part.signature) for part in thoughts]
    return LiteLLMMessage(**told)


def _call(part: MadeCall, correction: str) -> dict[str, Any]:
    raw = dumps(part.arguments) if isinstance(part, core.ToolCallPart) else part.arguments
    function = {"name": part.name, "arguments": raw + correction}
    return {"id": part.id, "type": "function", "function": function}


def made_calls(response: core.ChatResponse) -> list[MadeCall]:
    """The calls of an answer, valid or not, in their order."""
    return [part for part in response.message.content if isinstance(part, MadeCall)]


def corrections(response: core.ChatResponse, *, offered: bool) -> list[str]:
    """What follows the arguments of each call, so that no reader takes one for valid that is not.

    A caller of LiteLLM reads the arguments himself, and sees neither that the answer was cut inside them nor
    that nothing of this name was offered. What is no JSON anyhow stays as it came, and so does a call where
    nothing was offered at all, since there is nothing that could execute it.
    """
    return [
        mark(part.error)
        if isinstance(part, core.InvalidToolCall)
        and (offered or response.truncated)
        and isinstance(parse_arguments(part.arguments), dict)
        else ""
        for part in made_calls(response)
    ]


def thinking(text: str, signature: str | None) -> dict[str, Any]:
    """A block of reasoning, in LiteLLM's form."""
    return {"type": "thinking", "thinking": text, "signature": signature or ""}


def foreign(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a reply that LiteLLM's responses do not hold themselves."""
    return {name: value for name, value in extra.items() if name not in _TAKEN}


def seconds(wait: float) -> str:
    """A wait as a header says it: whole seconds, never less than it is."""
    return str(math.ceil(wait))
