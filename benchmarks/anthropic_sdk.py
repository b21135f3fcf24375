"""The official SDK of Anthropic."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable, Iterable, Iterator
from typing import Any

from anthropic import Anthropic, AsyncAnthropic

from benchmarks.contender import KEY, TEXT, Contender

ASKED: Any = [{"role": "user", "content": TEXT}]
TOKENS = 1024


class _SDK(Contender):
    @staticmethod
    def conversation(image: bytes, turns: int) -> Any:
        """Messages with base64 sources."""
        said: list[dict[str, Any]] = []
        for n in range(turns):
            data = base64.b64encode(image).decode()
            source = {"type": "base64", "media_type": "image/png", "data": data}
            parts = [{"type": "image", "source": source}, {"type": "text", "text": f"{TEXT} {n}"}]
            said += [{"role": "user", "content": parts}, {"role": "assistant", "content": TEXT}]
        return said[:-1]


def _said(messages: Any) -> Any:
    return ASKED if isinstance(messages, str) else messages


class SyncSDK(_SDK):
    """`Anthropic`; its raw events."""

    name = "anthropic"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = Anthropic(api_key=KEY, base_url=url.removesuffix("/v1"))

    def chat(self, messages: Any) -> Any:
        """`messages.create`."""
        return self._client.messages.create(model=self._model, messages=_said(messages), max_tokens=TOKENS)

    def stream(self) -> Iterable[object]:
        """`messages.create(stream=True)`."""
        return self._client.messages.create(model=self._model, messages=ASKED, max_tokens=TOKENS, stream=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class TextStream(SyncSDK):
    """`Anthropic`; the text of its accumulating stream."""

    name = "anthropic, text_stream"

    def stream(self) -> Iterator[object]:
        """`messages.stream().text_stream`."""
        with self._client.messages.stream(model=self._model, messages=ASKED, max_tokens=TOKENS) as stream:
            yield from stream.text_stream


class AsyncSDK(_SDK):
    """`AsyncAnthropic`; its raw events."""

    name = "anthropic async"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = AsyncAnthropic(api_key=KEY, base_url=url.removesuffix("/v1"))

    async def chat(self, messages: Any) -> Any:
        """`messages.create`."""
        return await self._client.messages.create(
            model=self._model, messages=_said(messages), max_tokens=TOKENS
        )

    async def stream(self) -> AsyncIterable[object]:
        """`messages.create(stream=True)`."""
        return await self._client.messages.create(
            model=self._model, messages=ASKED, max_tokens=TOKENS, stream=True
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


CONTENDERS: list[type[Contender]] = [SyncSDK, TextStream, AsyncSDK]
