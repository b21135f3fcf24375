"""Reading fields of wire objects, and the rules that both dialects share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resayil.errors import RequestError, UnsupportedError
from resayil.images import ImagePart
from resayil.messages import ChatRequest, Message, ReasoningPart, TextPart, ToolResultPart

TEMPERATURES: Mapping[str, float] = {"chat": 2.0, "messages": 1.0}
"""Highest temperature of each dialect (one-page reference; Messages API page)."""

_NUMBERS: Mapping[str, type | tuple[type, ...]] = {
    "max_tokens": int,
    "temperature": (int, float),
    "top_p": (int, float),
    "top_k": int,
    "seed": int,
}

RESERVED = frozenset({"model", "messages", "system", "stream", "tools", "tool_choice"})
"""Fields of the body that ``extra_body`` may not replace."""


def mapping(value: object, what: str) -> Mapping[str, Any]:
    """The value as an object, or a RequestError that names it."""
    if not isinstance(value, Mapping):
        raise RequestError(f"{what} is an object, not {value!r:.80}.")
    return value


def items(value: object, what: str) -> list[Any]:
    """The value as a list, or a RequestError that names it."""
    if not isinstance(value, list | tuple):
        raise RequestError(f"{what} is a list, not {value!r:.80}.")
    return list(value)


def string(value: object, what: str) -> str:
    """The value as text, or a RequestError that names it."""
    if not isinstance(value, str):
        raise RequestError(f"{what} is a string, not {value!r:.80}.")
    return value


def text_or_none(value: object, what: str) -> str | None:
    """The value as text, nothing where it is empty, or a RequestError that names it."""
    return string(value, what) or None if value is not None else None


def flag_or_none(value: object, what: str) -> bool | None:
    """The value as a yes or no, nothing where it is absent, or a RequestError that names it."""
    if value is not None and not isinstance(value, bool):
        raise RequestError(f"{what} is true or false, not {value!r:.80}.")
    return value


def strings(value: object, what: str) -> tuple[str, ...]:
    """One text or a list of them, or a RequestError that names it."""
    given = [value] if isinstance(value, str) else items([] if value is None else value, what)
    return tuple(string(item, f"one of {what}") for item in given)


def refuse_unknown(source: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    """Raise for a field that would be lost; empty ones say nothing and may be."""
    lost = sorted(
        key for key, value in source.items() if key not in known and value not in (None, [], {}, "")
    )
    if lost:
        raise UnsupportedError(f"{what} has {', '.join(map(repr, lost))}, which cannot be passed on.")


def check(request: ChatRequest, dialect: str) -> None:
    """Refuse settings that no service would take.

    Raises:
        RequestError: no model or messages, a sampling setting out of its range, a field given twice.
        UnsupportedError: more than one choice.
    """
    if not request.model or not request.model.isprintable():
        raise RequestError(f"A model id is printable text, not {request.model!r}.")
    for name, kind in _NUMBERS.items():
        value = getattr(request, name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise RequestError(f"{name} is a number, not {value!r:.80}.")
    if not request.messages:
        raise RequestError("A request needs at least one message.")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise RequestError(f"max_tokens is at least 1, not {request.max_tokens}.")
    ranges = (("temperature", request.temperature, TEMPERATURES[dialect]), ("top_p", request.top_p, 1.0))
    for name, value, highest in ranges:
        if value is not None and not 0 <= value <= highest:
            raise UnsupportedError(f"{name} is 0 to {highest:g} on the {dialect} dialect, not {value}.")
    if request.extra_body.get("n") not in (None, 1):
        raise UnsupportedError("One answer per request: n > 1 is not supported; send several requests.")
    taken = sorted(RESERVED & request.extra_body.keys())
    if taken:
        raise RequestError(f"extra_body may not replace {', '.join(taken)}; use the arguments of that name.")


def finish_body(
    body: dict[str, Any], request: ChatRequest, options: Iterable[tuple[str, object]]
) -> dict[str, Any]:
    """The body with every set option, then ``extra_body``; a field that both give differently is refused."""
    body |= {name: value for name, value in options if value is not None and value != []}
    for name, value in request.extra_body.items():
        if body.setdefault(name, value) != value:
            raise RequestError(
                f"extra_body gives {name!r} as {value!r:.80}, the arguments give {body[name]!r:.80}."
            )
    return body


def replayed(request: ChatRequest) -> frozenset[int]:
    """Positions of the messages whose reasoning is sent back."""
    if request.reasoning_replay == "never":
        return frozenset()
    users = [n for n, message in enumerate(request.messages) if message.role == "user"]
    first = users[-1] if users and request.reasoning_replay == "tool_turns" else -1
    return frozenset(
        n
        for n, message in enumerate(request.messages)
        if n > first and isinstance_any(message, ReasoningPart)
    )


def isinstance_any(message: Message, kind: type) -> bool:
    """Whether the message holds a part of this kind."""
    return any(isinstance(part, kind) for part in message.content)


def texts(parts: Iterable[object]) -> list[TextPart]:
    """The text parts."""
    return [part for part in parts if isinstance(part, TextPart)]


def images(result: ToolResultPart) -> list[ImagePart]:
    """The images of a tool result."""
    return [part for part in result.content if isinstance(part, ImagePart)]
