"""The messages dialect: ``POST {base}/messages``, Anthropic's form.

Three things are said in another way than asked. System messages are hoisted to the top-level ``system``
and joined by a blank line. JSON output is a forced call of a tool whose input is the answer. Arguments
that are no JSON object go back as ``{"INVALID_JSON": "…"}``. Names of messages are not sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, assert_never

from resayil.codecs.anthropic_replies import JSON_TOOL, decode, json_tool_name, stream
from resayil.codecs.fields import (
    check,
    finish_body,
    flag_or_none,
    items,
    mapping,
    replayed,
    string,
    strings,
    text_or_none,
)
from resayil.errors import RequestError, UnsupportedError
from resayil.images import ImagePart, image_from_url
from resayil.messages import (
    ChatRequest,
    InvalidToolCall,
    JSONFormat,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)
from resayil.tools import Tool

__all__ = ["DEFAULT_MAX_TOKENS", "PATH", "adaptations", "decode", "encode", "read_request", "stream"]

PATH = "/messages"
DEFAULT_MAX_TOKENS = 1024
"""Sent where a request sets none, since the dialect requires it (Messages API page)."""

JSON_TOOL_DESCRIPTION = "Give the answer by calling this function; its arguments are the answer."
INVALID_JSON = "INVALID_JSON"

_SYSTEM_JOINT = "\n\n"
_OPTIONS = {"max_tokens", "temperature", "top_p", "top_k"}
_TYPED = _OPTIONS | {"model", "messages", "system", "tools", "tool_choice", "stop_sequences", "stream"}
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_READ_CHOICES = {wire: choice for choice, wire in _CHOICES.items()}


def adaptations(request: ChatRequest) -> tuple[str, ...]:
    """What this dialect says in another way than asked."""
    said: list[str] = []
    if request.response_format is not None:
        said.append("JSON output was asked for as a forced tool call")
    if any(message.name for message in request.messages):
        said.append("names of messages were not sent")
    return tuple(said)


def encode(
    request: ChatRequest,
    *,
    stream: bool = False,
    default_max_tokens: int = DEFAULT_MAX_TOKENS,
    allow_images: bool = False,
) -> dict[str, Any]:
    """The body of a request.

    Args:
        request: What to say.
        stream: Ask for server-sent events.
        default_max_tokens: Upper bound of the answer where the request sets none, in tokens.
        allow_images: Send images although the documents say that they are rejected here.

    Raises:
        RequestError: a setting out of its range.
        UnsupportedError: something that this dialect cannot say.
    """
    check(request, "messages")
    if request.seed is not None:
        raise UnsupportedError("seed belongs to the chat dialect; use api='chat'.")
    tools = [_tool(tool) for tool in request.tools]
    if request.response_format is not None:
        tools.append(_json_tool(request))
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": request.max_tokens or default_max_tokens,
        "messages": _turns(request, allow_images=allow_images),
    }
    system = _SYSTEM_JOINT.join(message.text for message in request.messages if message.role == "system")
    options = [
        ("system", system or None),
        ("tools", tools),
        ("tool_choice", _tool_choice(request)),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("top_k", request.top_k),
        ("stop_sequences", list(request.stop)),
        ("stream", stream or None),
    ]
    return finish_body(body, request, options)


def _turns(request: ChatRequest, *, allow_images: bool) -> list[dict[str, Any]]:
    """User and assistant turns in alternation; neighbours of one role become one turn."""
    replay = replayed(request)
    turns: list[tuple[str, list[dict[str, Any]]]] = []
    for n, message in enumerate(request.messages):
        if message.role == "system":
            continue
        if message.has_image and not allow_images:
            raise UnsupportedError(
                f"messages[{n}] holds an image, and the messages dialect rejects images (Messages API page); "
                "use api='chat' or api='auto', or allow_images_on_messages=True once the service takes them."
            )
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [
            _block(part) for part in message.content if n in replay or not isinstance(part, ReasoningPart)
        ]
        if turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        else:
            turns.append((role, blocks))
    return [{"role": role, "content": _compact(blocks)} for role, blocks in turns]


def _compact(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if not blocks:
        return ""
    only = blocks[0]
    return only["text"] if len(blocks) == 1 and only["type"] == "text" and only["text"] else blocks


def _block(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image", "source": _source(part)}
        case ReasoningPart():
            if not part.text and part.signature:
                return {"type": "redacted_thinking", "data": part.signature}
            return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        case ToolCallPart():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": part.arguments}
        case InvalidToolCall():
            return {
                "type": "tool_use",
                "id": part.id,
                "name": part.name,
                "input": {INVALID_JSON: part.arguments},
            }
        case ToolResultPart():
            body = {
                "type": "tool_result",
                "tool_use_id": part.tool_call_id,
                "content": _compact([_block(inner) for inner in part.content]),
            }
            return {**body, "is_error": True} if part.is_error else body
        case _:
            assert_never(part)


def _source(part: ImagePart) -> dict[str, Any]:
    if part.detail is not None:
        raise UnsupportedError(
            "An image's detail belongs to the chat dialect; use api='chat' or leave it out."
        )
    if part.url is not None:
        return {"type": "url", "url": part.url}
    return {"type": "base64", "media_type": part.media_type, "data": part.base64}


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.name.startswith(JSON_TOOL):
        raise UnsupportedError(
            f"A tool may not be called {tool.name!r} on this dialect: JSON output uses that name."
        )
    body: dict[str, Any] = {"name": tool.name}
    if tool.description:
        body["description"] = tool.description
    body["input_schema"] = tool.parameters
    if tool.strict is not None:
        body["strict"] = tool.strict
    return body


def _json_tool(request: ChatRequest) -> dict[str, Any]:
    wanted = request.response_format or JSONFormat()
    schema = {"type": "object"} if wanted.schema is None else wanted.schema
    if schema.get("type", "object") != "object":
        raise UnsupportedError(
            "JSON output on the messages dialect is a tool's input, so its schema is an object."
        )
    body = {"name": json_tool_name(request), "description": JSON_TOOL_DESCRIPTION, "input_schema": schema}
    return body if wanted.strict is None else {**body, "strict": wanted.strict}


def _tool_choice(request: ChatRequest) -> dict[str, Any] | None:
    choice = request.tool_choice
    body: dict[str, Any]
    if request.response_format is not None:
        if choice not in {None, "auto", "none"}:
            raise UnsupportedError(
                "JSON output is a forced tool call on this dialect; no other can be forced."
            )
        # With tools beside it the model may call one of them or answer; without, it must answer.
        free = request.tools and choice != "none"
        body = {"type": "any"} if free else {"type": "tool", "name": json_tool_name(request)}
    elif isinstance(choice, ToolChoice):
        body = {"type": "tool", "name": choice.name}
    elif choice is not None:
        body = {"type": _CHOICES[choice]}
    elif request.parallel_tool_calls is not None:
        body = {"type": "auto"}
    else:
        return None
    if request.parallel_tool_calls is not None and body["type"] != "none":
        body["disable_parallel_tool_use"] = not request.parallel_tool_calls
    return body


def read_request(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a body of this dialect; unknown fields go to ``extra_body``.

    Raises:
        RequestError: a field of the wrong type.
        UnsupportedError: content that would be lost.
    """
    choice, parallel = _read_choice(body.get("tool_choice"))
    tools = [mapping(tool, "a tool") for tool in items(body.get("tools") or [], "tools")]
    forced = [tool for tool in tools if tool.get("description") == JSON_TOOL_DESCRIPTION]
    request = ChatRequest(
        model=string(body.get("model"), "model"),
        messages=(*_read_system(body.get("system")), *_read_turns(items(body.get("messages"), "messages"))),
        tools=tuple(Tool.of(tool) for tool in tools if tool not in forced),
        tool_choice=_beside_format(choice, len(tools)) if forced else choice,
        parallel_tool_calls=parallel,
        response_format=_read_format(forced[0]) if forced else None,
        stop=strings(body.get("stop_sequences"), "stop_sequences"),
        extra_body={name: value for name, value in body.items() if name not in _TYPED},
        **{name: body[name] for name in sorted(_OPTIONS) if body.get(name) is not None},
    )
    check(request, "messages")
    return request


def _beside_format(choice: object, tools: int) -> Literal["none"] | None:
    """What was chosen beside JSON output: where its tool is the only one allowed, none of the others."""
    return "none" if isinstance(choice, ToolChoice) and tools > 1 else None


def _read_format(tool: Mapping[str, Any]) -> JSONFormat:
    name = string(tool.get("name"), "name").removeprefix(JSON_TOOL)
    if not name:
        return JSONFormat()
    schema = mapping(tool.get("input_schema"), "input_schema")
    return JSONFormat(schema, name.removeprefix("_"), flag_or_none(tool.get("strict"), "strict"))


def _read_choice(choice: object) -> tuple[Any, bool | None]:
    if choice is None:
        return None, None
    source = mapping(choice, "tool_choice")
    serial = source.get("disable_parallel_tool_use")
    parallel = None if serial is None else not serial
    kind = string(source.get("type"), "tool_choice.type")
    if kind == "tool":
        return ToolChoice(string(source.get("name"), "tool_choice.name")), parallel
    if kind not in _READ_CHOICES:
        raise RequestError(f"tool_choice.type is auto, any, none or tool, not {kind!r:.80}.")
    return _READ_CHOICES[kind], parallel


def _read_system(system: object) -> tuple[Message, ...]:
    if not system:
        return ()
    parts = (TextPart(system),) if isinstance(system, str) else _read_blocks(system, "system")
    return (Message("system", parts),)


def _read_turns(turns: Sequence[object]) -> Iterator[Message]:
    for n, turn in enumerate(turns):
        source = mapping(turn, f"messages[{n}]")
        role: Any = string(source.get("role"), f"messages[{n}].role")
        if role not in {"user", "assistant", "system"}:
            raise RequestError(f"messages[{n}].role is user or assistant, not {role!r:.80}.")
        parts = _read_blocks(source.get("content"), f"messages[{n}]")
        yield from (Message("tool", (part,)) for part in parts if isinstance(part, ToolResultPart))
        rest = tuple(part for part in parts if not isinstance(part, ToolResultPart))
        if rest or not parts:
            yield Message(role, rest)


def _read_blocks(content: object, where: str) -> tuple[Any, ...]:
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_read_block(mapping(block, where), where) for block in items(content, f"{where}.content"))


def _read_block(block: Mapping[str, Any], where: str) -> Part:
    match block.get("type"):
        case "text":
            return TextPart(string(block.get("text"), f"{where}: text"))
        case "image":
            return _read_source(mapping(block.get("source"), f"{where}: source"), where)
        case "thinking":
            text = string(block.get("thinking"), f"{where}: thinking")
            return ReasoningPart(text, text_or_none(block.get("signature"), f"{where}: signature"))
        case "redacted_thinking":
            return ReasoningPart("", string(block.get("data"), f"{where}: data"))
        case "tool_use":
            return _read_call(block, where)
        case "tool_result":
            call_id = string(block.get("tool_use_id"), f"{where}: tool_use_id")
            return ToolResultPart(
                call_id, _read_blocks(block.get("content"), where), bool(block.get("is_error"))
            )
    raise UnsupportedError(f"{where} holds a {block.get('type')!r:.40} block, which cannot be passed on.")


def _read_source(source: Mapping[str, Any], where: str) -> ImagePart:
    if source.get("type") == "url":
        return image_from_url(string(source.get("url"), f"{where}: url"))
    data = string(source.get("data"), f"{where}: data")
    return image_from_url(f"data:{source.get('media_type', '')};base64,{data}")


def _read_call(block: Mapping[str, Any], where: str) -> ToolCallPart | InvalidToolCall:
    call_id = string(block.get("id"), f"{where}: id")
    name = string(block.get("name"), f"{where}: name")
    arguments = mapping(block.get("input"), f"{where}: input")
    if set(arguments) == {INVALID_JSON} and isinstance(arguments[INVALID_JSON], str):
        return InvalidToolCall(call_id, name, arguments[INVALID_JSON], "sent back as it came")
    return ToolCallPart(call_id, name, arguments)
