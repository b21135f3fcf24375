"""The chat model."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, BaseRunManager, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.rate_limiters import BaseRateLimiter
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from langchain_resayil.answers import OutputVersion, ai_message
from langchain_resayil.chunks import ChunkMaker
from langchain_resayil.convert import read_messages
from langchain_resayil.errors import langchain_errors
from langchain_resayil.options import read_options, read_tools
from langchain_resayil.rate_limiter import ResayilRateLimiter
from langchain_resayil.stream_events import EventMaker
from langchain_resayil.structured import Method, structured
from resayil import AsyncClient, ChatResponse, Client, Message, Settings, StreamEvent, __version__
from resayil.images import MAX_IMAGE_BYTES
from resayil.sharing import release, shared

if TYPE_CHECKING:
    from langchain_protocol.protocol import MessagesData

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_CALL_FIELDS = ("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "extra_body")
_CLIENT_FIELDS = (
    "api_key", "base_url", "api", "deadline", "max_retries", "vision_model", "history_images",
    "tool_result_style", "reasoning_replay", "stream_usage", "extra_headers",
)  # fmt: skip


class Maker(Protocol[T_co]):
    """Turns the core's events into a host's."""

    def feed(self, event: StreamEvent) -> Sequence[T_co]:
        """What an event makes."""
        ...


class _Call(NamedTuple):
    """What one call sends."""

    model: str
    messages: tuple[Message, ...]
    options: dict[str, Any]


class ChatResayil(BaseChatModel):
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

    Attributes:
        model: The model's id; also as ``model_name``.
        api_key: The key; ``LLM_RESAYIL_API_KEY`` or ``RESAYIL_API_KEY`` by default. Never pickled.
        base_url: The service's address in any form; ``RESAYIL_BASE_URL`` or the documented one by default.
        api: Dialect; ``auto`` is the chat dialect, which can say everything.
        temperature: 0 to 2; to 1 on the messages dialect.
        max_tokens: Upper bound of the answer, in tokens.
        top_p: Nucleus sampling, 0 to 1.
        top_k: Sampling among the k likeliest tokens; messages dialect only.
        seed: Sampling seed; chat dialect only.
        stop: Texts at which the model stops; also as ``stop_sequences``.
        timeout: Seconds of silence on the wire; also as ``request_timeout``.
        deadline: Seconds for a whole call, attempts, waits and stream included.
        max_retries: Attempts after the first.
        streaming: Let ``invoke`` use a stream too.
        stream_usage: Ask for usage in streams.
        vision_model: The model that answers while the newest user turn holds an image.
        history_images: Images in the history of a model that does not see: ``error``, ``send`` or ``note``.
        tool_result_style: Tool turns ``native``, as ``text``, or ``auto``.
        reasoning_replay: Reasoning in the history is sent back ``never``, in ``tool_turns``, or ``always``.
        extra_headers: Headers of every request.
        extra_body: Further fields of every body, as the service knows them.
        model_kwargs: Further keyword arguments of every call, such as ``parallel_tool_calls``.
        client_options: Further settings of the core client, see `resayil.Settings`.
        http_transport: An httpx transport for synchronous calls, such as the emulator's.
        http_async_transport: The same for asynchronous calls.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)

    model: str = Field(validation_alias=AliasChoices("model", "model_name"))
    api_key: SecretStr | None = None
    base_url: str | None = None
    api: Literal["auto", "chat", "messages"] | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: list[str] | None = Field(default=None, validation_alias=AliasChoices("stop", "stop_sequences"))
    timeout: float | None = Field(default=None, validation_alias=AliasChoices("timeout", "request_timeout"))
    deadline: float | None = None
    max_retries: int | None = None
    streaming: bool = False
    stream_usage: bool = True
    vision_model: str | None = None
    history_images: Literal["error", "send", "note"] | None = None
    tool_result_style: Literal["auto", "native", "text"] | None = None
    reasoning_replay: Literal["never", "tool_turns", "always"] | None = None
    extra_headers: dict[str, str] | None = None
    extra_body: dict[str, Any] | None = None
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    client_options: dict[str, Any] = Field(default_factory=dict)
    http_transport: Any = Field(default=None, exclude=True, repr=False)
    http_async_transport: Any = Field(default=None, exclude=True, repr=False)

    @field_validator("client_options")
    @classmethod
    def _check_client_options(cls, given: dict[str, Any]) -> dict[str, Any]:
        own = {*_CLIENT_FIELDS, "read_timeout"}
        unknown = sorted(given.keys() - (Settings.model_fields.keys() - own))
        if unknown:
            raise ValueError(
                f"client_options cannot set {', '.join(unknown)}; see the fields of resayil.Settings"
            )
        return given

    @field_validator("rate_limiter")
    @classmethod
    def _check_rate_limiter(cls, given: BaseRateLimiter | None) -> BaseRateLimiter | None:
        if isinstance(given, ResayilRateLimiter):
            raise ValueError(  # noqa: TRY004 - pydantic's way to refuse a value
                "ChatResayil takes its slots in the core, one per request; with ResayilRateLimiter each call "
                "would take two. Set requests_per_minute in client_options instead."
            )
        return given

    @model_validator(mode="after")
    def _tell_version(self) -> Self:
        self._add_version("langchain-resayil", __version__)
        return self

    @property
    def model_name(self) -> str:
        """The model's id, under the name that many tools of LangChain look for."""
        return self.model

    @property
    def _llm_type(self) -> str:
        return "resayil-chat"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        shown = ("model", "base_url", "api", *_CALL_FIELDS, "model_kwargs")
        return {name: value for name in shown if (value := getattr(self, name)) is not None}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether the model can be serialised; the key becomes the name of its variable."""
        return True

    @property
    def lc_secrets(self) -> builtins.dict[str, str]:
        """The fields that hold secrets, and the variables that hold them instead."""
        return {"api_key": "LLM_RESAYIL_API_KEY"}

    def __getstate__(self) -> builtins.dict[Any, Any]:
        state = super().__getstate__()
        left_out = {"api_key": None, "http_transport": None, "http_async_transport": None}
        return {**state, "__dict__": {**state["__dict__"], **left_out}}

    def _settings(self) -> builtins.dict[str, Any]:
        given = {name: getattr(self, name) for name in _CLIENT_FIELDS}
        return {**given, "read_timeout": self.timeout, **self.client_options}

    def _client(self) -> Client:
        return shared(Client, self.http_transport, self._settings())

    def _async_client(self) -> AsyncClient:
        return shared(AsyncClient, self.http_async_transport, self._settings())

    def close(self) -> None:
        """Close the connections of synchronous calls, which all models of this configuration share."""
        client = release(Client, self.http_transport, self._settings())
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop, which all models of this configuration share."""
        client = release(AsyncClient, self.http_async_transport, self._settings())
        if client is not None:
            await client.aclose()

    @property
    def _form(self) -> OutputVersion:
        return "v1" if self.output_version == "v1" else "v0"

    def _call(self, messages: list[BaseMessage], stop: list[str] | None, given: Mapping[str, Any]) -> _Call:
        """What a call sends: the model's own settings, then those of this call."""
        own = {name: getattr(self, name) for name in _CALL_FIELDS}
        own = {**own, **self.model_kwargs}
        asked = {**own, **given, **({} if stop is None else {"stop": stop})}
        names = [asked.pop(name, None) for name in ("model", "model_name")]
        largest = self.client_options.get("max_image_bytes", MAX_IMAGE_BYTES)
        turns = read_messages(messages, max_image_bytes=largest)
        return _Call(next(filter(None, names), self.model), turns, read_options(asked))

    def _result(self, response: ChatResponse) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=ai_message(response, self._form))])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            return self._result(self._client().chat(call.model, call.messages, **call.options))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's signature
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            call = self._call(messages, stop, kwargs)
            return self._result(await self._async_client().chat(call.model, call.messages, **call.options))

    def _told(
        self,
        maker: Callable[[Callable[[], ChatResponse]], Maker[T]],
        messages: list[BaseMessage],
        stop: list[str] | None,
        given: Mapping[str, Any],
    ) -> Iterator[T]:
        """A stream, as its maker tells it."""
        with langchain_errors():
            call = self._call(messages, stop, given)
            with self._client().stream(call.model, call.messages, **call.options) as stream:
                feed = maker(stream.response).feed
                for event in stream:
                    yield from feed(event)

    async def _atold(
        self,
        maker: Callable[[Callable[[], ChatResponse]], Maker[T]],
        messages: list[BaseMessage],
        stop: list[str] | None,
        given: Mapping[str, Any],
    ) -> AsyncGenerator[T, None]:
        with langchain_errors():
            call = self._call(messages, stop, given)
            stream = await self._async_client().stream(call.model, call.messages, **call.options)
            async with stream, aclosing(aiter(stream)) as events:
                feed = maker(stream.response).feed
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
        for chunk in self._told(self._chunks, messages, stop, kwargs):
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
        async with aclosing(self._atold(self._chunks, messages, stop, kwargs)) as chunks:
            async for chunk in chunks:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _chunks(self, response: Callable[[], ChatResponse]) -> ChunkMaker:
        return ChunkMaker(self._form, response)

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


def _events(run_manager: BaseRunManager | None) -> Callable[[Callable[[], ChatResponse]], EventMaker]:
    return partial(EventMaker, run_id=run_manager.run_id if run_manager else None)
