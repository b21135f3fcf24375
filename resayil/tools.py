"""Tools offered to a model, and the calls that come back.

A tool comes from a typed function, a pydantic model or a JSON schema. Arguments arrive as text that a
model wrote: what cannot be read becomes an `InvalidToolCall` with the raw text, never an exception, and
is never repaired by guessing.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json

from resayil.errors import RequestError
from resayil.messages import InvalidToolCall, ToolCallPart
from resayil.schemas import function_model, model_schema, resolve, summary

MAX_ARGUMENT_BYTES = 1024 * 1024
"""Largest arguments text that is parsed, in characters."""

JSON_SPACE = " \t\n\r"
"""What JSON takes for white space; Python's own idea of it is wider."""

_RAW_SHOWN = 200
NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call.

    Attributes:
        name: Its name, as the model will write it.
        description: What it does, for the model to read.
        parameters: JSON schema of its arguments, an object.
        strict: Ask the service to hold the model to the schema; unset by default.
        function: The Python function behind it, if any; not sent and not compared.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: dict(NO_PARAMETERS))
    strict: bool | None = None
    function: Callable[..., Any] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise RequestError(f"A tool needs a printable name, not {self.name!r}.")

    @classmethod
    def of(cls, source: ToolSource) -> Tool:
        """A tool from whatever describes one.

        Args:
            source: A tool, a typed function, a pydantic model, or a dict in OpenAI's or Anthropic's
                form, or a bare JSON schema with a ``title``.

        Raises:
            RequestError: it describes no tool.
        """
        if isinstance(source, Tool):
            return source
        if isinstance(source, type) and issubclass(source, BaseModel):
            return cls(source.__name__, summary(_own_doc(source)), model_schema(source))
        if isinstance(source, Mapping):
            return _from_dict(source)
        if callable(source):
            doc = summary(inspect.getdoc(source) or "")
            name = getattr(source, "__name__", type(source).__name__)
            return cls(name, doc, model_schema(function_model(source)), function=source)
        raise RequestError(
            f"A tool is a function, a pydantic model or a JSON schema, not {type(source).__name__}."
        )


ToolSource = Tool | Callable[..., Any] | type[BaseModel] | Mapping[str, Any]


def _own_doc(model: type[BaseModel]) -> str:
    doc = model.__doc__
    return inspect.cleandoc(doc) if doc and doc != BaseModel.__doc__ else ""


def _from_dict(source: Mapping[str, Any]) -> Tool:
    inner = source.get("function", source)
    if not isinstance(inner, Mapping):
        raise RequestError("A tool's 'function' is an object with name, description and parameters.")
    name = inner.get("name") or inner.get("title")
    parameters = inner.get("parameters") or inner.get("input_schema")
    if parameters is None:
        parameters = inner if "properties" in inner else NO_PARAMETERS
    if not isinstance(name, str) or not isinstance(parameters, Mapping):
        raise RequestError(
            f"A tool needs a name and a JSON schema of its parameters: {str(source)[:_RAW_SHOWN]}."
        )
    description, strict = inner.get("description") or "", inner.get("strict")
    if not isinstance(description, str) or not isinstance(strict, bool | None):
        raise RequestError(f"The description of {name!r} is text, and strict is true or false.")
    return Tool(name, description, resolve(parameters), strict)


def read_call(
    call_id: str, name: str, raw: str, *, offered: frozenset[str] | None, cut: bool = False
) -> ToolCallPart | InvalidToolCall:
    """A tool call from the text of its arguments.

    Args:
        call_id: The call's id.
        name: The name as the model wrote it.
        raw: The arguments' text; empty means no arguments.
        offered: Names of the offered tools; ``None`` where they are not known.
        cut: True for the last call of an answer that was cut at ``max_tokens``.
    """
    if cut:
        return InvalidToolCall(call_id, name, raw, "the answer was cut at max_tokens inside this call")
    if not name.isprintable() or (offered is not None and name not in offered):
        return InvalidToolCall(call_id, name, raw, "no tool of this name was offered")
    arguments = parse_arguments(raw)
    if isinstance(arguments, str):
        return InvalidToolCall(call_id, name, raw, arguments)
    return ToolCallPart(call_id, name, arguments)


def parse_arguments(raw: str) -> dict[str, Any] | str:
    """The arguments of a call, or the reason why the text is none."""
    if not raw.strip(JSON_SPACE):
        return {}
    if len(raw) > MAX_ARGUMENT_BYTES:
        return f"the arguments have {len(raw)} characters, more than {MAX_ARGUMENT_BYTES}"
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        return f"the arguments are not JSON: {error}"
    except TypeError:  # how the parser refuses text that is no Unicode
        return "the arguments are not JSON: they hold half of a surrogate pair"
    if not isinstance(value, dict):
        return f"the arguments are a JSON {type(value).__name__}, not an object"
    return value if _is_finite(value) else "the arguments hold a number too large for any JSON reader"


def _is_finite(value: object) -> bool:
    """Whether no number overflowed, as 1e999 does."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)
