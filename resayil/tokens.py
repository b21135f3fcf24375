"""A local estimate of tokens, by script and by model family, with its bounds.

No tokenizer is shipped and none is claimed: the figures are characters per token as measured on Arabic,
Latin and other text with public vocabularies. Vocalised Arabic costs two to four times as much as plain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, assert_never

from resayil.images import ImagePart
from resayil.jsontext import dumps
from resayil.messages import (
    ChatRequest,
    InvalidToolCall,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)


class Rate(NamedTuple):
    """Tokens per unit: at least, likely, at most."""

    low: float
    likely: float
    high: float


_ARABIC_LETTERS: Mapping[str, Rate] = {
    "qwen3": Rate(1 / 3.7, 1 / 3.1, 1 / 2.4),
    "qwen2.5": Rate(1 / 3.2, 1 / 2.6, 1 / 2.0),
    "gemma": Rate(1 / 3.4, 1 / 2.8, 1 / 2.2),
    "kimi": Rate(1 / 2.7, 1 / 2.1, 1 / 1.6),
}
"""Families whose characters per token on Arabic were measured; all others take the widest bounds."""

_ANY_ARABIC = Rate(1 / 4.2, 1 / 2.7, 1 / 1.1)
_SCRIPTS: tuple[tuple[re.Pattern[str], Rate], ...] = (
    (re.compile(r"[\u064B-\u065F\u0670\u06D6-\u06ED\u0640]"), Rate(0.25, 0.8, 1.4)),  # marks and kashida
    (re.compile(r"[A-Za-z]"), Rate(1 / 6.5, 1 / 4.4, 1 / 2.5)),
    (re.compile(r"[0-9]"), Rate(0.3, 0.45, 1.0)),
    (re.compile(r"\s"), Rate(0.0, 0.05, 0.6)),
    (re.compile(r"[!-/:-@\[-`{-~]"), Rate(0.2, 0.6, 1.0)),
    (re.compile(r"[\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]"), Rate(0.4, 0.8, 2.0)),
)
_LETTERS = re.compile(r"[\u0620-\u063F\u0641-\u064A\u066E-\u066F\u0671-\u06D5\u06EE-\u06EF\u06FA-\u06FF]")
_OTHER = Rate(0.4, 1.2, 3.2)
_PER_MESSAGE = Rate(2, 4, 8)
_PER_REQUEST = Rate(0, 3, 30)
_PER_IMAGE = Rate(64, 800, 3000)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of a prompt.

    Attributes:
        tokens: The count, or the likeliest estimate.
        low: At least so many.
        high: At most so many.
        estimated: True where no tokenizer counted.
        source: ``service`` or ``local``.
    """

    tokens: int
    low: int
    high: int
    estimated: bool
    source: Literal["service", "local"]


def estimate_text(text: str, model: str = "") -> Rate:
    """Tokens of a text: at least, likely, at most."""
    name = model.lower()
    arabic = next((rate for family, rate in _ARABIC_LETTERS.items() if family in name), _ANY_ARABIC)
    total, left = Rate(0, 0, 0), len(text)
    for pattern, rate in ((_LETTERS, arabic), *_SCRIPTS):
        count = len(pattern.findall(text))
        left -= count
        total = _add(total, rate, count)
    return _add(total, _OTHER, left)


def _add(total: Rate, rate: Rate, count: int = 1) -> Rate:
    return Rate(
        total.low + rate.low * count,
        total.likely + rate.likely * count,
        total.high + rate.high * count,
    )


def estimate_request(request: ChatRequest) -> TokenCount:
    """Tokens of a request's prompt: messages, tools and schema."""
    total = _PER_REQUEST
    for message in request.messages:
        total = _add(_add(total, _PER_MESSAGE), _parts(message.content, request.model))
    schemas: Iterable[object] = [(tool.name, tool.description, tool.parameters) for tool in request.tools]
    if request.response_format is not None:
        schemas = [*schemas, request.response_format.schema]
    for schema in schemas:
        total = _add(_add(total, _PER_MESSAGE), estimate_text(dumps(schema), request.model))
    return TokenCount(
        round(total.likely), int(total.low), int(total.high) + 1, estimated=True, source="local"
    )


def _part(part: Part, model: str) -> Rate:
    match part:
        case TextPart() | ReasoningPart():
            return estimate_text(part.text, model)
        case ImagePart():
            return _PER_IMAGE
        case ToolCallPart():
            return estimate_text(part.name + dumps(part.arguments), model)
        case InvalidToolCall():
            return estimate_text(part.name + part.arguments, model)
        case ToolResultPart():
            return _parts(part.content, model)
        case _:
            assert_never(part)


def _parts(parts: Iterable[Part], model: str) -> Rate:
    total = Rate(0, 0, 0)
    for part in parts:
        total = _add(total, _part(part, model))
    return total


def estimate_usage(request: ChatRequest, output: str) -> Usage:
    """The usage of a call whose reply reported none."""
    prompt = estimate_request(request).tokens
    return Usage(prompt, round(estimate_text(output, request.model).likely), estimated=True)


_COUNT_FIELDS = ("input_tokens", "token_count", "total_tokens", "tokens")


def read_count(reply: object) -> int | None:
    """The count in a reply of the service, whatever its field is called."""
    if not isinstance(reply, Mapping):
        return None
    usage = reply.get("usage")
    for source in (reply, usage if isinstance(usage, Mapping) else {}):
        for name in _COUNT_FIELDS:
            if isinstance(source.get(name), int):
                return int(source[name])
    return None
