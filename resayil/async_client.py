"""The client for event loops; signatures and drivers, as in `client`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Self, Unpack

import httpx
from pydantic import SecretStr

from resayil.async_pools import AsyncPool
from resayil.async_transport import AsyncIO, arun
from resayil.billing import Balance, Topup
from resayil.books import Books
from resayil.calls import Calls
from resayil.client import shown, split
from resayil.config import ClientOptions, Settings, held
from resayil.credits import Cost, CreditPolicy, Forecast
from resayil.errors import ResayilError, without_frames
from resayil.events import StreamEvent, TextDelta
from resayil.limiters import OnWait, limiter_for
from resayil.messages import ChatResponse, Conversation
from resayil.models import ModelInfo
from resayil.opened import Opened
from resayil.options import ChatOptions, RequestOptions, build_request
from resayil.tokens import TokenCount
from resayil.transport import CLOCK


class AsyncClient:
    """The API, for event loops; the same as `Client`, awaited.

    One client serves several loops, one after another or in threads: each has its own connections.
    """

    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        on_wait: OnWait | None = None,
        **settings: Unpack[ClientOptions],
    ) -> None:
        api_key = held(api_key)
        self.settings = Settings.load(api_key=api_key, base_url=base_url, **settings)
        self._calls = Calls(self.settings, CLOCK)
        self._pool = AsyncPool(
            self.settings, transport, limiter_for(self.settings, on_wait), Books(self.settings)
        )

    async def chat(self, model: str, messages: Conversation, **options: Unpack[ChatOptions]) -> ChatResponse:
        """As `Client.chat`."""
        request, how = split(model, messages, options)
        return await arun(self._calls.chat(request, how), AsyncIO(self._pool))

    async def stream(
        self, model: str, messages: Conversation, **options: Unpack[ChatOptions]
    ) -> AsyncChatStream:
        """As `Client.stream`: awaited, it returns once the first event has come."""
        request, how = split(model, messages, options)
        io = AsyncIO(self._pool)
        return AsyncChatStream(await arun(self._calls.stream(request, how), io), io)

    async def models(self, *, include_inactive: bool = False, category: str | None = None) -> list[ModelInfo]:
        """As `Client.models`."""
        return await arun(
            self._calls.models(include_inactive=include_inactive, category=category), AsyncIO(self._pool)
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
        """As `Client.catalogue`."""
        return self._calls.learned.catalogue

    @catalogue.setter
    def catalogue(self, known: Mapping[str, ModelInfo]) -> None:
        self._calls.learned.catalogue = known

    async def count_tokens(
        self, model: str, messages: Conversation, **options: Unpack[RequestOptions]
    ) -> TokenCount:
        """As `Client.count_tokens`."""
        request = build_request(model, messages, options)
        return await arun(self._calls.count_tokens(request), AsyncIO(self._pool))

    async def forecast(
        self, model: str, messages: Conversation, **options: Unpack[RequestOptions]
    ) -> Forecast:
        """As `Client.forecast`."""
        request = build_request(model, messages, options)
        return await arun(self._calls.forecast(request), AsyncIO(self._pool))

    async def take_slot(self, *, limit_max_wait: float | None = None) -> None:
        """As `Client.take_slot`."""
        await arun(self._calls.take_slot({"limit_max_wait": limit_max_wait}), AsyncIO(self._pool))

    async def balance(self) -> Balance:
        """As `Client.balance`."""
        return await arun(self._calls.balance(), AsyncIO(self._pool))

    async def topups(self) -> list[Topup]:
        """As `Client.topups`."""
        return await arun(self._calls.topups(), AsyncIO(self._pool))

    async def topup_history(self, page: int = 1) -> list[Topup]:
        """As `Client.topup_history`."""
        return await arun(self._calls.topup_history(page), AsyncIO(self._pool))

    async def aclose(self) -> None:
        """Close the connections of this loop; the client cannot be used after it."""
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return shown(self)


class AsyncChatStream:
    """As `ChatStream`, on an event loop."""

    def __init__(self, opened: Opened, io: AsyncIO) -> None:
        self._opened = opened
        self._io = io

    async def __aiter__(self) -> AsyncGenerator[StreamEvent, None]:
        opened, session = self._opened, self._opened.session
        first, piece = opened.take(), None
        try:
            for event in first:
                yield event
            if opened.error is not None:
                raise opened.error
            while not session.complete:
                piece = await self._io.read(session.due)
                for event in session.feed(piece) if isinstance(piece, bytes) else session.close(piece):
                    yield event
                session.check()
            if not opened.told:
                opened.told = True
                yield session.end
            await self._io.drain()
        except ResayilError as error:
            piece = None  # as above
            raise without_frames(error) from error.__cause__
        finally:
            await self.aclose()

    async def text(self) -> AsyncGenerator[str, None]:
        """As `ChatStream.text`."""
        async for event in self:
            if isinstance(event, TextDelta):
                yield event.text

    def response(self) -> ChatResponse:
        """As `ChatStream.response`."""
        return self._opened.session.response()

    async def aclose(self) -> None:
        """As `ChatStream.close`."""
        await self._io.close()
        if (finish := self._opened.finished()) is not None:
            await arun(finish, self._io)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
