"""Structured output: the three ways to ask for it, and the parsers that read it.

LangChain's parsers complete JSON that was cut off. While an answer is being streamed that is wanted; of a
whole answer it would be an invention, so these raise instead.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, ClassVar, Literal, cast

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import (
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    PydanticOutputParser,
    PydanticToolsParser,
)
from langchain_core.output_parsers.base import BaseLLMOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import TBaseModel, is_basemodel_subclass

from langchain_resayil.options import read_tools

Method = Literal["function_calling", "json_schema", "json_mode"]
Schema = dict[str, Any] | type | None


class _WholeAnswers:
    """A parser that does not complete what the model did not finish."""

    by_call: ClassVar[bool] = False

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse an answer, unless it was cut off or its tool call is broken."""
        refuse_broken(result[0], by_call=self.by_call)
        return cast("BaseLLMOutputParser[Any]", super()).parse_result(result, partial=partial)


class WholeJson(_WholeAnswers, JsonOutputParser):
    """JSON, whole."""


class WholeModel(_WholeAnswers, PydanticOutputParser[TBaseModel]):
    """A pydantic model from whole JSON."""


class WholeCall(_WholeAnswers, JsonOutputKeyToolsParser):
    """The arguments of a whole tool call."""

    by_call: ClassVar[bool] = True


class WholeCallModel(_WholeAnswers, PydanticToolsParser):
    """A pydantic model from a whole tool call."""

    by_call: ClassVar[bool] = True


def refuse_broken(generation: Generation, *, by_call: bool) -> None:
    """Refuse an answer that is over and yet not whole, or not of the form that was asked for.

    Args:
        generation: The answer, or what has come of it.
        by_call: Whether it had to be a tool call.

    Raises:
        OutputParserException: it was cut off at ``max_tokens``, its tool call cannot be read, or it has none.
    """
    message = generation.message if isinstance(generation, ChatGeneration) else None
    if not isinstance(message, AIMessage) or "finish_reason" not in message.response_metadata:
        return
    if message.response_metadata["finish_reason"] == "length":
        raise OutputParserException("The answer was cut off at max_tokens.", llm_output=message.text)
    if message.invalid_tool_calls and not message.tool_calls:
        broken = message.invalid_tool_calls[0]
        why = f": {broken['error']}" if broken.get("error") else ""
        raise OutputParserException(
            f"The call of {broken['name']} cannot be read{why}.", llm_output=broken["args"]
        )
    if by_call and not message.tool_calls:
        raise OutputParserException(
            "The model answered in words and called no tool; a server may ignore tools without a word, and "
            "a thinking model may take no forced call (see response_metadata['adaptations']).",
            llm_output=message.text,
        )


def structured(
    model: BaseChatModel,
    schema: Schema,
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, Any]:
    """The model, asked for JSON by one of the methods, and the parser behind it.

    Raises:
        ValueError: the method is not known, or needs a schema.
    """
    if method not in _METHODS:
        raise ValueError(f"method is one of {', '.join(_METHODS)}, not {method!r:.40}.")
    if schema is None and method != "json_mode":
        raise ValueError(f"with_structured_output(method={method!r}) needs a schema.")
    asking, parser = _METHODS[method](model, schema, strict=strict, kwargs=kwargs)
    if not include_raw:
        return asking | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    nothing = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=asking) | parsed.with_fallbacks([nothing], exception_key="parsing_error")


_Asking = tuple[Runnable[LanguageModelInput, AIMessage], Runnable[Any, Any]]


def _by_call(model: BaseChatModel, schema: Any, *, strict: bool | None, kwargs: dict[str, Any]) -> _Asking:
    name = convert_to_openai_tool(schema)["function"]["name"]
    traced = _traced("function_calling", schema, strict=strict)
    asking = model.bind_tools([schema], **{"tool_choice": name, "strict": strict, **traced, **kwargs})
    if _is_model(schema):
        return asking, WholeCallModel(tools=[schema], first_tool_only=True)
    return asking, WholeCall(key_name=name, first_tool_only=True)


def _by_schema(model: BaseChatModel, schema: Any, *, strict: bool | None, kwargs: dict[str, Any]) -> _Asking:
    function = read_tools([schema], strict=strict)[0]["function"]
    wanted = {"name": function["name"], "schema": function["parameters"]}
    if strict is not None:
        wanted["strict"] = strict
    wanted_format = {"type": "json_schema", "json_schema": wanted}
    return model.bind(
        response_format=wanted_format, **_traced("json_schema", schema, strict=strict), **kwargs
    ), _json(schema)


def _by_mode(model: BaseChatModel, schema: Any, *, strict: bool | None, kwargs: dict[str, Any]) -> _Asking:
    if strict is not None:
        raise ValueError("strict belongs to a schema that is sent; JSON mode sends none.")
    return model.bind(
        response_format={"type": "json_object"}, **_traced("json_mode", schema), **kwargs
    ), _json(schema)


_METHODS: dict[str, Callable[..., _Asking]] = {
    "function_calling": _by_call,
    "json_schema": _by_schema,
    "json_mode": _by_mode,
}


def _json(schema: Any) -> Runnable[Any, Any]:
    return WholeModel(pydantic_object=schema) if _is_model(schema) else WholeJson()


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)


def _traced(method: Method, schema: Any, *, strict: bool | None = None) -> dict[str, Any]:
    """What LangChain's tracing wants to know; it is taken out again before the call."""
    if schema is None:
        return {}
    kept = {"method": method, **({} if strict is None else {"strict": strict})}
    return {"ls_structured_output_format": {"kwargs": kept, "schema": schema}}
