"""The Messages dialect: reading a request into a question."""

from __future__ import annotations

from collections.abc import Mapping

from resayil.emulator import checks, schemas
from resayil.emulator.refusals import invalid
from resayil.emulator.values import Json, JsonObject, Question, Role, Tool, ToolCall, Turn, dumps

ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "required"}
SILENT = frozenset({"thinking", "redacted_thinking"})
REFUSED = {
    "image": "Image content blocks are not accepted here. Use text-only messages, or /v1/chat/completions.",
    "document": "Document content blocks are not accepted here. Use text-only messages.",
}
LIMITS = {"temperature": (0, 1), "top_p": (0, 1)}


def question(body: JsonObject, query: Mapping[str, str], oddities: frozenset[str]) -> Question:
    """What a Messages body asks.

    Raises:
        RefusalError: A field is missing or wrong.
    """
    model = checks.text(body, "model")
    if body.get("max_tokens") is None:
        raise invalid("max_tokens", "field required")
    for name, (low, high) in LIMITS.items():
        checks.in_range(body, name, low, high)
    checks.positive(body, "top_k")
    tools = () if "tools-ignored" in oddities else _tools(body)
    choice, named, parallel = _choice(body, tools)
    schema = None if "response-format-ignored" in oddities else _format(body)
    return Question(
        dialect="messages",
        model=model,
        turns=conversation(body),
        tools=tools,
        choice=choice,
        named=named,
        parallel=parallel,
        stream=checks.boolean(body, "stream") or query.get("stream") == "true",
        stream_usage="no-stream-usage" not in oddities,
        max_tokens=checks.positive(body, "max_tokens"),
        stop=() if "stop-ignored" in oddities else checks.strings(body, "stop_sequences"),
        json_mode=schema is not None,
        json_schema=schema,
        cache_marked='"cache_control"' in dumps(body),
    )


def countable(body: JsonObject) -> Question:
    """What count_tokens is asked to count; the model may be left out."""
    return Question("count_tokens", str(body.get("model") or ""), conversation(body), _tools(body))


def conversation(body: JsonObject) -> tuple[Turn, ...]:
    """The system prompt and the turns, tool results as turns of their own."""
    turns = [Turn("system", text) for text in _system(body.get("system"))]
    for index, item in enumerate(checks.items(body, "messages", required=True)):
        where = f"messages.{index}"
        role = item.get("role")
        if role not in ROLES:
            raise invalid(f"{where}.role", f"must be one of {', '.join(ROLES)}")
        turns.extend(_turns(item, ROLES[role], turns, where))
    return tuple(turns)


def _system(system: Json) -> list[str]:
    if system is None:
        return []
    if isinstance(system, str):
        return [system]
    if not isinstance(system, list) or not all(_is_text(block) for block in system):
        raise invalid("system", "must be a string or an array of text blocks")
    return [block["text"] for block in system]


def _is_text(block: Json) -> bool:
    return isinstance(block, dict) and block.get("type") == "text" and isinstance(block.get("text"), str)


def _turns(item: JsonObject, role: Role, earlier: list[Turn], where: str) -> list[Turn]:
    content = item.get("content")
    if isinstance(content, str):
        return [Turn(role, content)]
    if not isinstance(content, list):
        raise invalid(f"{where}.content", "must be a string or an array of content blocks")
    results: list[Turn] = []
    texts: list[str] = []
    calls: list[ToolCall] = []
    for index, block in enumerate(content):
        at = f"{where}.content.{index}"
        kind = block.get("type") if isinstance(block, dict) else None
        if _is_text(block):
            texts.append(block["text"])
        elif kind == "tool_use" and role == "assistant":
            calls.append(_call(block, at))
        elif kind == "tool_result" and role == "user":
            results.append(_result(block, earlier, at))
        elif kind not in SILENT:
            raise invalid(at, REFUSED.get(str(kind), f"content blocks of type {kind!r} are not accepted"))
    spoken = [Turn(role, "\n".join(texts), calls=tuple(calls))] if texts or calls or not results else []
    return results + spoken


def _call(block: JsonObject, where: str) -> ToolCall:
    name, call_id = block.get("name"), block.get("id")
    if not isinstance(name, str) or not isinstance(call_id, str):
        raise invalid(where, "a tool_use block needs `id` and `name`")
    if not isinstance(block.get("input"), dict):
        raise invalid(f"{where}.input", "must be an object")
    return ToolCall(name, dumps(block["input"]), call_id)


def _result(block: JsonObject, earlier: list[Turn], where: str) -> Turn:
    call_id = checks.matched(earlier, block.get("tool_use_id"), f"{where}.tool_use_id")
    content = block.get("content") or ""
    if isinstance(content, str):
        return Turn("tool", content, call_id=call_id, failed=block.get("is_error") is True)
    texts = []
    for index, part in enumerate(content if isinstance(content, list) else [content]):
        if not _is_text(part):
            kind = part.get("type") if isinstance(part, dict) else None
            raise invalid(f"{where}.content.{index}", REFUSED.get(str(kind), "must be a text block"))
        texts.append(part["text"])
    return Turn("tool", "\n".join(texts), call_id=call_id, failed=block.get("is_error") is True)


def _tools(body: JsonObject) -> tuple[Tool, ...]:
    tools = []
    for index, row in enumerate(checks.items(body, "tools")):
        where = f"tools.{index}"
        if row.get("type") not in (None, "custom"):
            raise invalid(f"{where}.type", f"{row['type']!r} is not supported; only custom tools are")
        if not isinstance(row.get("name"), str) or not row["name"]:
            raise invalid(f"{where}.name", "field required")
        schema = schemas.sound(row.get("input_schema"), f"{where}.input_schema")
        tools.append(Tool(row["name"], str(row.get("description") or ""), schema))
    return tuple(tools)


def _choice(body: JsonObject, tools: tuple[Tool, ...]) -> tuple[str, str, bool]:
    choice = body.get("tool_choice")
    if choice is None or not tools:
        return "auto", "", True
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in CHOICES:
        raise invalid("tool_choice.type", f"must be one of {', '.join(CHOICES)}")
    name = str(choice.get("name") or "") if kind == "tool" else ""
    if kind == "tool" and not any(tool.name == name for tool in tools):
        raise invalid("tool_choice.name", f"{name!r} is no tool on offer")
    return CHOICES[str(kind)], name, choice.get("disable_parallel_tool_use") is not True


def _format(body: JsonObject) -> JsonObject | None:
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else body.get("output_format")
    if isinstance(wanted, dict) and isinstance(wanted.get("schema"), dict):
        return schemas.sound(wanted["schema"], "output_config.format.schema")
    return None
