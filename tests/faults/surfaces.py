"""The ways to make a call: each opens a client, makes one call, and says what its errors count as.

A new surface is a subclass with three short methods; `SURFACES` names it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import Any, ClassVar

from faults.case import Ask
from faults.outcome import KEY, Caught, Heard, caught
from faults.replies import MODEL, Dialect, Verb

from resayil import AsyncClient, ChatResponse, Client, ResayilError, TextDelta, Tool


class Surface:
    """One way to make a call.

    Attributes:
        name: As the report shows it.
        verb: A whole answer, or a stream.
        asynchronous: Whether `call` is awaited.
        dialects: What it speaks.
        adapter: Whether it stands on the core, whose sizes need not be measured in each of its forms.
    """

    name: ClassVar[str]
    verb: ClassVar[Verb]
    asynchronous: ClassVar[bool] = False
    dialects: ClassVar[tuple[Dialect, ...]] = ("chat", "messages")
    adapter: ClassVar[bool] = False

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A client for this base URL, with a pool of one connection."""
        raise NotImplementedError

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """Make the call and note what is heard; a coroutine where the surface is asynchronous."""
        raise NotImplementedError

    def close(self, client: Any) -> Any:
        """Let go of the client."""
        return client.close()

    def caught(self, error: BaseException, *, frames: bool = False) -> Caught:
        """What an error counts as: the names of its classes."""
        names = frozenset(kind.__name__ for kind in type(error).__mro__)
        return caught(error, names, typed=isinstance(error, ResayilError), frames=frames)


DEFAULTS: Mapping[str, Any] = {
    "connect_timeout": 5.0,
    "read_timeout": 4.0,
    "gap_timeout": 6.0,
    "max_connections": 1,
    "unhinted_429": "backoff",
}
"""Settings of every case, before its own: short clocks, and a pool of one."""


def listen(stream: Iterable[Any], heard: Heard, read: Callable[[Any], str]) -> None:
    """Read a stream as the caller of this case does."""
    iterator = iter(stream)
    for event in iterator:
        if heard.say(read(event)):
            break
    if heard.leave == "close" and inspect.isgenerator(iterator):
        iterator.close()


async def alisten(stream: AsyncIterable[Any], heard: Heard, read: Callable[[Any], str]) -> None:
    """As `listen`, on an event loop."""
    iterator = aiter(stream)
    async for event in iterator:
        if heard.say(read(event)):
            break
    if heard.leave == "close" and inspect.isasyncgen(iterator):
        await iterator.aclose()


def tool(name: str) -> Tool:
    """A tool that takes a city."""
    return Tool(name, "", {"type": "object", "properties": {"city": {"type": "string"}}})


def text_of(event: object) -> str:
    """The text of an event of the core."""
    return event.text if isinstance(event, TextDelta) else ""


def note(response: ChatResponse, heard: Heard) -> None:
    """Note a whole answer of the core."""
    heard.text, heard.finish, heard.truncated = response.text, response.finish_reason, response.truncated
    heard.usage = None if response.usage.estimated else response.usage.total_tokens
    heard.calls = tuple((call.name, call.arguments) for call in response.tool_calls)
    heard.invalid = tuple((call.name, call.arguments) for call in response.invalid_tool_calls)
    heard.attempts, heard.maybe_billed, heard.whole = response.attempts, response.maybe_billed, True


class ClientChat(Surface):
    """`Client.chat`."""

    name = "Client.chat"
    verb: ClassVar[Verb] = "chat"

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A client."""
        return Client(api_key=KEY, base_url=url, api=dialect, **{**DEFAULTS, **settings})

    def call(self, client: Client, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note(client.chat(MODEL, ask.prompt, tools=[tool(name) for name in ask.tools]), heard)


class ClientStream(ClientChat):
    """`Client.stream`."""

    name = "Client.stream"
    verb = "stream"

    def call(self, client: Client, ask: Ask, heard: Heard) -> Any:
        """A stream, and the answer that it makes."""
        stream = client.stream(MODEL, ask.prompt, tools=[tool(name) for name in ask.tools])
        listen(stream, heard, text_of)
        if not heard.leave:
            note(stream.response(), heard)


class AsyncClientChat(Surface):
    """`AsyncClient.chat`."""

    name = "AsyncClient.chat"
    verb: ClassVar[Verb] = "chat"
    asynchronous = True

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """A client."""
        return AsyncClient(api_key=KEY, base_url=url, api=dialect, **{**DEFAULTS, **settings})

    async def call(self, client: AsyncClient, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note(await client.chat(MODEL, ask.prompt, tools=[tool(name) for name in ask.tools]), heard)

    async def close(self, client: AsyncClient) -> Any:
        """Let go of the client."""
        await client.aclose()


class AsyncClientStream(AsyncClientChat):
    """`AsyncClient.stream`."""

    name = "AsyncClient.stream"
    verb = "stream"

    async def call(self, client: AsyncClient, ask: Ask, heard: Heard) -> Any:
        """A stream, and the answer that it makes."""
        stream = await client.stream(MODEL, ask.prompt, tools=[tool(name) for name in ask.tools])
        await alisten(stream, heard, text_of)
        if not heard.leave:
            note(stream.response(), heard)


CORE: tuple[Surface, ...] = (ClientChat(), ClientStream(), AsyncClientChat(), AsyncClientStream())
"""The surfaces of the core."""


def surfaces() -> tuple[Surface, ...]:
    """Every surface of the pack."""
    from faults.surfaces_langchain import LANGCHAIN  # noqa: PLC0415 - it builds on this module
    from faults.surfaces_litellm import LITELLM  # noqa: PLC0415 - the same

    return (*CORE, *LANGCHAIN, *LITELLM)
