"""What every client that is measured looks like to the cases."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, Awaitable, Iterable
from typing import Any, ClassVar

KEY = "sk-bench"
TEXT = "مرحبا"
PNG = b"\x89PNG\r\n\x1a\n"


class Contender:
    """One client on the stub; built by its constructor, so that building it can be measured too.

    Args:
        url: The stub's base URL.
        model: What the stub shall answer with.
    """

    name: ClassVar[str]
    by_chunk: ClassVar[bool] = True
    """Whether its streams yield at least once for each chunk, so that a cut one shows."""

    def __init__(self, url: str, model: str) -> None:
        raise NotImplementedError

    def chat(self, messages: Any) -> Any:
        """One whole answer; a coroutine where the client is asynchronous."""
        raise NotImplementedError

    def stream(self) -> Iterable[object] | Awaitable[AsyncIterable[object]]:
        """An answer's fragments."""
        raise NotImplementedError

    def close(self) -> Any:
        """Close the connections; a coroutine where the client is asynchronous."""

    @staticmethod
    def conversation(image: bytes, turns: int) -> Any:
        """So many turns, each with that picture, in the client's own words and from the picture's bytes."""
        return openai_conversation(image, turns)


def picture(size: int) -> bytes:
    """A picture as far as its first bytes go."""
    return PNG + bytes(range(256)) * (size // 256)


def openai_conversation(image: bytes, turns: int) -> list[dict[str, Any]]:
    """A conversation as OpenAI's dictionaries."""
    said: list[dict[str, Any]] = []
    for n in range(turns):
        url = "data:image/png;base64," + base64.b64encode(image).decode()
        parts = [{"type": "text", "text": f"{TEXT} {n}"}, {"type": "image_url", "image_url": {"url": url}}]
        said += [{"role": "user", "content": parts}, {"role": "assistant", "content": TEXT}]
    return said[:-1]
