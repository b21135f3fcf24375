"""Other clients as surfaces, so that a report can show both sides: the official SDKs, ChatOpenAI, LiteLLM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import anthropic
import httpx
import openai
from faults.case import Ask
from faults.outcome import KEY, Caught, Heard, caught
from faults.replies import MODEL, Dialect, Verb
from faults.surfaces import DEFAULTS, Surface, listen
from faults.surfaces_langchain import joined, keep, offering
from faults.surfaces_langchain import note as note_message
from faults.surfaces_litellm import litellm, read_calls
from faults.surfaces_litellm import note as note_completion
from langchain_core.exceptions import LangChainException
from langchain_openai import ChatOpenAI

KINDS: Mapping[int, tuple[str, ...]] = {
    400: ("BadRequestError",),
    401: ("AuthenticationError",),
    402: ("InsufficientCreditsError",),
    403: ("PermissionDeniedError",),
    404: ("NotFoundError",),
    413: ("RequestTooLargeError",),
    422: ("BadRequestError",),
    429: ("RateLimitError",),
    503: ("OverloadedError", "InternalServerError"),
    529: ("OverloadedError", "InternalServerError"),
}
"""What an error counts as by the status it carries, whatever its class is called."""


class Peer(Surface):
    """A client that is not this pack's."""

    def close(self, client: Any) -> Any:
        """Let go of the client, where it can be."""
        if hasattr(client, "close"):
            client.close()

    def caught(self, error: BaseException, *, frames: bool = False) -> Caught:
        """Its own classes, and what its status means; any error of its library is typed."""
        own = (openai.OpenAIError, anthropic.AnthropicError, LangChainException)
        typed = isinstance(error, own) or type(error).__module__.startswith("litellm")
        names = {kind.__name__ for kind in type(error).__mro__}
        names |= set(KINDS.get(getattr(error, "status_code", None) or 0, ()))
        return caught(
            error, frozenset(names | ({"ResayilError"} if typed else set())), typed=typed, frames=frames
        )


def clocks(settings: Mapping[str, Any], kind: Any = httpx) -> dict[str, Any]:
    """Settings that every peer has: the clocks, a pool of one, the retries."""
    given = {**DEFAULTS, **settings}
    pool = kind.Limits(max_connections=1)
    timeout = kind.Timeout(
        given["read_timeout"], connect=given["connect_timeout"], pool=given["connect_timeout"]
    )
    client = kind.Client(limits=pool, timeout=timeout, follow_redirects=True)
    return {"http_client": client, "timeout": timeout, "max_retries": given.get("max_retries", 2)}


def functions(ask: Ask) -> list[dict[str, Any]]:
    """The tools of a case in OpenAI's form."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return [{"type": "function", "function": {"name": name, "parameters": schema}} for name in ask.tools]


def said(ask: Ask) -> dict[str, Any]:
    """What is asked, in OpenAI's form."""
    tools = functions(ask)
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": ask.prompt}],
        **({"tools": tools} if tools else {}),
    }


class OpenAIChat(Peer):
    """`OpenAI().chat.completions.create`."""

    name = "openai chat"
    verb: ClassVar[Verb] = "chat"
    dialects = ("chat",)

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A client."""
        del dialect
        return openai.OpenAI(api_key=KEY, base_url=url, **clocks(settings))

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note_completion(client.chat.completions.create(**said(ask)), heard)


class OpenAIStream(OpenAIChat):
    """The same, streamed."""

    name = "openai stream"
    verb = "stream"

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream."""
        ended: list[str] = []
        usages: list[int] = []

        calls: dict[int, list[str]] = {}

        def read(chunk: Any) -> str:
            for call in (
                (chunk.choices[0].delta.tool_calls or ()) if chunk.choices and chunk.choices[0].delta else ()
            ):
                draft = calls.setdefault(call.index, ["", ""])
                draft[0] += call.function.name or ""
                draft[1] += call.function.arguments or ""
            if chunk.usage:
                usages.append(chunk.usage.total_tokens)
            if not chunk.choices:
                return ""
            ended.extend(filter(None, [chunk.choices[0].finish_reason]))
            return chunk.choices[0].delta.content or "" if chunk.choices[0].delta else ""

        listen(client.chat.completions.create(**said(ask), stream=True), heard, read)
        heard.finish, heard.usage = next(iter(ended), None), next(iter(usages), None)
        heard.truncated = heard.finish == "length"
        read_calls(heard, [(name, raw) for name, raw in calls.values()])


_STOP = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}


class AnthropicChat(Peer):
    """`Anthropic().messages.create`."""

    name = "anthropic chat"
    verb: ClassVar[Verb] = "chat"
    dialects = ("messages",)

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A client."""
        del dialect
        import httpx2  # noqa: PLC0415 - it comes with the SDK alone

        return anthropic.Anthropic(api_key=KEY, base_url=url.removesuffix("/v1"), **clocks(settings, httpx2))

    def said(self, ask: Ask) -> dict[str, Any]:
        """What is asked."""
        tools = [
            {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]}
            for tool in functions(ask)
        ]
        messages = [{"role": "user", "content": ask.prompt}]
        return {"model": MODEL, "max_tokens": 99, "messages": messages, **({"tools": tools} if tools else {})}

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        message = client.messages.create(**self.said(ask))
        heard.text = "".join(block.text for block in message.content if block.type == "text")
        heard.finish = _STOP.get(message.stop_reason, message.stop_reason)
        heard.truncated = heard.finish == "length"
        heard.usage = message.usage.input_tokens + message.usage.output_tokens
        heard.calls = tuple(
            (block.name, block.input) for block in message.content if block.type == "tool_use"
        )


class AnthropicStream(AnthropicChat):
    """The same, streamed."""

    name = "anthropic stream"
    verb = "stream"

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream."""
        counts = {"input_tokens": 0, "output_tokens": 0}
        calls: dict[int, list[str]] = {}

        def read(event: Any) -> str:
            if event.type == "content_block_start" and event.content_block.type == "tool_use":
                calls[event.index] = [event.content_block.name, ""]
            if event.type == "content_block_delta" and getattr(event.delta, "partial_json", None):
                calls[event.index][1] += event.delta.partial_json
            if event.type == "message_start":
                counts["input_tokens"] = event.message.usage.input_tokens
            if event.type == "message_delta" and event.delta and event.delta.stop_reason:
                heard.finish = _STOP.get(event.delta.stop_reason, event.delta.stop_reason)
                counts["output_tokens"] = event.usage.output_tokens
            return getattr(event.delta, "text", "") or "" if event.type == "content_block_delta" else ""

        listen(client.messages.create(**self.said(ask), stream=True), heard, read)
        heard.usage = sum(counts.values())
        heard.truncated = heard.finish == "length"
        read_calls(heard, [(name, raw) for name, raw in calls.values()])


class LangChainChat(Peer):
    """`ChatOpenAI().invoke`."""

    name = "ChatOpenAI invoke"
    verb: ClassVar[Verb] = "chat"
    dialects = ("chat",)

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A model."""
        del dialect
        return ChatOpenAI(model=MODEL, api_key=KEY, base_url=url, stream_usage=True, **clocks(settings))

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        message = offering(client, ask).invoke(ask.prompt)
        note_message(message, heard)
        heard.usage = message.usage_metadata["total_tokens"] if message.usage_metadata else None

    def close(self, client: Any) -> Any:
        """Let go of the model."""
        client.root_client.close()


class LangChainStream(LangChainChat):
    """`ChatOpenAI().stream`."""

    name = "ChatOpenAI stream"
    verb = "stream"

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream, and the message that it makes."""
        chunks: list[Any] = []
        listen(offering(client, ask).stream(ask.prompt), heard, lambda chunk: keep(chunks, chunk))
        if not heard.leave:
            message = joined(chunks)
            note_message(message, heard)
            heard.usage = message.usage_metadata["total_tokens"] if message.usage_metadata else None


class LiteLLMChat(Peer):
    """`litellm.completion` with its own `openai/` provider."""

    name = "litellm openai/ chat"
    verb: ClassVar[Verb] = "chat"
    dialects = ("chat",)

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """The arguments that every call has."""
        del dialect
        litellm()  # imported before a call is timed
        given = clocks(settings)
        client = openai.OpenAI(api_key=KEY, base_url=url, **given)
        return {"model": f"openai/{MODEL}", "api_key": KEY, "api_base": url, "client": client,
                "timeout": given["timeout"], "max_retries": given["max_retries"]}  # fmt: skip

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note_completion(litellm().completion(**{**said(ask), **client}), heard)

    def close(self, client: Any) -> Any:
        """Let go of the client inside."""
        client["client"].close()


class LiteLLMStream(LiteLLMChat):
    """The same, streamed."""

    name = "litellm openai/ stream"
    verb = "stream"

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream, and the answer that it makes."""
        chunks: list[Any] = []

        def read(chunk: Any) -> str:
            chunks.append(chunk)
            return (chunk.choices[0].delta.content or "") if chunk.choices else ""

        given = {**said(ask), **client, "stream": True, "stream_options": {"include_usage": True}}
        listen(litellm().completion(**given), heard, read)
        if not heard.leave:
            note_completion(litellm().stream_chunk_builder(chunks), heard)


def peers() -> tuple[Surface, ...]:
    """Every peer, whole and streamed."""
    return (
        OpenAIChat(),
        OpenAIStream(),
        AnthropicChat(),
        AnthropicStream(),
        LangChainChat(),
        LangChainStream(),
        LiteLLMChat(),
        LiteLLMStream(),
    )
