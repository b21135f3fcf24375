"""Saying a request in another way, so that a server or a model that cannot take it as it is can answer.

Each adaptation turns a request into a request and says in words what it changed; the words end up in
``response.adaptations``. The codecs know nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from resayil.errors import BadRequestError, UnsupportedError
from resayil.images import ImagePart
from resayil.jsontext import dumps
from resayil.messages import (
    ChatRequest,
    InvalidToolCall,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from resayil.models import ModelInfo, sees

_POSITION = re.compile(r"messages\.(\d+)\.(?:role|content)")
_NAMES_A_TURN = re.compile(r"\b(?:role|content|messages\.\d+)\b", re.IGNORECASE)
_NAMES_STREAM_OPTIONS = re.compile(r"stream_options|include_usage")


@dataclass(frozen=True, slots=True)
class Style:
    """How turns are said on one base URL and model.

    Attributes:
        text_turns: Tool calls and results as plain text turns, content arrays of text as one string.
        fold_system: System messages at the head of the first user turn.
        plain_stream: No ``stream_options``.
        json_by: JSON of a schema as asked for, by a forced tool call, or by JSON mode; see `resayil.forms`.
        free_choice: A forced tool choice as a free one.
    """

    text_turns: bool = False
    fold_system: bool = False
    plain_stream: bool = False
    json_by: Literal["asked", "call", "mode"] = "asked"
    free_choice: bool = False


def restyle(request: ChatRequest, style: Style) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request in a style, and what that changed."""
    messages, said = request.messages, []
    if style.text_turns:
        plain = tuple(_plain(message) for message in messages)
        if plain != messages:
            messages = plain
            said.append("tool turns and content arrays were sent as plain text")
    if style.fold_system and any(message.role == "system" for message in messages):
        messages = _fold(messages)
        said.append("system messages were sent at the head of the first user turn")
    return (request if messages == request.messages else replace(request, messages=messages)), tuple(said)


def wider_style(
    request: ChatRequest, style: Style, error: BadRequestError, *, text_turns_allowed: bool = True
) -> Style | None:
    """The style to try after a refusal, or ``None`` where the refusal is about something else.

    Args:
        request: As it was sent, in ``style``: a refusal names its turns by their position.
        style: How it was said.
        error: The refusal.
        text_turns_allowed: Whether tool turns may be said as text.

    Raises:
        UnsupportedError: the refused turn holds an image, which plain text cannot say.
    """
    said = " ".join((error.message, *error.fields))
    if _NAMES_STREAM_OPTIONS.search(said) and not style.plain_stream:
        return replace(style, plain_stream=True)
    if not _NAMES_A_TURN.search(said):
        return None
    named = [(n, request.messages[n]) for n in sorted(_positions(said)) if n < len(request.messages)]
    suspects = [message for _, message in named] or list(request.messages)
    system = any(message.role == "system" for message in suspects)
    # A position may be another dialect's count, so only a system turn is taken at its word.
    plain = suspects if named and system else request.messages
    plainer = text_turns_allowed and any(_plain(message) != message for message in plain)
    text_turns = style.text_turns or plainer
    # One thing at a time: where no turn is named, system turns come second.
    fold = style.fold_system or (system and (bool(named) or not plainer))
    pictured = next(((n, message) for n, message in named if message.has_image), None)
    if pictured is not None:
        raise UnsupportedError(
            f"messages[{pictured[0]}] ({pictured[1].role}) holds an image, and this server refuses it: "
            f"{error.message} Send the picture to a server or model that takes images.",
            response=error.response,
            fields=error.fields,
        ) from error
    wider = replace(style, text_turns=text_turns, fold_system=fold)
    return None if wider == style else wider


def _positions(said: str) -> set[int]:
    return {int(n) for n in _POSITION.findall(said)}


def _plain(message: Message) -> Message:
    """A message that needs no role but user and assistant, and no content array."""
    if message.role == "tool":
        texts = [_result_text(part) for part in message.content if isinstance(part, ToolResultPart)]
        inner = (
            inner for part in message.content if isinstance(part, ToolResultPart) for inner in part.content
        )
        pictures = (piece for piece in inner if isinstance(piece, ImagePart))
        return Message("user", (TextPart("\n\n".join(texts)), *pictures))
    if message.role == "assistant" and not isinstance(_single(message), TextPart):
        thoughts = tuple(part for part in message.content if isinstance(part, ReasoningPart))
        texts = [text for part in message.content if (text := _call_text(part))]
        return replace(message, content=(*thoughts, TextPart("\n\n".join(texts)))) if texts else message
    if len(message.content) > 1 and not message.has_image:
        return replace(message, content=(TextPart("\n".join(_texts(message.content))),))
    return message


def _single(message: Message) -> Part | None:
    spoken = [part for part in message.content if not isinstance(part, ReasoningPart)]
    return spoken[0] if len(spoken) == 1 else None


def _call_text(part: Part) -> str:
    match part:
        case TextPart():
            return part.text
        case ToolCallPart():
            return f"[tool call {part.id}] {part.name} {dumps(part.arguments)}"
        case InvalidToolCall():
            return f"[tool call {part.id}] {part.name} {part.arguments}"
    return ""


def _result_text(part: ToolResultPart) -> str:
    failed = " failed" if part.is_error else ""
    return f"[result of tool call {part.tool_call_id}{failed}]\n{''.join(_texts(part.content))}"


def _texts(parts: tuple[Part, ...]) -> Iterator[str]:
    return (part.text for part in parts if isinstance(part, TextPart))


def _fold(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    head = "\n\n".join(message.text for message in messages if message.role == "system")
    rest = [message for message in messages if message.role != "system"]
    first = next((n for n, message in enumerate(rest) if message.role == "user"), None)
    if first is None:
        return (Message("user", (TextPart(head),)), *rest)
    content = rest[first].content
    if len(content) == 1 and isinstance(content[0], TextPart):
        content = (TextPart(f"{head}\n\n{content[0].text}"),)
    else:
        content = (TextPart(head), *content)
    rest[first] = replace(rest[first], content=content)
    return tuple(rest)


def place_images(
    request: ChatRequest,
    *,
    vision_model: str | None,
    history_images: Literal["error", "send", "note"],
    catalogue: Mapping[str, ModelInfo],
) -> tuple[ChatRequest, tuple[str, ...]]:
    """Give a turn with an image to the vision model, and mind images in the history of one that is blind.

    The request holds an image. A model whose category and name tell nothing is never refused.

    Raises:
        UnsupportedError: the model does not see, the history holds an image, and the policy is ``error``.
    """
    held = [n for n, message in enumerate(request.messages) if message.has_image]
    newest = max((n for n, message in enumerate(request.messages) if message.role == "user"), default=-1)
    if vision_model and held[-1] >= newest >= 0 and vision_model != request.model:
        said = f"{vision_model} answered instead of {request.model}, since the newest turn holds an image"
        return replace(request, model=vision_model), (said,)
    history = [n for n in held if n < newest]
    if not history or history_images == "send" or sees(request.model, catalogue) is not False:
        return request, ()
    if history_images == "error":
        raise UnsupportedError(
            f"messages[{history[0]}] holds an image and {request.model} does not see; choose "
            "history_images='note' (a visible note takes its place) or 'send', or a vision model."
        )
    messages = tuple(
        _noted(message) if n in history else message for n, message in enumerate(request.messages)
    )
    return replace(request, messages=messages), (
        f"{len(history)} turn(s) with images in the history were sent as notes",
    )


def _noted(message: Message) -> Message:
    return replace(message, content=tuple(_note(part) for part in message.content))


def _note(part: Part) -> Part:
    if isinstance(part, ToolResultPart):
        return replace(part, content=tuple(_note_of(inner) for inner in part.content))
    return _note_of(part) if isinstance(part, ImagePart) else part


def _note_of(part: TextPart | ImagePart) -> TextPart:
    if isinstance(part, TextPart):
        return part
    return TextPart(f"[image not shown: {part.media_type or 'image'}, {part.size}]")
