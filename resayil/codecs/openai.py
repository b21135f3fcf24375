"""The chat dialect: ``POST {base}/chat/completions``, OpenAI's form.

Two things this dialect has no field for are said in text and read back from it: the images of a tool
result, which follow in a user message, and that a tool result is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, assert_never

from resayil.codecs.fields import (
    check,
    finish_body,
    flag_or_none,
    images,
    items,
    mapping,
    refuse_unknown,
    replayed,
    string,
    strings,
    text_or_none,
    texts,
)
from resayil.codecs.openai_replies import decode, stream
from resayil.errors import RequestError, UnsupportedError
from resayil.images import ImagePart, image_from_url
from resayil.jsontext import dumps
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
from resayil.tools import Tool, read_call

__all__ = ["PATH", "adaptations", "decode", "encode", "read_messages", "read_request", "stream"]

PATH = "/chat/completions"
ERROR_MARK = "[tool error] "
IMAGES_MARK = "[images returned by tool call {}]"

_MARK_START, _MARK_END = IMAGES_MARK.split("{}")
_OPTIONS = {"max_tokens", "temperature", "top_p", "seed", "parallel_tool_calls"}
_TYPED = _OPTIONS | {
    "model", "messages", "tools", "tool_choice", "response_format", "stop", "stream", "stream_options",
    "max_completion_tokens", "functions", "function_call",
}  # fmt: skip
_MESSAGE_FIELDS = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call",
    "reasoning_content", "reasoning",
})  # fmt: skip


def adaptations(request: ChatRequest) -> tuple[str, ...]:
    """What this dialect says in another way than asked."""
    said: list[str] = []
    if any(_has_images(part) for message in request.messages for part in message.content):
        said.append("images of tool results were sent in a user message after them")
    if any(_is_signed(part) for n in replayed(request) for part in request.messages[n].content):
        said.append("signatures of reasoning were not sent")
    return tuple(said)


def _has_images(part: Part) -> bool:
    return isinstance(part, ToolResultPart) and bool(images(part))


def _is_signed(part: Part) -> bool:
    return isinstance(part, ReasoningPart) and part.signature is not None


def encode(request: ChatRequest, *, stream: bool = False, stream_usage: bool = True) -> dict[str, Any]:
    """The body of a request.

    Args:
        request: What to say.
        stream: Ask for server-sent events.
        stream_usage: Ask for a usage chunk at the stream's end.

    Raises:
        RequestError: a setting out of its range.
        UnsupportedError: something that this dialect cannot say.
    """
    check(request, "chat")
    if request.top_k is not None:
        raise UnsupportedError("top_k belongs to the messages dialect; use api='messages' or extra_body.")
    body: dict[str, Any] = {"model": request.model, "messages": list(_messages(request))}
    options = [
        ("tools", [_tool(tool) for tool in request.tools]),
        ("tool_choice", _tool_choice(request.tool_choice)),
        ("parallel_tool_calls", request.parallel_tool_calls),
        ("response_format", _response_format(request.response_format)),
        ("max_tokens", request.max_tokens),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("stop", list(request.stop)),
        ("seed", request.seed),
        ("stream", stream or None),
        ("stream_options", {"include_usage": True} if stream and stream_usage else None),
    ]
    return finish_body(body, request, options)


def _messages(request: ChatRequest) -> Iterator[dict[str, Any]]:
    replay = replayed(request)
    pictures: list[dict[str, Any]] = []
    for n, message in enumerate(request.messages):
        if message.role != "tool":
            yield from pictures
            pictures = []
        match message.role:
            case "system" | "user":
                yield _named(message, {"role": message.role, "content": _content(message.content)})
            case "assistant":
                yield _assistant(message, with_reasoning=n in replay)
            case "tool":
                results = [part for part in message.content if isinstance(part, ToolResultPart)]
                yield from map(_tool_result, results)
                pictures += [turn for part in results for turn in _pictures(part)]
            case _:
                assert_never(message.role)
    yield from pictures


def _named(message: Message, body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "name": message.name} if message.name else body


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    if not parts:
        return ""
    only = parts[0]
    if len(parts) == 1 and isinstance(only, TextPart) and only.text:
        return only.text
    return [_content_part(part) for part in parts if isinstance(part, TextPart | ImagePart)]


def _content_part(part: TextPart | ImagePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    url = {"url": part.data_url}
    return {"type": "image_url", "image_url": {**url, "detail": part.detail} if part.detail else url}


def _assistant(message: Message, *, with_reasoning: bool) -> dict[str, Any]:
    body: dict[str, Any] = _named(message, {"role": "assistant", "content": _content(texts(message.content))})
    if with_reasoning:
        body["reasoning_content"] = message.reasoning
    calls = [_call(part) for part in message.content if isinstance(part, ToolCallPart | InvalidToolCall)]
    return {**body, "tool_calls": calls} if calls else body


def _call(part: ToolCallPart | InvalidToolCall) -> dict[str, Any]:
    arguments = dumps(part.arguments) if isinstance(part, ToolCallPart) else part.arguments
    return {"id": part.id, "type": "function", "function": {"name": part.name, "arguments": arguments}}


def _tool_result(part: ToolResultPart) -> dict[str, Any]:
    content = _content(texts(part.content))
    if part.is_error:
        content = f"{ERROR_MARK}{part.text}"
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": content}


def _pictures(part: ToolResultPart) -> list[dict[str, Any]]:
    pictures = images(part)
    if not pictures:
        return []
    label = TextPart(IMAGES_MARK.format(part.tool_call_id))
    return [{"role": "user", "content": _content((label, *pictures))}]


def _tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _tool_choice(choice: str | ToolChoice | None) -> object:
    return (
        {"type": "function", "function": {"name": choice.name}} if isinstance(choice, ToolChoice) else choice
    )


def _response_format(wanted: JSONFormat | None) -> dict[str, Any] | None:
    if wanted is None:
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    schema: dict[str, Any] = {"name": wanted.name, "schema": wanted.schema}
    if wanted.strict is not None:
        schema["strict"] = wanted.strict
    return {"type": "json_schema", "json_schema": schema}


def read_request(body: Mapping[str, Any]) -> ChatRequest:
    """The request in a body of this dialect; unknown fields go to ``extra_body``.

    Raises:
        RequestError: a field of the wrong type.
        UnsupportedError: content that would be lost, or ``n`` above 1.
    """
    options = {name: body[name] for name in sorted(_OPTIONS) if body.get(name) is not None}
    flag_or_none(body.get("parallel_tool_calls"), "parallel_tool_calls")
    if body.get("max_completion_tokens") is not None:
        options.setdefault("max_tokens", body["max_completion_tokens"])
    functions = [{"function": function} for function in items(body.get("functions") or [], "functions")]
    tools = [*items(body.get("tools") or [], "tools"), *functions]
    request = ChatRequest(
        model=string(body.get("model"), "model"),
        messages=read_messages(items(body.get("messages"), "messages")),
        tools=tuple(Tool.of(mapping(tool, "a tool")) for tool in tools),
        tool_choice=_read_choice(body.get("tool_choice") or body.get("function_call")),
        response_format=_read_format(body.get("response_format")),
        stop=strings(body.get("stop"), "stop"),
        extra_body={name: value for name, value in body.items() if name not in _TYPED},
        **options,
    )
    check(request, "chat")
    return request


def _read_choice(choice: object) -> Any:
    if isinstance(choice, Mapping):
        return ToolChoice(
            string(mapping(choice.get("function", choice), "tool_choice").get("name"), "tool_choice")
        )
    if choice in (None, "auto", "none", "required"):
        return choice
    if choice == "any":
        return "required"
    raise RequestError(f"tool_choice is auto, none, required or one function, not {choice!r:.80}.")


def _read_format(wanted: object) -> JSONFormat | None:
    if wanted is None:
        return None
    source = mapping(wanted, "response_format")
    match source.get("type"):
        case "text":
            return None
        case "json_object":
            return JSONFormat()
        case "json_schema":
            inner = mapping(source.get("json_schema"), "json_schema")
            schema = mapping(inner.get("schema", {}), "schema")
            name = string(inner.get("name", "response"), "json_schema.name")
            return JSONFormat(schema, name, flag_or_none(inner.get("strict"), "json_schema.strict"))
    raise RequestError(
        f"response_format is text, json_object or json_schema, not {source.get('type')!r:.80}."
    )


def read_messages(messages: Sequence[object]) -> tuple[Message, ...]:
    """The messages of a conversation in OpenAI's form; `Message` values pass as they are."""
    read: list[Message] = []
    for n, item in enumerate(messages):
        message = item if isinstance(item, Message) else _read_message(mapping(item, f"messages[{n}]"), n)
        if not _return_images(read, message):
            read.append(message)
    return tuple(read)


def _read_message(source: Mapping[str, Any], n: int) -> Message:
    where = f"messages[{n}]"
    role = string(source.get("role"), f"{where}.role")
    refuse_unknown(source, _MESSAGE_FIELDS, where)
    parts = _read_content(source.get("content"), where)
    name = text_or_none(source.get("name"), f"{where}.name")
    match role:
        case "system" | "developer":
            return Message("system", parts, name)
        case "user":
            return Message("user", parts, name)
        case "assistant":
            reasoning = source.get("reasoning_content") or source.get("reasoning")
            thought = (ReasoningPart(string(reasoning, f"{where}.reasoning_content")),) if reasoning else ()
            return Message("assistant", (*thought, *parts, *_read_calls(source, where)), name)
        case "tool" | "function":
            call_id = source.get("tool_call_id") or name
            return Message("tool", (_read_result(string(call_id, f"{where}.tool_call_id"), parts),))
    raise RequestError(f"{where}.role is system, user, assistant or tool, not {role!r:.80}.")


def _read_content(content: object, where: str) -> tuple[Any, ...]:
    if content is None or content == "":
        return ()
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple(_read_part(part, where) for part in items(content, f"{where}.content"))


def _read_part(part: object, where: str) -> TextPart | ImagePart:
    if isinstance(part, str):
        return TextPart(part)
    source = mapping(part, f"a content part of {where}")
    match source.get("type"):
        case "text" | "input_text" | "output_text":
            return TextPart(string(source.get("text"), f"{where}: text"))
        case "image_url" | "input_image":
            image = source.get("image_url")
            if isinstance(image, str):
                return image_from_url(image, detail=_read_detail(source, where))
            fields = mapping(image, f"{where}: image_url")
            url = string(fields.get("url"), f"{where}: image_url.url")
            return image_from_url(url, detail=_read_detail(fields, where))
    raise UnsupportedError(f"{where} holds a {source.get('type')!r:.40} part; text and images can be sent.")


def _read_detail(source: Mapping[str, Any], where: str) -> Any:
    detail = text_or_none(source.get("detail"), f"{where}: detail")
    if detail not in {None, "auto", "low", "high"}:
        raise RequestError(f"{where}: detail is auto, low or high, not {detail!r:.80}.")
    return detail


def _read_calls(source: Mapping[str, Any], where: str) -> Iterator[ToolCallPart | InvalidToolCall]:
    legacy = source.get("function_call")
    calls = items(source.get("tool_calls") or [], f"{where}.tool_calls")
    if legacy:
        calls.append({"function": legacy})
    for call in calls:
        fields = mapping(call, f"a tool call of {where}")
        function = mapping(fields.get("function"), f"{where}: function")
        name = string(function.get("name"), f"{where}: function.name")
        raw = function.get("arguments") or ""
        text = raw if isinstance(raw, str) else dumps(raw)
        call_id = text_or_none(fields.get("id"), f"{where}: id") or name
        yield read_call(call_id, name, text, offered=None)


def _read_result(call_id: str, parts: tuple[Any, ...]) -> ToolResultPart:
    first = parts[0] if parts else None
    if isinstance(first, TextPart) and first.text.startswith(ERROR_MARK):
        text = first.text.removeprefix(ERROR_MARK)
        return ToolResultPart(call_id, (*((TextPart(text),) if text else ()), *parts[1:]), is_error=True)
    return ToolResultPart(call_id, parts)


def _return_images(read: list[Message], message: Message) -> bool:
    """Give the images of a marked user message back to the tool result they came from."""
    first = message.content[0] if message.role == "user" and message.content else None
    if not isinstance(first, TextPart) or not first.text.startswith(_MARK_START):
        return False
    pictures = tuple(part for part in message.content[1:] if isinstance(part, ImagePart))
    if not pictures or len(pictures) != len(message.content) - 1:
        return False  # a user who happens to write so
    call_id = first.text.removeprefix(_MARK_START).removesuffix(_MARK_END)
    for n in range(len(read) - 1, -1, -1):
        part = read[n].content[0] if read[n].role == "tool" else None
        if isinstance(part, ToolResultPart) and part.tool_call_id == call_id:
            read[n] = Message("tool", (ToolResultPart(call_id, (*part.content, *pictures), part.is_error),))
            return True
    return False
