"""The form in which an answer is asked for, where a server refuses the form that was wanted.

A JSON schema becomes a forced tool call, and that becomes JSON mode with the schema as an instruction. A
forced tool choice becomes a free one. The dialect of messages has no ``response_format``: there JSON output
is a forced call from the start.
"""

from __future__ import annotations

import re
from dataclasses import replace

from resayil.adapt import Style
from resayil.errors import BadRequestError
from resayil.jsontext import dumps
from resayil.messages import ChatRequest, Dialect, JSONFormat, ToolChoice, system

_NAMES_FORMAT = re.compile(r"response_?\s?format|json_schema|json_object|structured output", re.IGNORECASE)
_NAMES_CHOICE = re.compile(r"tool_?\s?choice", re.IGNORECASE)
_NAMES_TOOLS = re.compile(r"\b(?:tools?|functions?)\b|tool_?\s?choice", re.IGNORECASE)
_INSTRUCTION = "Answer with one JSON object and nothing else. It satisfies this JSON schema:\n"

FREED = "the forced tool choice was sent as auto"


def reform(request: ChatRequest, style: Style) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request with the form of its answer asked for in a style, and what that changed."""
    said: list[str] = []
    wanted = request.response_format
    if style.json_by == "mode" and wanted is not None and wanted.schema is not None:
        schema = system(_INSTRUCTION + dumps(wanted.schema))
        request = replace(request, response_format=JSONFormat(), messages=(schema, *request.messages))
        said.append("the JSON schema was sent as an instruction beside JSON mode")
    if style.free_choice and is_forced(request):
        request = replace(request, tool_choice="auto")
        said.append(FREED)
    return request, tuple(said)


def is_forced(request: ChatRequest) -> bool:
    """Whether the model must call a tool."""
    return request.tool_choice == "required" or isinstance(request.tool_choice, ToolChoice)


def wider_form(request: ChatRequest, style: Style, error: BadRequestError, dialect: Dialect) -> Style | None:
    """The style to try after a refusal, or ``None`` where it is not about the answer's form.

    Args:
        request: As it was asked, before any style.
        style: How it was said.
        error: The refusal.
        dialect: The dialect it was said in.
    """
    said = " ".join((error.message, *error.fields))
    wanted = request.response_format
    has_schema = dialect == "chat" and wanted is not None and wanted.schema is not None
    if has_schema and style.json_by == "asked" and _NAMES_FORMAT.search(said):
        return replace(style, json_by="call")
    if has_schema and style.json_by == "call" and _NAMES_TOOLS.search(said):
        return replace(style, json_by="mode")
    if is_forced(request) and not style.free_choice and _NAMES_CHOICE.search(said):
        return replace(style, free_choice=True)
    return None
