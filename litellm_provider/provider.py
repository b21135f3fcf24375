"""The handler that LiteLLM calls: it reads the call, asks the core, and gives the answer back.

It sends nothing itself. LiteLLM calls every method by keyword, so they take what comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, nullcontext
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

import litellm
from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import ModelResponse, ModelResponseStream

from litellm_provider.chunks import ChunkMaker
from litellm_provider.errors import before_first_chunk, litellm_errors
from litellm_provider.prices import PROVIDER, price_map
from litellm_provider.replies import fill
from litellm_provider.requests import PRICES, SETTINGS, Call, read_call, under_router
from resayil.async_client import AsyncChatStream, AsyncClient
from resayil.client import ChatStream, Client
from resayil.errors import UnsupportedError
from resayil.models import SNAPSHOT, ModelInfo
from resayil.sharing import shared
from resayil.tokens import TokenCount

C = TypeVar("C", Client, AsyncClient)

_OWN_SETTINGS = SETTINGS | PRICES | {"api_key", "base_url", "max_retries"}


class ResayilLLM(CustomLLM):
    """LiteLLM's handler for ``resayil/<model>``.

    Args:
        settings: Settings of the core's client, and ``credit_price`` and ``credit_multiplier``, for calls
            that bring none of their own.

    Raises:
        TypeError: a setting that is not known.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        unknown = sorted(settings.keys() - _OWN_SETTINGS)
        if unknown:
            raise TypeError(f"ResayilLLM has no setting {', '.join(unknown)}; see resayil.Settings.")
        self._defaults = settings

    def completion(self, *_: Any, **given: Any) -> ModelResponse:
        """One whole answer."""
        with litellm_errors(given["model"]):
            call = self._call(given)
            response = self._client(Client, call).chat(call.model, call.messages, **call.options)
            return fill(given["model_response"], response, call)

    async def acompletion(self, *_: Any, **given: Any) -> ModelResponse:
        """As `completion`."""
        with litellm_errors(given["model"]):
            call = self._call(given)
            client = self._client(AsyncClient, call)
            response = await client.chat(call.model, call.messages, **call.options)
            return fill(given["model_response"], response, call)

    def streaming(  # type: ignore[override] # LiteLLM takes chunks of this class too
        self, *_: Any, **given: Any
    ) -> Iterator[ModelResponseStream]:
        """An answer as it is written; the connection is opened at once, so that errors are the call's."""
        with litellm_errors(given["model"]):
            call = self._call(given, stream=True)
            stream = self._client(Client, call).stream(call.model, call.messages, **call.options)
            return _chunks(stream, call)

    async def astreaming(  # type: ignore[override] # the same
        self, *_: Any, **given: Any
    ) -> AsyncIterator[ModelResponseStream]:
        """As `streaming`, but LiteLLM gives it no running loop until the first chunk is asked for."""
        early = before_first_chunk() if under_router(given) else nullcontext()
        with litellm_errors(given["model"]):
            with early, litellm_errors(given["model"]):
                call = self._call(given, stream=True)
                client = self._client(AsyncClient, call)
                stream = await client.stream(call.model, call.messages, **call.options)
            async with stream, aclosing(aiter(stream)) as events:
                chunks = _maker(call, stream)
                async for event in events:
                    for chunk in chunks.feed(event):
                        yield chunk

    def embedding(self, *_: Any, **given: Any) -> NoReturn:
        """Refused: the service has no embeddings."""
        _refuse(given, "The service offers no embeddings")

    async def aembedding(self, *_: Any, **given: Any) -> NoReturn:
        """As `embedding`."""
        _refuse(given, "The service offers no embeddings")

    def image_generation(self, *_: Any, **given: Any) -> NoReturn:
        """Refused: the service draws no images."""
        _refuse(given, "The service generates no images")

    async def aimage_generation(self, *_: Any, **given: Any) -> NoReturn:
        """As `image_generation`."""
        _refuse(given, "The service generates no images")

    def image_edit(self, *_: Any, **given: Any) -> NoReturn:
        """Refused: the service edits no images."""
        _refuse(given, "The service edits no images")

    async def aimage_edit(self, *_: Any, **given: Any) -> NoReturn:
        """As `image_edit`."""
        _refuse(given, "The service edits no images")

    def count_tokens(self, model: str, messages: Iterable[Mapping[str, Any]], **given: Any) -> TokenCount:
        """Tokens of a prompt, as the service counts them; LiteLLM's ``token_counter`` guesses."""
        with litellm_errors(model):
            call = self._call(_asked(model, messages, given))
            return self._client(Client, call).count_tokens(
                call.model, call.messages, tools=call.options["tools"]
            )

    async def acount_tokens(
        self, model: str, messages: Iterable[Mapping[str, Any]], **given: Any
    ) -> TokenCount:
        """As `count_tokens`."""
        with litellm_errors(model):
            call = self._call(_asked(model, messages, given))
            client = self._client(AsyncClient, call)
            return await client.count_tokens(call.model, call.messages, tools=call.options["tools"])

    def _call(self, given: Mapping[str, Any], *, stream: bool = False) -> Call:
        return read_call(given, self._defaults, stream=stream)

    @staticmethod
    def _client(kind: type[C], call: Call) -> C:
        with litellm_errors(call.model, setup=True):
            return shared(kind, None, call.settings)


def _chunks(stream: ChatStream, call: Call) -> Iterator[ModelResponseStream]:
    with litellm_errors(call.model), stream:
        chunks = _maker(call, stream)
        for event in stream:
            yield from chunks.feed(event)


def _maker(call: Call, stream: ChatStream | AsyncChatStream) -> ChunkMaker:
    return ChunkMaker(call, stream.response)


def _refuse(given: Mapping[str, Any], fact: str) -> NoReturn:
    model = str(given.get("model") or PROVIDER)
    with litellm_errors(model):
        raise UnsupportedError(f"{fact}; {PROVIDER}/ models answer chats only.")


def _asked(model: str, messages: Iterable[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """A count's arguments as those of a call."""
    params = dict(given)
    return {
        "model": model.removeprefix(f"{PROVIDER}/"),
        "messages": list(messages),
        "api_key": params.pop("api_key", None),
        "api_base": params.pop("api_base", None),
        "optional_params": params,
    }


handler = ResayilLLM()
"""The instance that a proxy's configuration names: ``litellm_provider.handler``."""

count_tokens = handler.count_tokens
acount_tokens = handler.acount_tokens


def register(
    models: Iterable[ModelInfo] = SNAPSHOT.values(),
    *,
    credit_price: Decimal | float | str | None = None,
    instance: ResayilLLM | None = None,
) -> ResayilLLM:
    """Tell LiteLLM of the provider and of its models; as often as one likes.

    Args:
        models: The models, such as ``Client.models()`` lists; what the documents name by default.
        credit_price: What a credit costs, for LiteLLM's price map. The cost of a call is exact only where
            its deployment or the instance has a ``credit_price`` too.
        instance: The handler to use instead of the module's.

    Returns:
        The handler in use.
    """
    chosen = instance or (handler if credit_price is None else ResayilLLM(credit_price=credit_price))
    others = [item for item in litellm.custom_provider_map if item["provider"] != PROVIDER]
    litellm.custom_provider_map = [*others, {"provider": PROVIDER, "custom_handler": chosen}]
    litellm.utils.custom_llm_setup()  # type: ignore[no-untyped-call] # LiteLLM's
    litellm.register_model(price_map(models, credit_price))
    return chosen
