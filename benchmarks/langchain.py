"""LangChain chat models: this project's, its peers', and one that does nothing.

A streamed chunk is paid for three times: by reading the wire (the floor), by LangChain's own code around any
model (the model that does nothing), and by the model.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from importlib import import_module
from typing import Any, ClassVar

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from benchmarks.contender import KEY, TEXT, Contender

warnings.filterwarnings("ignore", module="langchain_core")  # parts of it are marked as beta


class DoesNothing(BaseChatModel):
    """Yields ready text: what LangChain itself costs."""

    chunks: int

    @property
    def _llm_type(self) -> str:
        return "does-nothing"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=TEXT))])

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _n in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(content=" word"))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _n in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(content=" word"))


class _Model(Contender):
    """A chat model; `home` and `kind` name its class, so that a process imports one family alone."""

    home: ClassVar[str] = "langchain_resayil"
    kind: ClassVar[str] = "ChatResayil"
    given: ClassVar[dict[str, Any]] = {}

    def __init__(self, url: str, model: str) -> None:
        kind = getattr(import_module(self.home), self.kind)
        # the SDK of this class's family adds the version itself
        root = url.removesuffix("/v1") if self.home == "langchain_anthropic" else url
        self._model = kind(model=model, api_key=KEY, base_url=root, **self.given)

    @staticmethod
    def conversation(image: bytes, turns: int) -> Any:
        """LangChain's messages with its image blocks."""
        said: list[HumanMessage | AIMessage] = []
        for n in range(turns):
            data = base64.b64encode(image).decode()
            shown = {"type": "image", "base64": data, "mime_type": "image/png"}
            said += [
                HumanMessage([{"type": "text", "text": f"{TEXT} {n}"}, shown]),
                AIMessage(TEXT),
            ]
        return said[:-1]


class _Sync(_Model):
    def chat(self, messages: Any) -> Any:
        """`invoke`."""
        return self._model.invoke(messages)

    def stream(self) -> Iterable[object]:
        """`stream`."""
        return self._model.stream(TEXT)  # type: ignore[no-any-return] # the class is known at run time


class _Async(_Model):
    async def chat(self, messages: Any) -> Any:
        """`ainvoke`."""
        return await self._model.ainvoke(messages)

    async def stream(self) -> AsyncIterable[object]:
        """`astream`."""
        return self._model.astream(TEXT)  # type: ignore[no-any-return] # the class is known at run time


class _Events(_Model):
    def stream(self) -> Iterable[object]:
        """`stream_events`, version 3."""
        return self._model.stream_events(TEXT, version="v3")  # type: ignore[no-any-return] # the same


class _Nothing(_Model):
    def __init__(self, url: str, model: str) -> None:  # noqa: ARG002 - it asks nobody
        self._model = DoesNothing(chunks=int(model.split("-")[1]))


def _variants(label: str, base: type[_Model], **fields: Any) -> list[type[Contender]]:
    """The three ways to stream from one model."""
    modes = (("", _Sync), (" async", _Async), (" events", _Events))
    return [
        type(f"{base.__name__}{mode.__name__}", (base, mode), {"name": label + suffix, **fields})
        for suffix, mode in modes
    ]


class _Peer(_Model):
    """A class whose constructor takes what `ChatOpenAI`'s takes."""


OPENAI = _variants("ChatOpenAI", _Peer, home="langchain_openai", kind="ChatOpenAI")
ANTHROPIC = _variants("ChatAnthropic", _Peer, home="langchain_anthropic", kind="ChatAnthropic")
OPENROUTER = _variants("ChatOpenRouter", _Peer, home="langchain_openrouter", kind="ChatOpenRouter")
CONTENDERS = [
    *_variants("nothing", _Nothing),
    *_variants("ChatResayil", _Peer),
    *_variants("ChatResayil, messages", _Peer, given={"api": "messages"}),
]
