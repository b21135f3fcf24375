"""The calls of the API as flows: chat, stream, models, token count, balance, top-ups."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from resayil.accounts import Accounts
from resayil.adapt import Style, place_images, restyle, wider_style
from resayil.billing import PLANS_PAGE, Balance, Topup, read_balance, read_topups
from resayil.capabilities import Capabilities
from resayil.codecs import CODECS, Codec
from resayil.codecs.envelopes import as_not_found, holds_error, names_model
from resayil.codecs.json_calls import by_call
from resayil.config import Settings, check_headers
from resayil.credits import Forecast
from resayil.effects import Head
from resayil.errors import (
    APIStatusError,
    BadRequestError,
    InsufficientCreditsError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    ResayilError,
)
from resayil.events import StreamEvent
from resayil.flow import Bounds, Clock, Exchange, Flow, media_type
from resayil.forms import FREED, reform, wider_form
from resayil.jsontext import dump_bytes, shown
from resayil.learned import Learned
from resayil.messages import ChatRequest, ChatResponse, Dialect
from resayil.models import ModelInfo, nearest, read_models, sees
from resayil.opened import Opened
from resayil.options import CallOptions, check_images, images
from resayil.retry import RetryPolicy, RetryQuota
from resayil.session import Provenance, Session
from resayil.tokens import TokenCount, estimate_request, read_count
from resayil.version import VERSION

LONG_PROMPT = 8_000
"""Estimated tokens above which a 503 is said to be possibly the prompt's length."""

_STREAM_TYPES = frozenset({"text/event-stream", "", "text/plain", "application/octet-stream"})
_NO_COUNTING = frozenset({404, 405, 422, 501})


class Calls:
    """Makes the flows of one client.

    Args:
        settings: How the client behaves.
        clock: Time and chance.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self._policy = RetryPolicy(
            max_retries=settings.max_retries,
            budget=settings.retry_budget,
            after_timeout=settings.resend_after_timeout,
            unhinted_429=settings.unhinted_429,
        )
        self._bounds = Bounds(
            settings.max_body_bytes,
            settings.max_error_bytes,
            settings.read_timeout,
            settings.gap_timeout,
            settings.deadline,
            math.inf if settings.limit_max_wait is None else settings.limit_max_wait,
        )
        known = Capabilities(settings.capabilities, settings.base_url)
        self.learned = Learned(known, monotonic=clock.monotonic)
        self._clock = clock
        self._quota = RetryQuota()
        self.accounts = Accounts(settings, self.learned, clock.wall)

    def chat(self, request: ChatRequest, options: CallOptions) -> Flow[ChatResponse]:
        """One whole answer."""
        return self._converse(request, options, self._whole, stream=False)

    def stream(self, request: ChatRequest, options: CallOptions) -> Flow[Opened]:
        """A stream up to its first event."""
        return self._converse(request, options, self._first_event, stream=True)

    def _converse(
        self, request: ChatRequest, options: CallOptions, receive: Callable[..., Any], *, stream: bool
    ) -> Flow[Any]:
        """One call: its images placed, its credits set aside, its answer accounted for."""
        dialect: Dialect = "messages" if (options.get("api") or self.settings.api) == "messages" else "chat"
        request, placed = self._with_images(request)
        if request.reasoning_replay == "never" and (replay := self.settings.replay(request.model)) != "never":
            request = replace(request, reasoning_replay=replay)
        yield from self._see_prices()
        ticket = yield from self.accounts.open(request, dialect, options.get("tag") or "")
        try:
            result = yield from self._said(request, options, receive, dialect, placed, stream=stream)
        except GeneratorExit:
            raise
        except BaseException as error:
            usage = error.usage if isinstance(error, ResayilError) else None
            yield from self.accounts.settle(ticket, usage)
            raise
        if isinstance(result, Opened):
            result.finish = partial(self.accounts.settle, ticket)
        else:
            yield from self.accounts.settle(ticket, result.usage)
        return result

    def _said(
        self,
        request: ChatRequest,
        options: CallOptions,
        receive: Callable[..., Any],
        dialect: Dialect,
        placed: tuple[str, ...],
        *,
        stream: bool,
    ) -> Flow[Any]:
        """Send a request, and again in another style where the server refuses how its turns are said."""
        exchange = self._exchange(options, request.model)
        headers = self._headers(options, dialect, stream=stream)
        first = style = self._style(request.model)
        while True:
            codec = self._codec(dialect, style)
            formed, reformed = reform(request, style)
            styled, restyled = restyle(formed, style)
            body = dump_bytes(codec.encode(styled, stream=stream, **self._saying(dialect, style)))
            said = (*placed, *reformed, *restyled, *codec.adaptations(styled))
            receiver = partial(receive, exchange=exchange, codec=codec, request=styled, said=said)
            try:
                result = yield from exchange.run(
                    "POST", self.settings.base_url + codec.path, headers, body, receiver
                )
            except BadRequestError as error:
                native = self.settings.tool_result_style == "native"
                wider = wider_form(request, style, error, dialect)
                wider = wider or wider_style(styled, style, error, text_turns_allowed=not native)
                if wider is None:
                    raise
                style = wider
            except APIStatusError as error:
                raise self._explained(error, request) from error.__cause__
            else:
                self._quota.give_back()
                if style != first:
                    self.learned.remember(request.model, style)
                if FREED in said:
                    self.learned.warn_once(f"{request.model} takes no forced tool choice: {FREED}.")
                return result

    def _style(self, model: str) -> Style:
        learned = self.learned.style(model) or Style()
        match self.settings.tool_result_style:
            case "text":
                return replace(learned, text_turns=True)
            case "native":
                return replace(learned, text_turns=False)
        return learned

    def _codec(self, dialect: Dialect, style: Style) -> Codec:
        codec = CODECS[dialect]
        return by_call(codec) if dialect == "chat" and style.json_by == "call" else codec

    def _saying(self, dialect: Dialect, style: Style) -> dict[str, Any]:
        """What a dialect is told beside the request."""
        settings = self.settings
        if dialect == "chat":
            return {"stream_usage": settings.stream_usage and not style.plain_stream}
        return {
            "default_max_tokens": settings.default_max_tokens,
            "allow_images": settings.allow_images_on_messages,
        }

    def _with_images(self, request: ChatRequest) -> tuple[ChatRequest, tuple[str, ...]]:
        """The request with its images where they can be seen, and what was changed for that."""
        if not any(message.has_image for message in request.messages):
            return request, ()
        check_images(request, self.settings.max_image_bytes)
        request, placed = place_images(
            request,
            vision_model=self.settings.vision_model,
            history_images=self.settings.history_images,
            catalogue=self.learned.catalogue,
        )
        if any(image.url for image in images(request)):
            self.learned.warn_once(
                "An https:// image goes through as it is; the documents name base64 images only."
            )
        if any(images(request)) and not sees(request.model, self.learned.catalogue):
            self.learned.warn_once(
                f"It is not known that {request.model} sees images; the server's answer decides."
            )
        return request, placed

    def _exchange(self, options: CallOptions, model: str | None = None) -> Exchange:
        policy, bounds = self._policy, self._bounds
        if (retries := options.get("max_retries")) is not None:
            policy = replace(policy, max_retries=retries)
        if (max_wait := options.get("limit_max_wait")) is not None:
            bounds = bounds._replace(max_wait=max_wait)
        if read_timeout := options.get("read_timeout"):
            bounds = bounds._replace(read_timeout=read_timeout)
        if deadline := options.get("deadline"):
            bounds = bounds._replace(deadline=deadline)

        def may_retry(error: ResayilError) -> bool:
            if model is not None and exchange.attempts > 1 and names_model(error, model):
                return False
            return self._quota.take(error)

        tag = options.get("tag") or ""
        exchange = Exchange(self.settings.secret, policy, bounds, self._clock, may_retry, tag=tag)
        return exchange

    def _headers(
        self, options: CallOptions, dialect: Dialect | None = None, *, stream: bool = False
    ) -> dict[str, str]:
        headers = {
            "accept": "text/event-stream" if stream else "application/json",
            "user-agent": f"resayil-python/{VERSION}",
            **self.settings.extra_headers,
        }
        if given := options.get("extra_headers"):
            headers |= check_headers(given)
        if dialect is not None:
            headers["content-type"] = "application/json"
        if dialect == "messages":
            headers["anthropic-version"] = "2023-06-01"
        return headers

    def _session(
        self, exchange: Exchange, codec: Codec, request: ChatRequest, said: tuple[str, ...]
    ) -> Session:
        provenance = Provenance(exchange.reply, exchange.attempts, exchange.maybe_billed, said)
        return Session(
            request,
            codec.stream(request),
            provenance,
            exchange,
            max_event_bytes=self.settings.max_event_bytes,
        )

    def _whole(
        self, head: Head, exchange: Exchange, codec: Codec, request: ChatRequest, said: tuple[str, ...]
    ) -> Flow[ChatResponse]:
        session, _ = yield from self._decoded(head, exchange, codec, request, said)
        return session.response()

    def _decoded(
        self, head: Head, exchange: Exchange, codec: Codec, request: ChatRequest, said: tuple[str, ...]
    ) -> Flow[tuple[Session, list[StreamEvent]]]:
        reply = yield from exchange.read_json(head)
        if holds_error(reply):
            raise exchange.error(shown(reply))
        session = self._session(exchange, codec, request, said)
        try:
            return session, session.take(codec.decode(request, reply))
        except MalformedResponseError as error:
            error.response = exchange.reply
            error.with_hint(exchange.excerpt(shown(reply)))
            raise

    def _first_event(
        self, head: Head, exchange: Exchange, codec: Codec, request: ChatRequest, said: tuple[str, ...]
    ) -> Flow[Opened]:
        kind = media_type(head)
        if kind.endswith("json"):
            return Opened(*(yield from self._decoded(head, exchange, codec, request, said)), ended=True)
        session = self._session(exchange, codec, request, said)
        events: list[StreamEvent] = []
        blank = True  # a page begins with its tag; later pieces may begin with anything
        while (piece := (yield from exchange.read_piece())) is not None:
            if kind not in _STREAM_TYPES or (blank and piece.lstrip().startswith(b"<")):
                raise exchange.unexpected(kind or "a page", piece)
            blank = blank and not piece.strip()
            try:
                events.extend(session.feed(piece))
                session.check()
            except ResayilError as error:
                if not events:
                    raise
                return Opened(session, events, error)
            if events:
                return Opened(session, events)
        events.extend(session.close())
        return Opened(session, events, ended=True)

    def _explained(self, error: APIStatusError, request: ChatRequest) -> APIStatusError:
        """The error with what a person can do about it."""
        if names_model(error, request.model):
            error = as_not_found(error)
        if isinstance(error, NotFoundError):
            names = nearest(request.model, self.learned.catalogue)
            error.with_hint(f"Nearest known ids to {request.model!r}: {', '.join(names) or 'none'}.")
        elif isinstance(error, InsufficientCreditsError):
            error.with_hint(f"Credits are bought at {self.settings.origin}{PLANS_PAGE}.")
        elif (
            isinstance(error, OverloadedError) and (tokens := estimate_request(request).tokens) > LONG_PROMPT
        ):
            error.with_hint(
                f"The prompt has about {tokens} tokens; this service also answers so when it is too long."
            )
        return error

    def models(self, *, include_inactive: bool = False, category: str | None = None) -> Flow[list[ModelInfo]]:
        """The live model list."""
        found = read_models((yield from self._get(f"{self.settings.base_url}/models")))
        self.learned.see_models(found)
        return [
            info
            for info in found
            if (include_inactive or info.is_active is not False) and category in {None, info.category}
        ]

    def _see_prices(self) -> Flow[None]:
        """Where credits are counted, learn once what models cost: from their list and from balances."""
        if not self.accounts.kept:
            return
        if not self.learned.asked_for_models:
            self.learned.asked_for_models = True
            try:
                yield from self.models()
            except ResayilError as error:
                self.learned.warn_once(
                    f"The model list was not to be had, so prices are assumed: {error.message}"
                )
        yield from self.accounts.begin()

    def count_tokens(self, request: ChatRequest) -> Flow[TokenCount]:
        """Tokens of a prompt, by the service, else by the local estimate."""
        local = self.accounts.count(request)
        if any(images(request)):
            return local
        body = CODECS["messages"].encode(request)
        counted = {name: body[name] for name in ("model", "messages", "system", "tools") if name in body}
        url = f"{self.settings.base_url}{CODECS['messages'].path}/count_tokens"
        exchange = self._exchange({})
        try:
            reply = yield from exchange.run(
                "POST", url, self._headers({}, "messages"), dump_bytes(counted), exchange.read_json
            )
        except APIStatusError as error:
            if error.status_code in _NO_COUNTING:
                return local
            raise
        self._quota.give_back()
        tokens = read_count(reply)
        return (
            local if tokens is None else TokenCount(tokens, tokens, tokens, estimated=False, source="service")
        )

    def forecast(self, request: ChatRequest) -> Flow[Forecast]:
        """What a call will cost."""
        yield from self._see_prices()
        prompt = yield from self.count_tokens(request)
        dialect: Dialect = "messages" if self.settings.api == "messages" else "chat"
        return self.accounts.forecast(request, dialect, prompt)

    def take_slot(self, options: CallOptions) -> Flow[None]:
        """One slot of the rate limit, for a request that is sent elsewhere."""
        yield from self._exchange(options).slot()

    def balance(self) -> Flow[Balance]:
        """The subscription of the key; a ledger keeps it, to reconcile its estimates with."""
        found = read_balance((yield from self._get(f"{self.settings.origin}/api/billing/subscription")))
        if found.credits is not None:
            yield from self.accounts.weigh(found.credits)
        return found

    def topups(self) -> Flow[list[Topup]]:
        """The packs for sale."""
        try:
            return read_topups((yield from self._get(f"{self.settings.origin}/api/billing/topup-packs")))
        except NotFoundError:
            return read_topups((yield from self._get(f"{self.settings.base_url}/pricing/topups")))

    def topup_history(self, page: int = 1) -> Flow[list[Topup]]:
        """The packs bought, a page of them."""
        return read_topups(
            (yield from self._get(f"{self.settings.origin}/api/billing/topup-history?page={page}"))
        )

    def _get(self, url: str) -> Flow[Any]:
        exchange = self._exchange({})
        reply = yield from exchange.run("GET", url, self._headers({}), None, exchange.read_json)
        if holds_error(reply):
            raise exchange.error(shown(reply))
        self._quota.give_back()
        return reply
