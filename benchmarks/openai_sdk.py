"""The official SDK of OpenAI."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any

from openai import AsyncOpenAI, OpenAI

from benchmarks.contender import KEY, TEXT, Contender

ASKED: Any = [{"role": "user", "content": TEXT}]


def _said(messages: Any) -> Any:
    return ASKED if isinstance(messages, str) else messages


class SyncSDK(Contender):
    """`OpenAI`."""

    name = "openai"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = OpenAI(api_key=KEY, base_url=url)

    def chat(self, messages: Any) -> Any:
        """`chat.completions.create`."""
        return self._client.chat.completions.create(model=self._model, messages=_said(messages))

    def stream(self) -> Iterable[object]:
        """`chat.completions.create(stream=True)`."""
        return self._client.chat.completions.create(model=self._model, messages=ASKED, stream=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncSDK(Contender):
    """`AsyncOpenAI`."""

    name = "openai async"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = AsyncOpenAI(api_key=KEY, base_url=url)

    async def chat(self, messages: Any) -> Any:
        """`chat.completions.create`."""
        return await self._client.chat.completions.create(model=self._model, messages=_said(messages))

    async def stream(self) -> AsyncIterable[object]:
        """`chat.completions.create(stream=True)`."""
        return await self._client.chat.completions.create(model=self._model, messages=ASKED, stream=True)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


CONTENDERS: list[type[Contender]] = [SyncSDK, AsyncSDK]
