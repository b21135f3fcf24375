"""What is fuzzed: each target takes any bytes, and raises only where a promise of the pack is broken."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.support import MODEL, WEATHER, Scripted, Told, client_of
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_resayil.emulated_tools import EmulatedReader, read_answer
from resayil import ChatResponse, ImageError, MalformedResponseError, ResayilError, ResponseTooLargeError
from resayil.images import image_from_bytes, image_from_url
from resayil.jsontext import loads, shown
from resayil.sse import SSEDecoder
from resayil.tools import parse_arguments

Target = Callable[[bytes], None]

MEDIA_TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
STATUSES = (400, 401, 402, 403, 404, 413, 418, 422, 429, 500, 502, 503, 504, 529, 302, 307)


def split(data: bytes) -> tuple[bytes, Sequence[bytes]]:
    """A case's bytes, whole and in pieces as long as its first byte says."""
    size, whole = (data[0] or 1 if data else 1), data[1:]
    return whole, [whole[start : start + size] for start in range(0, len(whole), size)]


def decoded(pieces: Sequence[bytes]) -> list[tuple[object, ...]] | str:
    """The events in these pieces, or that one was too large."""
    decoder, events = SSEDecoder(max_event_bytes=1024), []
    try:
        for piece in pieces:
            events += decoder.feed(piece)
        events += decoder.close()
    except ResponseTooLargeError as error:
        return error.message
    return [tuple(event) for event in events]


def sse(data: bytes) -> None:
    """The events do not depend on the cuts; that one is too large is seen sooner or later."""
    whole, pieces = split(data)
    at_once, cut = decoded([whole]), decoded(pieces)
    if isinstance(at_once, list) and isinstance(cut, list):
        assert at_once == cut


def told(response: ChatResponse) -> object:
    """What an answer says; everything in it can be sent on."""
    said = (response.text, response.reasoning, response.finish_reason)
    calls = [(call.name, json.dumps(call.arguments, allow_nan=False)) for call in response.tool_calls]
    broken = [(call.name, call.arguments) for call in response.invalid_tool_calls]
    repr((said, calls, broken)).encode()
    for text in (response.text, response.reasoning or "", response.finish_reason or ""):
        text.encode()
    return said, calls, broken


def streamed(api: str, pieces: Sequence[bytes]) -> object:
    """What comes of a stream: an answer, or an error with what came before it."""
    transport = Scripted(Told(200, {"content-type": "text/event-stream"}, pieces))
    try:
        stream = client_of(transport, api=api).stream(MODEL, "?", tools=[WEATHER])
        list(stream)
        return told(stream.response())
    except ResayilError as error:
        str(error).encode()
        error.partial_text.encode()
        return type(error).__name__, error.partial_text, error.partial_tool_calls


def stream_of(api: str) -> Target:
    """A stream of a dialect gives the same, whatever the cuts; a page is seen by its first bytes alone."""

    def target(data: bytes) -> None:
        whole, pieces = split(data)
        at_once = streamed(api, [whole])
        if not whole.lstrip().startswith(b"<"):
            assert at_once == streamed(api, pieces)

    return target


def reply_of(api: str) -> Target:
    """A whole reply of a dialect is an answer, or an error of the pack."""

    def target(data: bytes) -> None:
        transport = Scripted(Told(200, {"content-type": "application/json"}, [data]))
        with contextlib.suppress(ResayilError):
            told(client_of(transport, api=api).chat(MODEL, "?", tools=[WEATHER]))

    return target


def error(data: bytes) -> None:
    """A refusal is an error of the pack, whatever its body says."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 500
    transport = Scripted(Told(status, {"content-type": "application/json"}, [data[1:]]))
    caught: ResayilError | None = None
    try:
        client_of(transport).chat(MODEL, "?")
    except ResayilError as refusal:
        caught = refusal
    assert caught is not None
    assert len(str(caught).encode()) <= 2000
    assert not any(char < " " for char in str(caught))


def json_text(data: bytes) -> None:
    """What is read can be shown and sent; what is not, is said to be malformed."""
    for form in (data, data.decode("utf-8", "surrogateescape")):
        with contextlib.suppress(MalformedResponseError):
            shown(loads(form)).decode()


def arguments(data: bytes) -> None:
    """A call's arguments are an object that any JSON reader takes, or a reason."""
    found = parse_arguments(data.decode("utf-8", "surrogateescape"))
    if isinstance(found, str):
        found.encode()
    else:
        json.dumps(found, allow_nan=False).encode()


def read_by(pieces: Sequence[AIMessage]) -> tuple[str, object, object]:
    """What an emulated tools' reader makes of the pieces of an answer."""
    reader = EmulatedReader()
    for piece in pieces:
        list(reader.feed(piece))
    list(reader.close())
    message = reader.message()
    calls = [(call["name"], call["args"]) for call in message.tool_calls]
    return str(message.text), calls, [call["args"] for call in message.invalid_tool_calls]


def tool_protocol(data: bytes) -> None:
    """A call is read from a stream as from the whole text, and never from half a text."""
    whole, _ = split(data)
    text, size = whole.decode("utf-8", "replace"), (data[0] or 1 if data else 1)
    if not text:
        return
    pieces = [AIMessageChunk(text[start : start + size]) for start in range(0, len(text), size)]
    at_once, cut = read_by([AIMessageChunk(text)]), read_by(pieces)
    assert at_once == cut
    if read_answer(text) is None:
        assert at_once == (text, [], [])


def image(data: bytes) -> None:
    """A picture of a known type, or an error that says why not; nothing is opened."""
    makers: tuple[Callable[[], Any], ...] = (
        lambda: image_from_bytes(data, max_bytes=2048),
        lambda: image_from_url(data.decode("utf-8", "replace"), max_bytes=2048),
    )
    for make in makers:
        with contextlib.suppress(ImageError):
            part = make()
            assert part.url or part.media_type in MEDIA_TYPES
            assert len(repr(part)) < 40


TARGETS: Mapping[str, Target] = {
    "sse": sse,
    "chat_stream": stream_of("chat"),
    "messages_stream": stream_of("messages"),
    "chat_reply": reply_of("chat"),
    "messages_reply": reply_of("messages"),
    "error": error,
    "json_text": json_text,
    "arguments": arguments,
    "tool_protocol": tool_protocol,
    "image": image,
}
"""Every target by its name."""


def everything(data: bytes) -> None:
    """All of them: the first byte says which."""
    names = list(TARGETS)
    if data:
        TARGETS[names[data[0] % len(names)]](data[1:])


ALL = "all"
BY_NAME: Mapping[str, Target] = {**TARGETS, ALL: everything}
