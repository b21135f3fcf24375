"""What a chat model is made of: its settings, its connections, and what is known of its model."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import (
    AliasChoices,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from langchain_resayil import clients
from langchain_resayil.convert import read_messages
from langchain_resayil.counting import Counts
from langchain_resayil.errors import langchain_errors
from langchain_resayil.options import read_tools
from langchain_resayil.profiles import profile
from langchain_resayil.rate_limiter import ResayilRateLimiter
from resayil import (
    ChatRequest,
    CreditPolicy,
    Forecast,
    Message,
    ModelInfo,
    Settings,
    TokenCount,
    __version__,
)
from resayil.config import ReplayPolicy
from resayil.images import MAX_IMAGE_BYTES
from resayil.models import SNAPSHOT, bare
from resayil.options import build_request
from resayil.tokens import estimate_request, estimate_text

if TYPE_CHECKING:
    from resayil import AsyncClient, Client

CALL_FIELDS = ("max_tokens", "temperature", "top_p", "top_k", "stop", "seed", "extra_body")
_CLIENT_FIELDS = (
    "api_key", "base_url", "api", "deadline", "max_retries", "vision_model", "history_images",
    "tool_result_style", "reasoning_replay", "stream_usage", "extra_headers", "credit_policy",
)  # fmt: skip


class ConfiguredModel(BaseChatModel):
    """The settings of a chat model.

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
        streaming: Let ``invoke`` use a stream too; ``False`` never streams, ``None`` as asked.
        stream_usage: Ask for usage in streams.
        token_counting: Count by the ``local`` estimate, without a request, or ``remote``, by the service.
        credit_policy: How tokens become credits, see `resayil.CreditPolicy`.
        vision_model: The model that answers while the newest user turn holds an image.
        history_images: Images in the history of a model that does not see: ``error``, ``send`` or ``note``.
        tool_result_style: Tool turns ``native``, as ``text``, or ``auto``.
        reasoning_replay: Reasoning in the history is sent back ``never``, in ``tool_turns``, or ``always``;
            also by model, with ``*`` for all others.
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
    streaming: bool | None = None
    stream_usage: bool = True
    vision_model: str | None = None
    history_images: Literal["error", "send", "note"] | None = None
    tool_result_style: Literal["auto", "native", "text"] | None = None
    reasoning_replay: ReplayPolicy | None = None
    token_counting: Literal["local", "remote"] = "local"  # noqa: S105 - no secret, tokens of text
    credit_policy: CreditPolicy | None = Field(default=None, exclude=True, repr=False)
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

    _counts: Counts = PrivateAttr(default_factory=Counts)

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
        shown = ("model", "base_url", "api", *CALL_FIELDS, "model_kwargs")
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
        return clients.client(self.http_transport, self._settings())

    def _async_client(self) -> AsyncClient:
        return clients.async_client(self.http_async_transport, self._settings())

    def close(self) -> None:
        """Close the connections of synchronous calls, which all models of this configuration share."""
        client = clients.released(self.http_transport, self._settings())
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close the connections of this event loop, which all models of this configuration share."""
        client = clients.async_released(self.http_async_transport, self._settings())
        if client is not None:
            await client.aclose()

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile(self.model, SNAPSHOT)

    @model_validator(mode="after")
    def _replace_profile(self) -> Self:
        """A copy with another model, as ``configurable_fields`` makes it, leaves the old one's profile."""
        named = (self.profile or {}).get("name", self.model)
        if bare(named) != bare(self.model) and self.profile == profile(named, SNAPSHOT):
            self.profile = self._resolve_model_profile()
        return self

    def list_models(self, *, include_inactive: bool = False, category: str | None = None) -> list[ModelInfo]:
        """The live model list, by one request; from then on it tells this model's profile and credits.

        Args:
            include_inactive: Also models that the service lists but does not serve.
            category: Only models of this category.

        Raises:
            ModelError: see `langchain_resayil.errors`.
        """
        with langchain_errors():
            client = self._client()
            found = client.models(include_inactive=include_inactive, category=category)
        self._learn(client.catalogue)
        return found

    async def alist_models(
        self, *, include_inactive: bool = False, category: str | None = None
    ) -> list[ModelInfo]:
        """As `list_models`."""
        with langchain_errors():
            client = self._async_client()
            found = await client.models(include_inactive=include_inactive, category=category)
        self._learn(client.catalogue)
        return found

    def _learn(self, catalogue: Mapping[str, ModelInfo]) -> None:
        self._client().catalogue = self._async_client().catalogue = catalogue
        self.profile = profile(self.model, catalogue)

    def get_num_tokens(self, text: str) -> int:
        """Tokens of a text, by the local estimate: its rates are those of Arabic, Latin and other letters."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return round(estimate_text(text, self.model).likely)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Tokens of a prompt with its tools, without a request unless ``token_counting`` is ``remote``."""
        return self.count_tokens(messages, tools=tools).tokens

    def count_tokens(self, prompt: LanguageModelInput, *, tools: Sequence[Any] | None = None) -> TokenCount:
        """Tokens of a prompt, with bounds: an estimate, or the service's count, asked for once.

        Args:
            prompt: What the model would be given.
            tools: Tools that would be offered with it.

        Raises:
            ModelError: see `langchain_resayil.errors`.
        """
        with langchain_errors():
            request = self._prompt(prompt, tools)
            if (known := self._known(request)) is not None:
                return known
            count = self._client().count_tokens(self.model, request.messages, tools=request.tools)
            return self._counts.keep(request, count)

    async def acount_tokens(
        self, prompt: LanguageModelInput, *, tools: Sequence[Any] | None = None
    ) -> TokenCount:
        """As `count_tokens`."""
        with langchain_errors():
            request = self._prompt(prompt, tools)
            if (known := self._known(request)) is not None:
                return known
            client = self._async_client()
            count = await client.count_tokens(self.model, request.messages, tools=request.tools)
            return self._counts.keep(request, count)

    def forecast(
        self,
        prompt: LanguageModelInput,
        *,
        tools: Sequence[Any] | None = None,
        max_tokens: int | None = None,
    ) -> Forecast:
        """What a call will cost in credits, estimated without a request: low, likely, high.

        Args:
            prompt: What the model would be given.
            tools: Tools that would be offered with it.
            max_tokens: Upper bound of the answer, by default the model's own.

        Raises:
            ModelError: see `langchain_resayil.errors`.
        """
        with langchain_errors():
            client, count = self._client(), estimate_request(self._prompt(prompt, tools))
            settings = client.settings
            assumed = settings.default_max_tokens if settings.api == "messages" else settings.assumed_output
            longest = max_tokens or self.max_tokens or assumed
            return client.credit_policy.forecast(count, self.model, client.catalogue, max_output=longest)

    def _prompt(self, prompt: LanguageModelInput, tools: Sequence[Any] | None) -> ChatRequest:
        turns = self._read(self._convert_input(prompt).to_messages())
        return build_request(self.model, turns, {"tools": read_tools(tools or ())})

    def _read(self, messages: list[BaseMessage]) -> tuple[Message, ...]:
        largest = self.client_options.get("max_image_bytes", MAX_IMAGE_BYTES)
        return read_messages(messages, max_image_bytes=largest)

    def _known(self, request: ChatRequest) -> TokenCount | None:
        """A count that needs no request."""
        if self.token_counting == "remote" and request.messages:  # noqa: S105 - as above
            return self._counts.get(request)
        return estimate_request(request)
