"""The chat model."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, BaseRunManager, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel

from langchain_resayil.answers import CostOf, OutputVersion, ai_message
from langchain_resayil.chunks import ChunkMaker
from langchain_resayil.configured import CALL_FIELDS, ConfiguredModel
from langchain_resayil.errors import langchain_errors
from langchain_resayil.options import read_options, read_tools
from langchain_resayil.stream_events import EventMaker
from langchain_resayil.structured import Method, structured
from resayil import ChatResponse, Message, StreamEvent

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

    from resayil import AsyncClient, Client

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Maker(Protocol[T_co]):
    """Turns the core's events into a host's."""

    def feed(self, event: StreamEvent) -> Sequence[T_co]:
        """What an event makes."""
        ...


MakerOf = Callable[[Callable[[], ChatResponse], CostOf], Maker[T]]
"""Makes one for an answer, given the whole of it at its end, and what it costs."""


class _Call(NamedTuple):
    """What one call sends."""

    model: str
    messages: tuple[Message, ...]
    options: dict[str, Any]


class ChatResayil(ConfiguredModel):
    """Chat models of the LLM Resayil API.

    Setup:
        Install ``resayil[langchain]`` and set ``LLM_RESAYIL_API_KEY``.

        ```python
        from langchain_resayil import ChatResayil

        model = ChatResayil(model="deepseek-v4-pro", vision_model="qwen3-vl:235b-instruct")
        model.invoke("ما عاصمة الكويت؟").text
        ```

    Each answer tells its tokens in ``usage_metadata``, and in ``response_metadata`` the estimated
    ``credits``, the ``adaptations`` that the request needed, the ``attempts`` made, and the ``request_id``.
    Reasoning stands in ``additional_kwargs["reasoning_content"]`` and in ``content_blocks``. Errors are the
    core's and LangChain's at once, see `langchain_resayil.errors`.

    The settings are listed in `ConfiguredModel`.
    """

    @property
    def _form(self) -> OutputVersion:
        return "v1" if self.output_version == "v1" else "v0"

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]) -> _Call:
        """What a call sends: the model's own settings, then those of this call."""
        own = {name: getattr(self, name) for name in CALL_FIELDS}
        own = {**own, **self.model_kwargs}
        asked = {**own, **given, **({} if stop is None else {"stop": stop})}
        names = [asked.pop(name, None) for name in ("model", "model_name")]
        return _Call(next(filter(None, names), self.model), self._read(messages), read_options(asked))

    def _answer(self, response: ChatResponse, client: Client | AsyncClient) -> ChatResult:
        message = ai_message(response, self._form, client.cost(response))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call, client = self._call(messages, stop, kwargs), self._client()
            return self._answer(client.chat(call.model, call.messages, **call.options), client)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call, client = self._call(messages, stop, kwargs), self._async_client()
            return self._answer(await client.chat(call.model, call.messages, **call.options), client)

    def _told(
        self, maker: MakerOf[T], messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> Iterator[T]:
        """A stream, as its maker tells it."""
        with langchain_errors():
            call, client = self._call(messages, stop, given), self._client()
            with client.stream(call.model, call.messages, **call.options) as stream:
                feed = maker(stream.response, client.cost).feed
                for event in stream:
                    yield from feed(event)

    async def _atold(
        self, maker: MakerOf[T], messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]
    ) -> AsyncGenerator[T, None]:
        with langchain_errors():
            call, client = self._call(messages, stop, given), self._async_client()
            stream = await client.stream(call.model, call.messages, **call.options)
            async with stream, aclosing(aiter(stream)) as events:
                feed = maker(stream.response, client.cost).feed
                async for event in events:
                    for told in feed(event):
                        yield told

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._told(partial(ChunkMaker, self._form), messages, stop, kwargs):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        told = self._atold(partial(ChunkMaker, self._form), messages, stop, kwargs)
        async with aclosing(told) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        *,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[MessagesData]:
        """The native source of ``stream_events(version="v3")``; LangChain tells the callbacks itself."""
        return self._told(_events(run_manager), messages, stop, kwargs)

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        *,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[MessagesData]:
        return self._atold(_events(run_manager), messages, stop, kwargs)

    def bind_tools(
        self,
        tools: Sequence[builtins.dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | bool | builtins.dict[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools to the model.

        Args:
            tools: LangChain's tools, functions, pydantic models, or dicts in OpenAI's or Anthropic's form.
            tool_choice: A tool's name, ``auto``, ``none``, ``any``, ``required`` or ``True``, or an object.
            strict: Ask the service to hold the model to the schemas.
            parallel_tool_calls: Whether several calls may come in one answer.
            response_format: JSON output beside the tools.
            kwargs: Further arguments of every call.
        """
        given = {
            "tool_choice": tool_choice or None,
            "parallel_tool_calls": parallel_tool_calls,
            "response_format": response_format,
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        return self.bind(tools=read_tools(tools, strict=strict), **chosen, **kwargs)

    def with_structured_output(
        self,
        schema: builtins.dict[str, Any] | type | None = None,
        *,
        method: Method = "function_calling",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, builtins.dict[str, Any] | BaseModel]:
        """Answers that satisfy a schema.

        The default is ``function_calling``: the service documents tools in both dialects and
        ``response_format`` in neither, and a server that ignores the latter answers in plain words.

        Args:
            schema: A pydantic model, a ``TypedDict``, or a JSON schema; JSON mode needs none.
            method: A forced tool call, a JSON schema, or JSON mode.
            include_raw: Answer a dict of ``raw``, ``parsed`` and ``parsing_error`` instead of raising.
            strict: Ask the service to hold the model to the schema.
            kwargs: Further arguments of every call.

        Raises:
            ValueError: the method is not known, or needs a schema.
        """
        return structured(self, schema, method=method, include_raw=include_raw, strict=strict, **kwargs)


def _events(run_manager: BaseRunManager | None) -> MakerOf[MessagesData]:
    return partial(EventMaker, run_id=run_manager.run_id if run_manager else None)
