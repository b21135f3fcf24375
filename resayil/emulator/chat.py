"""The chat completions dialect: reading a request into a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from resayil.emulator import checks, schemas
from resayil.emulator.refusals import invalid, old_validation
from resayil.emulator.values import Json, JsonObject, Picture, Question, Role, Tool, ToolCall, Turn

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
CHOICES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}
FORMATS = ("text", "json_object", "json_schema")
MESSAGE_LIMITS = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
}
OLD_RULES: dict[str, tuple[Callable[[JsonObject], bool], str, str]] = {
    "tool-role-422": (lambda item: item.get("role") == "tool", "role", "The selected role is invalid."),
    "system-role-422": (lambda item: item.get("role") == "system", "role", "The selected role is invalid."),
    "null-content-422": (
        lambda item: item.get("content") is None,
        "content",
        "The content field is required.",
    ),
    "content-array-422": (
        lambda item: isinstance(item.get("content"), list),
        "content",
        "The content field must be a string.",
    ),
}


def question(body: JsonObject, query: Mapping[str, str], oddities: frozenset[str]) -> Question:
    """What a chat completions body asks.

    Raises:
        RefusalError: A field is missing or wrong.
    """
    messages = checks.items(body, "messages", required=True)
    _old_rules(messages, oddities)
    for name, (low, high) in MESSAGE_LIMITS.items():
        checks.in_range(body, name, low, high)
    if body.get("n") not in (None, 1):
        raise invalid("n", "only one choice is given; leave n out")
    tools = () if "tools-ignored" in oddities else _tools(body)
    choice, named = _choice(body, tools)
    mode, schema = ("text", None) if "response-format-ignored" in oddities else _format(body)
    options = body.get("stream_options")
    usage = isinstance(options, dict) and options.get("include_usage") is True
    return Question(
        dialect="chat",
        model=checks.text(body, "model"),
        turns=tuple(_turns(messages)),
        tools=tools,
        choice=choice,
        named=named,
        parallel=body.get("parallel_tool_calls") is not False,
        stream=checks.boolean(body, "stream") or query.get("stream") == "true",
        stream_usage=usage and "no-stream-usage" not in oddities,
        max_tokens=checks.positive(body, "max_tokens") or checks.positive(body, "max_completion_tokens"),
        stop=() if "stop-ignored" in oddities else checks.strings(body, "stop"),
        json_mode=mode != "text",
        json_schema=schema,
        legacy_functions="functions" in body or "legacy-function-call" in oddities,
    )


def _old_rules(messages: list[JsonObject], oddities: frozenset[str]) -> None:
    for name, (broken, field, message) in OLD_RULES.items():
        for index, item in enumerate(messages):
            if name in oddities and broken(item):
                raise old_validation(f"messages.{index}.{field}", message)


def _turns(messages: list[JsonObject]) -> list[Turn]:
    turns: list[Turn] = []
    for index, item in enumerate(messages):
        where = f"messages.{index}"
        role = item.get("role")
        if role not in ROLES:
            raise invalid(f"{where}.role", f"must be one of {', '.join(ROLES)}")
        turns.append(_turn(item, ROLES[role], turns, where))
    return turns


def _turn(item: JsonObject, role: Role, turns: list[Turn], where: str) -> Turn:
    text, pictures = _content(item.get("content"), f"{where}.content")
    calls = _calls(item, where) if role == "assistant" else ()
    if item.get("content") is None and not calls:
        raise invalid(f"{where}.content", "field required")
    call_id = ""
    if item.get("role") == "tool":
        call_id = checks.matched(turns, item.get("tool_call_id"), f"{where}.tool_call_id")
    return Turn(role, text, pictures, calls, call_id)


def _content(content: Json, where: str) -> tuple[str, tuple[Picture, ...]]:
    if content is None or isinstance(content, str):
        return content or "", ()
    if not isinstance(content, list):
        raise invalid(where, "must be a string or an array of parts")
    texts: list[str] = []
    pictures: list[Picture] = []
    for index, part in enumerate(content):
        _part(part, f"{where}.{index}", texts, pictures)
    return "\n".join(texts), tuple(pictures)


def _part(part: Json, where: str, texts: list[str], pictures: list[Picture]) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("text", "refusal") and isinstance(part.get(kind), str):
        texts.append(part[kind])
    elif kind == "image_url":
        image = part.get("image_url")
        url = image.get("url") if isinstance(image, dict) else image
        pictures.append(checks.picture(url, f"{where}.image_url.url"))
    else:
        raise invalid(where, f"content parts are `text` or `image_url`, not {kind!r}")


def _calls(item: JsonObject, where: str) -> tuple[ToolCall, ...]:
    rows = checks.items(item, "tool_calls")
    calls = [
        _call(row.get("function"), row.get("id"), f"{where}.tool_calls.{i}") for i, row in enumerate(rows)
    ]
    if item.get("function_call"):
        calls.append(_call(item["function_call"], "", f"{where}.function_call"))
    return tuple(calls)


def _call(function: Json, call_id: Json, where: str) -> ToolCall:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid(f"{where}.function.name", "field required")
    if not isinstance(function.get("arguments"), str):
        raise invalid(f"{where}.function.arguments", "must be a string of JSON")
    return ToolCall(function["name"], function["arguments"], call_id if isinstance(call_id, str) else "")


def _tools(body: JsonObject) -> tuple[Tool, ...]:
    rows = [row.get("function") for row in checks.items(body, "tools")] + checks.items(body, "functions")
    return tuple(_tool(row, f"tools.{index}.function") for index, row in enumerate(rows))


def _tool(function: Json, where: str) -> Tool:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise invalid(f"{where}.name", "field required")
    parameters = schemas.sound(function.get("parameters"), f"{where}.parameters")
    return Tool(function["name"], str(function.get("description") or ""), parameters)


def _choice(body: JsonObject, tools: tuple[Tool, ...]) -> tuple[str, str]:
    choice = body.get("tool_choice") or body.get("function_call")
    if choice is None or not tools:
        return "auto", ""
    if isinstance(choice, str) and choice in CHOICES:
        return CHOICES[choice], ""
    function = choice.get("function", choice) if isinstance(choice, dict) else {"name": choice}
    name = function.get("name") if isinstance(function, dict) else None
    if not any(tool.name == name for tool in tools):
        raise invalid("tool_choice", f"{name!r} is none of {', '.join(CHOICES)} and no tool on offer")
    return "required", str(name)


def _format(body: JsonObject) -> tuple[str, JsonObject | None]:
    wanted = body.get("response_format")
    if wanted is None:
        return "text", None
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in FORMATS:
        raise invalid("response_format.type", f"must be one of {', '.join(FORMATS)}")
    if kind != "json_schema":
        return str(kind), None
    holder = wanted.get("json_schema")
    if not isinstance(holder, dict) or not isinstance(holder.get("schema"), dict):
        raise invalid("response_format.json_schema.schema", "field required")
    return "json_schema", schemas.sound(holder["schema"], "response_format.json_schema.schema")
