"""What a tool binding is given: tools, a model, a conversation."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from inspect import getdoc, iscoroutinefunction
from typing import Any, cast

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, convert_to_messages
from langchain_core.prompt_values import PromptValue
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import SecretStr

from langchain_resayil.errors import ConfigurationError
from resayil import Tool
from resayil.models import SNAPSHOT, find

ToolSource = BaseTool | Tool | Callable[..., Any]


def read_tool(source: ToolSource) -> BaseTool:
    """A LangChain tool from anything that can be executed.

    Raises:
        ConfigurationError: it only describes arguments.
    """
    if isinstance(source, BaseTool):
        return source
    if isinstance(source, Tool) and source.function is not None:
        made = {
            "name": source.name,
            "description": source.description,
            "args_schema": dict(source.parameters),
        }
        return StructuredTool.from_function(**_run_by(source.function), **cast("Any", made))
    if isinstance(source, type) or not callable(source):
        name = source.__name__ if isinstance(source, type) else type(source).__name__
        raise ConfigurationError(
            f"{name} describes no tool that can be executed; give a function or a LangChain tool, "
            "or use ChatResayil.with_structured_output for its arguments alone."
        )
    described = None if getdoc(source) else getattr(source, "__name__", "tool")
    return StructuredTool.from_function(
        **_run_by(source), description=described, parse_docstring=True, error_on_invalid_docstring=False
    )


def _run_by(function: Callable[..., Any]) -> dict[str, Any]:
    return {"coroutine" if iscoroutinefunction(function) else "func": function}


def has_tools(model: BaseChatModel) -> bool | None:
    """Whether a model has tools, by its profile, then by the catalogue; ``None`` where neither tells."""
    told = (model.profile or {}).get("tool_calling")
    if isinstance(told, bool):
        return told
    info = find(str(getattr(model, "model", "")), SNAPSHOT)
    if info is None:
        return None
    abilities = info.extra.get("capabilities")
    if isinstance(abilities, list):
        return "tools" in abilities
    return True if info.category == "tools" else None


def read_input(given: Any) -> list[BaseMessage]:
    """The conversation in whatever a model, or a graph's node, is given."""
    if isinstance(given, str):
        return [HumanMessage(given)]
    if isinstance(given, PromptValue):
        return given.to_messages()
    if isinstance(given, Mapping) and "messages" in given:
        return read_input(given["messages"])
    return convert_to_messages([given] if isinstance(given, BaseMessage) else given)


def joined(pieces: Sequence[Any]) -> Any:
    """The pieces of a streamed input, joined as LangChain joins them."""
    total, *rest = pieces
    for piece in rest:
        try:
            total = total + piece
        except TypeError:
            total = piece
    return total


async def once(value: Any) -> AsyncIterator[Any]:
    """A stream of one value."""
    yield value


def secrets(model: BaseChatModel) -> list[str]:
    """What no tool's error may carry to the model: its own key, wherever it comes from."""
    held = getattr(model, "api_key", None)
    keys = [os.environ.get(name) for name in ("LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY")]
    keys.append(held.get_secret_value() if isinstance(held, SecretStr) else None)
    return [key for key in keys if key]
