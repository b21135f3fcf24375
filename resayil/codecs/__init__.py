"""The two wire dialects, each as one `Codec`: pure functions between values and wire objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from resayil.codecs import anthropic, openai

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from resayil.events import StreamEvent
    from resayil.messages import ChatRequest, Dialect


class StreamDecoder(Protocol):
    """Feed it the events of one stream; ``close()`` ends an answer whose finish has been seen."""

    @property
    def done(self) -> bool:
        """The terminal event has been seen; what follows is ignored."""
        ...

    def feed(self, name: str, data: bytes) -> list[StreamEvent]:
        """The events in one server-sent event, given by its name and data."""
        ...

    def close(self) -> list[StreamEvent]:
        """The end of the answer if it is whole, else nothing."""
        ...


class Codec(NamedTuple):
    """A dialect.

    Attributes:
        path: Where it is posted, below the base URL.
        encode: The body of a request.
        read_request: The request in a body; the one place that reads wire requests.
        decode: The events of a whole reply.
        stream: A new decoder for the stream that answers a request.
        adaptations: What the dialect says in another way than asked, in words.
    """

    path: str
    encode: Callable[..., dict[str, Any]]
    read_request: Callable[[Mapping[str, Any]], ChatRequest]
    decode: Callable[[ChatRequest, object], list[StreamEvent]]
    stream: Callable[[ChatRequest], StreamDecoder]
    adaptations: Callable[[ChatRequest], tuple[str, ...]]


CODECS: Mapping[Dialect, Codec] = {
    "chat": Codec(
        openai.PATH, openai.encode, openai.read_request, openai.decode, openai.stream, openai.adaptations
    ),
    "messages": Codec(
        anthropic.PATH,
        anthropic.encode,
        anthropic.read_request,
        anthropic.decode,
        anthropic.stream,
        anthropic.adaptations,
    ),
}
"""The codec of each dialect."""
