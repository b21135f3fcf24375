"""`ChatResayil` as four surfaces: invoke, stream, and both awaited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from faults.case import Ask
from faults.outcome import KEY, Heard
from faults.replies import MODEL, Dialect, Verb
from faults.surfaces import DEFAULTS, Surface, alisten, listen
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.tools import StructuredTool

from langchain_resayil import ChatResayil

_OWN = {"deadline", "max_retries", "extra_headers"}


def text_of(chunk: AIMessageChunk) -> str:
    """The text of a chunk."""
    return str(chunk.text)


def offering(model: ChatResayil, ask: Ask) -> Any:
    """The model, with the tools of the case."""

    def weather(city: str = "") -> str:
        """Tell the weather."""
        return city

    tools = [StructuredTool.from_function(weather, name=name) for name in ask.tools]
    return model.bind_tools(tools) if tools else model


def note(message: AIMessage, heard: Heard) -> None:
    """Note a whole answer."""
    told = message.response_metadata
    heard.text, heard.finish = str(message.text), told.get("finish_reason")
    heard.truncated = heard.finish == "length"
    estimated = told.get("usage_estimated", True) or message.usage_metadata is None
    heard.usage = None if estimated else message.usage_metadata["total_tokens"]  # type: ignore[index] # looked at above
    heard.calls = tuple((call["name"], call["args"]) for call in message.tool_calls)
    heard.invalid = tuple((call["name"] or "", call["args"] or "") for call in message.invalid_tool_calls)
    heard.attempts, heard.maybe_billed, heard.whole = told.get("attempts"), told.get("maybe_billed", 0), True


def joined(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    """The message that the chunks make."""
    return chunks[0] + chunks[1:]


class Invoke(Surface):
    """`ChatResayil.invoke`."""

    name = "ChatResayil.invoke"
    verb: ClassVar[Verb] = "chat"
    adapter: ClassVar[bool] = True

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A model."""
        given = {**DEFAULTS, **settings}
        own = {name: given.pop(name) for name in _OWN & given.keys()}
        own["timeout"] = given.pop("read_timeout")
        return ChatResayil(model=MODEL, api_key=KEY, base_url=url, api=dialect, client_options=given, **own)

    def call(self, client: ChatResayil, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note(offering(client, ask).invoke(ask.prompt), heard)


class Stream(Invoke):
    """`ChatResayil.stream`."""

    name = "ChatResayil.stream"
    verb = "stream"

    def call(self, client: ChatResayil, ask: Ask, heard: Heard) -> Any:
        """A stream, and the message that it makes."""
        chunks: list[AIMessageChunk] = []
        listen(offering(client, ask).stream(ask.prompt), heard, lambda chunk: keep(chunks, chunk))
        if not heard.leave:
            note(joined(chunks), heard)


class AInvoke(Invoke):
    """`ChatResayil.ainvoke`."""

    name = "ChatResayil.ainvoke"
    asynchronous = True

    async def call(self, client: ChatResayil, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note(await offering(client, ask).ainvoke(ask.prompt), heard)

    async def close(self, client: ChatResayil) -> Any:
        """Let go of the model."""
        await client.aclose()


class AStream(AInvoke):
    """`ChatResayil.astream`."""

    name = "ChatResayil.astream"
    verb = "stream"

    async def call(self, client: ChatResayil, ask: Ask, heard: Heard) -> Any:
        """A stream, and the message that it makes."""
        chunks: list[AIMessageChunk] = []
        await alisten(offering(client, ask).astream(ask.prompt), heard, lambda chunk: keep(chunks, chunk))
        if not heard.leave:
            note(joined(chunks), heard)


def keep(chunks: list[AIMessageChunk], chunk: AIMessageChunk) -> str:
    """Keep a chunk and give its text."""
    chunks.append(chunk)
    return text_of(chunk)


LANGCHAIN: tuple[Surface, ...] = (Invoke(), Stream(), AInvoke(), AStream())
