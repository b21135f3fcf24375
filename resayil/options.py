"""The arguments of a chat call, and the request they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

from pydantic import BaseModel

from resayil.codecs.openai import read_messages
from resayil.config import API
from resayil.errors import ImageError, RequestError
from resayil.images import ImagePart
from resayil.messages import ChatRequest, Conversation, JSONFormat, Message, ToolChoice, ToolResultPart, user
from resayil.schemas import model_schema
from resayil.tools import Tool, ToolSource

ResponseFormat = JSONFormat | type[BaseModel] | Mapping[str, Any] | Literal["json"]
"""``"json"`` for JSON mode; a schema, a pydantic model, or a `JSONFormat` for a JSON schema."""

_CHOICES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


class RequestOptions(TypedDict, total=False):
    """What a call may say besides its messages; each unset by default, see `ChatRequest`.

    ``tool_choice`` takes ``auto``, ``none``, ``required`` (or ``any``) or the name of an offered tool.
    """

    tools: Sequence[ToolSource]
    tool_choice: str | ToolChoice | None
    parallel_tool_calls: bool | None
    response_format: ResponseFormat | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    stop: str | Sequence[str] | None
    seed: int | None
    extra_body: Mapping[str, Any] | None


class CallOptions(TypedDict, total=False):
    """How one call is made, before the client's settings; seconds where they are times."""

    api: API | None
    read_timeout: float | None
    deadline: float | None
    max_retries: int | None
    limit_max_wait: float | None
    tag: str | None
    extra_headers: Mapping[str, str] | None


class ChatOptions(RequestOptions, CallOptions, total=False):
    """The keyword arguments of ``chat()`` and ``stream()``."""


CALL_OPTIONS = frozenset(CallOptions.__annotations__)
_REQUEST_OPTIONS = frozenset(RequestOptions.__annotations__)


def read_conversation(messages: Conversation) -> tuple[Message, ...]:
    """The messages of a call: a user's text, one message, or a sequence of messages or OpenAI dicts."""
    if isinstance(messages, str):
        return (user(messages),)
    return read_messages([messages] if isinstance(messages, Message) else list(messages))


def build_request(model: str, messages: Conversation, options: RequestOptions) -> ChatRequest:
    """The request that a call's arguments make.

    Raises:
        RequestError: an argument that means nothing.
    """
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if unknown := given.keys() - _REQUEST_OPTIONS:
        raise RequestError(
            f"Unknown argument {', '.join(sorted(unknown))}; fields of the service go into extra_body."
        )
    if "tools" in given:
        given["tools"] = tuple(Tool.of(tool) for tool in given["tools"])
    if "tool_choice" in given:
        given["tool_choice"] = _choice(given["tool_choice"], given.get("tools", ()))
    if "response_format" in given:
        given["response_format"] = _format(given["response_format"])
    if "stop" in given:
        stop = given["stop"]
        given["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    return ChatRequest(model, read_conversation(messages), **given)


def _choice(choice: str | ToolChoice, tools: tuple[Tool, ...]) -> Any:
    if isinstance(choice, ToolChoice):
        return choice
    if choice in _CHOICES:
        return _CHOICES[choice]
    if choice in {tool.name for tool in tools}:
        return ToolChoice(choice)
    raise RequestError(
        f"tool_choice is auto, none, required or the name of an offered tool, not {choice!r:.80}."
    )


def _format(wanted: ResponseFormat) -> JSONFormat:
    if isinstance(wanted, JSONFormat):
        return wanted
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return JSONFormat(model_schema(wanted), wanted.__name__)
    if isinstance(wanted, Mapping):
        return JSONFormat(wanted, str(wanted.get("title", "response")))
    if wanted == "json":
        return JSONFormat()
    raise RequestError(f"response_format is 'json', a schema or a pydantic model, not {wanted!r:.80}.")


def images(request: ChatRequest) -> Iterator[ImagePart]:
    """Every image of a request, those of tool results included."""
    for message in request.messages:
        for part in message.content:
            inner = part.content if isinstance(part, ToolResultPart) else (part,)
            yield from (piece for piece in inner if isinstance(piece, ImagePart))


def check_images(request: ChatRequest, max_bytes: int) -> None:
    """Refuse an image above the size cap.

    Raises:
        ImageError: such an image.
    """
    for image in images(request):
        if image.data is not None and len(image.data) > max_bytes:
            raise ImageError(f"An image has {len(image.data)} bytes; max_image_bytes is {max_bytes}.")
