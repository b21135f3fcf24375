"""This project's clients, in both dialects."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any, ClassVar

from benchmarks.contender import KEY, TEXT, Contender
from resayil import AsyncClient, Client, assistant, image_from_bytes, user
from resayil.config import API


class _Ours(Contender):
    api: ClassVar[API] = "chat"

    @staticmethod
    def conversation(image: bytes, turns: int) -> Any:
        """Messages with image parts."""
        said = []
        for n in range(turns):
            said += [user(f"{TEXT} {n}", image_from_bytes(image)), assistant(TEXT)]
        return said[:-1]


class SyncOurs(_Ours):
    """`Client`."""

    name = "Client"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = Client(KEY, url, api=self.api)

    def chat(self, messages: Any) -> Any:
        """`Client.chat`."""
        return self._client.chat(self._model, messages)

    def stream(self) -> Iterable[object]:
        """`Client.stream`."""
        return self._client.stream(self._model, TEXT)

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class AsyncOurs(_Ours):
    """`AsyncClient`."""

    name = "AsyncClient"

    def __init__(self, url: str, model: str) -> None:
        self._model = model
        self._client = AsyncClient(KEY, url, api=self.api)

    async def chat(self, messages: Any) -> Any:
        """`AsyncClient.chat`."""
        return await self._client.chat(self._model, messages)

    async def stream(self) -> AsyncIterable[object]:
        """`AsyncClient.stream`."""
        return await self._client.stream(self._model, TEXT)

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()


class SyncOursMessages(SyncOurs):
    """`Client` on the other dialect."""

    name = "Client, messages"
    api = "messages"


class AsyncOursMessages(AsyncOurs):
    """`AsyncClient` on the other dialect."""

    name = "AsyncClient, messages"
    api = "messages"


CONTENDERS: list[type[Contender]] = [SyncOurs, AsyncOurs, SyncOursMessages, AsyncOursMessages]
