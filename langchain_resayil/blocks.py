"""Content blocks of LangChain messages as parts of the core.

Blocks come in four vocabularies: LangChain's standard one, its older one (``source_type``), OpenAI's
(``image_url``) and Anthropic's (``source``, ``tool_use``, ``thinking``).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resayil import (
    ImageError,
    ImagePart,
    ReasoningPart,
    RequestError,
    TextPart,
    UnsupportedError,
    image_from_bytes,
    image_from_url,
)

Content = str | Sequence[str | Mapping[str, Any]]

TEXTS = frozenset({"text", "input_text", "output_text"})
IMAGES = frozenset({"image", "image_url", "input_image"})
CALLS = frozenset({"tool_call", "tool_use", "tool_call_chunk", "invalid_tool_call"})

_KINDS = {
    "file": "a file",
    "document": "a document",
    "audio": "audio",
    "input_audio": "audio",
    "video": "a video",
    "media": "media",
}


def standard(content: Content) -> Iterator[Mapping[str, Any]]:
    """The blocks of any content; a piece of text is a text block, a non-standard block is what it holds."""
    for block in [content] if isinstance(content, str) else content:
        if isinstance(block, str):
            yield {"type": "text", "text": block}
        elif block.get("type") == "non_standard" and isinstance(block.get("value"), Mapping):
            yield block["value"]
        else:
            yield block


def read_parts(content: Content, where: str, max_image_bytes: int) -> Iterator[TextPart | ImagePart]:
    """The text and images of a content.

    Args:
        content: A message's or a tool result's content.
        where: Names the message in errors.
        max_image_bytes: Size cap of one image.

    Raises:
        UnsupportedError: a block of another kind.
        ImageError: an image that cannot be sent.
    """
    for block in standard(content):
        kind = block.get("type")
        if kind in TEXTS:
            yield from read_text(block, where)
        elif kind in IMAGES:
            yield read_image(block, where, max_image_bytes)
        else:
            raise refused(block, where)


def read_text(block: Mapping[str, Any], where: str) -> Iterator[TextPart]:
    """The text of a text block; an empty one says nothing.

    Raises:
        RequestError: its text is none.
    """
    text = block.get("text")
    if text and not isinstance(text, str):
        raise RequestError(f"{where} holds a text block whose text is {type(text).__name__}.")
    if text:
        yield TextPart(text)


def refused(block: Mapping[str, Any], where: str) -> UnsupportedError:
    """The error for a block that the service has no words for."""
    kind = str(block.get("type"))
    named = _KINDS.get(kind, f"a block of type {kind!r:.40}")
    return UnsupportedError(f"{where} holds {named}; text and images can be sent to this service.")


def read_image(block: Mapping[str, Any], where: str, max_bytes: int) -> ImagePart:
    """The image of a block in any of the four vocabularies; its type is what its bytes say.

    Raises:
        UnsupportedError: an image that another service keeps under an id.
        ImageError: not an image, too large, or at a refused address.
    """
    source: Mapping[str, Any] = block
    if isinstance(block.get("source"), Mapping):
        source = block["source"]
    elif "image_url" in block:
        held = block["image_url"]
        source = (
            {"detail": block.get("detail"), **held} if isinstance(held, Mapping) else {**block, "url": held}
        )
    try:
        if encoded := source.get("base64") or source.get("data"):
            return image_from_bytes(_decoded(encoded), detail=source.get("detail"), max_bytes=max_bytes)
        if isinstance(url := source.get("url"), str):
            return image_from_url(url, detail=source.get("detail"), max_bytes=max_bytes)
    except ImageError as error:
        raise ImageError(f"{where}: {error.message}") from error
    raise UnsupportedError(
        f"{where} holds an image with neither base64 nor a url; files kept elsewhere cannot be sent."
    )


def _decoded(encoded: object) -> bytes:
    try:
        return base64.b64decode("".join(str(encoded).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"the image's base64 is broken: {error}.") from error


def read_reasoning(block: Mapping[str, Any]) -> ReasoningPart | None:
    """The reasoning of a block, ``None`` where it is none."""
    match block.get("type"):
        case "thinking":
            return ReasoningPart(block.get("thinking") or "", block.get("signature") or None)
        case "redacted_thinking":
            return ReasoningPart("", block.get("data"))
        case "reasoning":
            extras = block.get("extras") or {}
            summary = "".join(piece.get("text") or "" for piece in block.get("summary") or ())
            return ReasoningPart(
                block.get("reasoning") or summary, extras.get("signature") or block.get("signature")
            )
    return None
