"""The client for threads: signatures and drivers, nothing else.

`Client` and `AsyncClient` say the same and share every decision; `Calls` makes the flows, `transport`
performs them. What is for event loops stands apart, so that whoever has none does not import asyncio.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self, Unpack

import httpx
from pydantic import SecretStr

from resayil.billing import Balance, Topup
from resayil.books import Books
from resayil.calls import Calls
from resayil.config import ClientOptions, Settings, held
from resayil.credits import Cost, CreditPolicy, Forecast
from resayil.errors import ResayilError, without_frames
from resayil.events import StreamEvent, TextDelta
from resayil.limiters import OnWait, limiter_for
from resayil.messages import ChatRequest, ChatResponse, Conversation
from resayil.models import ModelInfo
from resayil.opened import Opened
from resayil.options import CALL_OPTIONS, CallOptions, ChatOptions, RequestOptions, build_request
from resayil.pools import SyncPool
from resayil.tokens import TokenCount
from resayil.transport import CLOCK, SyncIO, run


def split(model: str, messages: Conversation, options: ChatOptions) -> tuple[ChatRequest, CallOptions]:
    """What a call says, and how it is made."""
    given: dict[str, Any] = dict(options)
    how = {name: given.pop(name) for name in CALL_OPTIONS & given.keys()}
    return build_request(model, messages, given), how  # type: ignore[arg-type,return-value] # the two halves of ChatOptions


def shown(client: object) -> str:
    """A client's repr, which a traceback with local variables asks for before the client is whole."""
    settings: Settings | None = getattr(client, "settings", None)
    return f"{type(client).__name__}({'' if settings is None else f'base_url={settings.base_url!r}'})"


class Client:
    """The API, for threads.

    Args:
        api_key: The key; ``LLM_RESAYIL_API_KEY`` or ``RESAYIL_API_KEY`` by default.
        base_url: The service's address in any form; ``RESAYIL_BASE_URL`` or the documented one by default.
        transport: An httpx transport, such as the emulator's.
        on_wait: Called with a `Waiting` before a request waits for its turn: who, how long, behind how many.
        settings: See `Settings`.

    Raises:
        ConfigurationError: key, base URL or a setting is unusable.
    """

    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        on_wait: OnWait | None = None,
        **settings: Unpack[ClientOptions],
    ) -> None:
        api_key = held(api_key)
        self.settings = Settings.load(api_key=api_key, base_url=base_url, **settings)
        self._calls = Calls(self.settings, CLOCK)
        self._pool = SyncPool(
            self.settings, transport, limiter_for(self.settings, on_wait), Books(self.settings)
        )

    def chat(self, model: str, messages: Conversation, **options: Unpack[ChatOptions]) -> ChatResponse:
        """One whole answer.

        Args:
            model: The model's id.
            messages: A user's text, a message, or the conversation so far.
            options: See `RequestOptions` and `CallOptions`.

        Raises:
            ResayilError: see the tree in `resayil.errors`.
        """
        request, how = split(model, messages, options)
        return run(self._calls.chat(request, how), SyncIO(self._pool))

    def stream(self, model: str, messages: Conversation, **options: Unpack[ChatOptions]) -> ChatStream:
        """An answer as it is written; returns once its first event has come.

        Raises:
            ResayilError: see the tree in `resayil.errors`.
        """
        request, how = split(model, messages, options)
        io = SyncIO(self._pool)
        return ChatStream(run(self._calls.stream(request, how), io), io)

    def models(self, *, include_inactive: bool = False, category: str | None = None) -> list[ModelInfo]:
        """The live model list, without the inactive ones unless asked."""
        return run(
            self._calls.models(include_inactive=include_inactive, category=category), SyncIO(self._pool)
        )

    @property
    def credit_policy(self) -> CreditPolicy:
        """How tokens become credits: as set, or as the balances in the ledger have told."""
        return self._calls.accounts.policy

    def cost(self, response: ChatResponse) -> Cost:
        """What an answer has cost in credits, by `credit_policy` and the known models."""
        return self.credit_policy.cost(response.usage, response.model, self.catalogue)

    @property
    def catalogue(self) -> Mapping[str, ModelInfo]:
        """What is known of the models: the documents' snapshot, or the list that `models` fetched last.

        It tells credits, who sees, and the nearest ids of a wrong one. Set it to a list fetched elsewhere.
        """
        return self._calls.learned.catalogue

    @catalogue.setter
    def catalogue(self, known: Mapping[str, ModelInfo]) -> None:
        self._calls.learned.catalogue = known

    def count_tokens(
        self, model: str, messages: Conversation, **options: Unpack[RequestOptions]
    ) -> TokenCount:
        """Tokens of a prompt: by the service where it counts, else a local estimate, marked as one."""
        request = build_request(model, messages, options)
        return run(self._calls.count_tokens(request), SyncIO(self._pool))

    def forecast(self, model: str, messages: Conversation, **options: Unpack[RequestOptions]) -> Forecast:
        """What a call will cost in credits, before it is made: low, likely, high; always an estimate.

        The prompt is counted by the service where it counts, else estimated here.
        """
        request = build_request(model, messages, options)
        return run(self._calls.forecast(request), SyncIO(self._pool))

    def take_slot(self, *, limit_max_wait: float | None = None) -> None:
        """Wait for a slot of the key's limit and take it, for a request that another program sends.

        The client's own requests take theirs by themselves.

        Args:
            limit_max_wait: Seconds that this may take; as in the settings by default.

        Raises:
            LocalRateLimitError: it would take longer; no slot is taken.
        """
        run(self._calls.take_slot({"limit_max_wait": limit_max_wait}), SyncIO(self._pool))

    def balance(self) -> Balance:
        """The credits left."""
        return run(self._calls.balance(), SyncIO(self._pool))

    def topups(self) -> list[Topup]:
        """The credit packs for sale; buying is done on the web."""
        return run(self._calls.topups(), SyncIO(self._pool))

    def topup_history(self, page: int = 1) -> list[Topup]:
        """The credit packs bought."""
        return run(self._calls.topup_history(page), SyncIO(self._pool))

    def close(self) -> None:
        """Close all connections; the client cannot be used after it."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return shown(self)


class ChatStream:
    """The events of one answer; iterate once, then ask for ``response()``.

    Leaving the loop early, by ``break``, an exception or ``close()``, closes the connection.
    """

    def __init__(self, opened: Opened, io: SyncIO) -> None:
        self._opened = opened
        self._io = io

    def __iter__(self) -> Iterator[StreamEvent]:
        opened, session = self._opened, self._opened.session
        first, piece = opened.take(), None
        try:
            yield from first
            if opened.error is not None:
                raise opened.error
            while not session.complete:
                piece = self._io.read(session.due)
                if isinstance(piece, bytes):
                    yield from session.feed(piece)
                    session.check()
                else:
                    yield from session.close(piece)
            if not opened.told:
                opened.told = True
                yield session.end
            self._io.drain()
        except ResayilError as error:
            piece = None  # it may echo the key, and a traceback can show the locals of its frames
            raise without_frames(error) from error.__cause__
        finally:
            self.close()

    def text(self) -> Iterator[str]:
        """The fragments of the answer's text alone."""
        for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    def response(self) -> ChatResponse:
        """The whole answer, once the stream has been read to its end.

        Raises:
            StreamInterruptedError: it has not.
        """
        return self._opened.session.response()

    def close(self) -> None:
        """Close the connection; what has come by then is what the call has cost."""
        self._io.close()
        if (finish := self._opened.finished()) is not None:
            run(finish, self._io)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
