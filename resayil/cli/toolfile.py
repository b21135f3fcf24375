"""Tools from a Python file of the user's: its typed public functions, or what it lists as ``TOOLS``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from pydantic import ValidationError

from resayil.errors import ConfigurationError, RequestError
from resayil.jsontext import dumps
from resayil.messages import Message, ToolCallPart, tool_result
from resayil.redaction import printable
from resayil.schemas import function_model
from resayil.tools import Tool

MODULE = "resayil_tools"
MAX_ERROR_BYTES = 800
"""Longest error that a model is told, in bytes of UTF-8."""


def load_tools(path: Path) -> Mapping[str, Tool]:
    """The tools in a file, by name; the file is executed.

    Raises:
        ConfigurationError: it cannot be, or holds no tool.
    """
    spec = spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"{path} is no Python file with tools.")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = getattr(module, "TOOLS", None) or [
            value
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == MODULE and not name.startswith("_")
        ]
        tools = [Tool.of(source) for source in found]
    except Exception as error:
        raise ConfigurationError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    if not tools:
        raise ConfigurationError(f"{path} holds no public function and no TOOLS.")
    return {tool.name: tool for tool in tools}


def run_call(call: ToolCallPart, tools: Mapping[str, Tool]) -> Message:
    """The result of a call; whatever goes wrong with it is a result too, for the model to read."""
    function = tools[call.name].function
    if function is None:
        return tool_result(call.id, f"{call.name} has no function behind it.", is_error=True)
    try:
        given = function_model(function).model_validate(call.arguments)
        value = function(**{name: getattr(given, name) for name in type(given).model_fields})
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        return tool_result(call.id, value if isinstance(value, str) else dumps(value))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return tool_result(call.id, printable(wrong, limit=MAX_ERROR_BYTES), is_error=True)
    except RequestError as error:
        return tool_result(call.id, error.message, is_error=True)
    except Exception as error:  # noqa: BLE001 - the user's function raises what it likes
        said = printable(f"{type(error).__name__}: {error}", limit=MAX_ERROR_BYTES)
        return tool_result(call.id, said, is_error=True)
