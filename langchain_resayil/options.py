"""The keyword arguments of a call as the core's options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import isfunction
from typing import Any

from langchain_core.tools import BaseTool, create_schema_from_function
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from resayil import JSONFormat, RequestError
from resayil.jsontext import dumps
from resayil.options import CallOptions, RequestOptions
from resayil.schemas import resolve

KNOWN = frozenset({*RequestOptions.__annotations__, *CallOptions.__annotations__})
"""What a call may be given besides its messages and its model."""

_ALIASES = {
    "stop_sequences": "stop",
    "max_completion_tokens": "max_tokens",
    "timeout": "read_timeout",
    "request_timeout": "read_timeout",
}
_LANGCHAINS_OWN = frozenset(
    {"stream"}
)  # `invoke(…, stream=True)`: LangChain has acted on it before we are asked


def read_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call.

    Raises:
        RequestError: an argument that means nothing here; nothing vanishes.
    """
    options = {
        _ALIASES.get(name, name): value
        for name, value in given.items()
        if value is not None and name not in _LANGCHAINS_OWN
    }
    unknown = sorted(options.keys() - KNOWN)
    if unknown:
        raise RequestError(
            f"Unknown argument {', '.join(unknown)}; a call takes model, {', '.join(sorted(KNOWN))}. "
            "Fields of the service go into extra_body."
        )
    if "tools" in options:
        options["tools"] = read_tools(options["tools"])
    for name, read in (("tool_choice", read_choice), ("response_format", read_format)):
        if name in options:
            options[name] = read(options[name])
    return options


def read_tools(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Tools in OpenAI's form, from anything that LangChain takes for a tool."""
    return [_read_tool(tool, strict=strict) for tool in tools]


def _read_tool(tool: Any, *, strict: bool | None) -> dict[str, Any]:
    """LangChain's own conversion, but for types that hold themselves: of those it keeps nothing."""
    offered = convert_to_openai_tool(tool, strict=strict)
    function = offered.get("function", {})
    if "{}" not in dumps(function.get("parameters")):
        return offered
    schema = resolve(_own_schema(tool))
    if "$defs" not in schema:
        return offered
    top = {**schema["$defs"].get(str(schema.get("$ref")).rpartition("/")[2], {}), **schema}
    kept = {name: top[name] for name in ("type", "properties", "required", "$defs") if name in top}
    closed = {"additionalProperties": False} if strict else {}
    return {**offered, "function": {**function, "parameters": {**kept, **closed}}}


def _own_schema(tool: Any) -> Mapping[str, Any]:
    """The JSON schema of a tool's arguments before LangChain has written its references out."""
    source = tool.tool_call_schema if isinstance(tool, BaseTool) else tool
    if isfunction(source):
        source = create_schema_from_function(source.__name__, source)
    if isinstance(source, type) and issubclass(source, BaseModel):
        return source.model_json_schema()
    return source if isinstance(source, Mapping) else {}


def read_choice(choice: str | bool | Mapping[str, Any]) -> str | None:  # noqa: FBT001 - LangChain's own form
    """A tool choice in any of its forms: a word, a tool's name, a boolean, or OpenAI's or Anthropic's object.

    Raises:
        RequestError: an object that names no choice.
    """
    if isinstance(choice, bool):
        return "required" if choice else None
    if isinstance(choice, str):
        return choice
    function = choice.get("function")
    name = (function if isinstance(function, Mapping) else choice).get("name")
    if isinstance(name, str):
        return name
    if choice.get("type") in {"auto", "any", "none", "required"}:
        return str(choice["type"])
    raise RequestError(f"tool_choice names no tool: {dict(choice)!r:.120}.")


def read_format(wanted: Any) -> Any:
    """A response format; OpenAI's object becomes the core's value, the rest is the core's business.

    Raises:
        RequestError: an object without its schema.
    """
    if not isinstance(wanted, Mapping):
        return wanted
    match wanted.get("type"):
        case "json_schema" if "json_schema" in wanted:
            inner = wanted["json_schema"]
            if not isinstance(inner, Mapping) or not isinstance(inner.get("schema"), Mapping):
                raise RequestError("response_format of type json_schema needs json_schema.schema.")
            return JSONFormat(inner["schema"], inner.get("name") or "response", inner.get("strict"))
        case "json_object":
            return JSONFormat()
        case "text":
            return None
    return wanted
