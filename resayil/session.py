"""One streamed answer: bytes in, events out, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from resayil.accumulate import Accumulator
from resayil.codecs.stream_error import StreamError
from resayil.errors import (
    APITimeoutError,
    EmptyResponseError,
    ErrorResponse,
    MalformedResponseError,
    ResayilError,
    ResponseTooLargeError,
    StreamInterruptedError,
)
from resayil.events import MessageEnd, StreamEvent, UsageReport
from resayil.jsontext import shown
from resayil.sse import SSEDecoder
from resayil.tokens import estimate_usage

if TYPE_CHECKING:
    from resayil.codecs import StreamDecoder
    from resayil.effects import Failure
    from resayil.flow import Exchange
    from resayil.messages import ChatRequest, ChatResponse, Usage

_E = TypeVar("_E", bound=ResayilError)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of an answer besides its content: the reply it came in, and how it was reached."""

    reply: ErrorResponse
    attempts: int
    maybe_billed: int
    adaptations: tuple[str, ...]


class Session:
    """Decodes one answer, joins it, and judges its completeness; the pumps above it decide nothing."""

    def __init__(
        self,
        request: ChatRequest,
        decoder: StreamDecoder,
        provenance: Provenance,
        exchange: Exchange,
        *,
        max_event_bytes: int,
    ) -> None:
        self._request = request
        self._decoder = decoder
        self._provenance = provenance
        self._exchange = exchange
        self._monotonic = exchange.clock.monotonic
        self._gap = exchange.bounds.gap_timeout
        self._ends_at = exchange.ends_at
        # httpx's own timeout bounds silence; a moment of our own is only needed for a shorter gap.
        self._patient = self._gap >= exchange.bounds.read_timeout
        self._sse = SSEDecoder(max_event_bytes=max_event_bytes)
        self._accumulator = Accumulator(request.offered)
        self._began = False
        self.complete = False
        """Whether the answer is whole."""
        self._last_content = exchange.clock.monotonic()

    def feed(self, chunk: bytes) -> Iterator[StreamEvent]:
        """The events that these bytes complete, each before an error that follows it.

        Raises:
            ResayilError: an error in the stream, an event that is none, or a clock that ran out.
        """
        decoder, add = self._decoder, self._accumulator.add
        content = False
        try:
            found = self._sse.feed(chunk)
        except ResponseTooLargeError as error:
            raise self._partial(error) from None
        for sse in found:
            try:
                events = decoder.feed(sse)
            except StreamError as error:
                raise self._partial(self._exchange.error(shown(error.body))) from None
            except MalformedResponseError as error:
                error.with_hint(self._exchange.excerpt(sse.data))
                raise self._partial(error) from None
            if events:
                self._began = content = True
            for event in events:  # the hot path: `_pass` written out, so that an event costs no generator
                if type(event) is MessageEnd:
                    yield from self._pass(event)
                else:
                    add(event)
                    yield event
        self._check_clocks(content=content)

    def _pass(self, event: StreamEvent) -> Iterator[StreamEvent]:
        self._began = True
        if type(event) is MessageEnd and self._accumulator.usage is None:
            report = UsageReport(self._estimate())
            self._accumulator.add(report)
            yield report
        self._accumulator.add(event)
        self.complete = self._accumulator.complete
        yield event

    def _estimate(self) -> Usage:
        return estimate_usage(self._request, self._accumulator.output_text)

    def spent(self) -> Usage | None:
        """The usage so far, estimated where none came; ``None`` before the first event."""
        return (self._accumulator.usage or self._estimate()) if self._began else None

    def _failed(self, failure: Failure) -> ResayilError:
        gap = self._monotonic() - self._last_content >= self._gap
        return (
            self._gap_error()
            if failure.kind == "timeout" and gap
            else self._exchange.failed(failure, self._reply.url)
        )

    def _gap_error(self) -> APITimeoutError:
        return APITimeoutError(
            f"The stream brought no content for {self._gap:g} s (gap_timeout).", phase="gap"
        )

    def _check_clocks(self, *, content: bool) -> None:
        now = self._monotonic()
        if content:
            self._last_content = now
        elif now - self._last_content > self._gap and not self.complete:
            raise self._partial(self._gap_error())
        if now > self._ends_at and not self.complete:
            raise self._partial(
                APITimeoutError("The call's deadline passed inside the stream.", phase="deadline")
            )

    def take(self, events: list[StreamEvent]) -> Iterator[StreamEvent]:
        """Pass on the events of a reply that came whole although a stream was asked for."""
        for event in events:
            yield from self._pass(event)

    @property
    def due(self) -> float:
        """Monotonic time at which the next bytes are due."""
        return self._ends_at if self._patient else min(self._ends_at, self._last_content + self._gap)

    def close(self, failure: Failure | None = None) -> Iterator[StreamEvent]:
        """The events that the end of the bytes completes, or their breaking off.

        Raises:
            EmptyResponseError: nothing came.
            StreamInterruptedError: the answer's end did not come.
            APITimeoutError: it did not come in time.
        """
        for sse in self._sse.close():
            try:
                events = self._decoder.feed(sse)
            except StreamError as error:
                raise self._partial(self._exchange.error(shown(error.body))) from None
            except MalformedResponseError:
                break  # a cut event; whether the answer is whole is judged below
            for event in events:
                yield from self._pass(event)
        for event in self._decoder.close():
            yield from self._pass(event)
        if not self.complete:
            raise self.interrupted(failure)

    def interrupted(self, failure: Failure | None = None) -> ResayilError:
        """The error of a stream that ended here, with what was delivered."""
        if failure is not None:
            return self._partial(self._broken_off(failure))
        if not self._began:
            return self._partial(
                EmptyResponseError("The stream ended without a single event.", response=self._reply)
            )
        text = "The stream ended before the answer did: no finish reason came. See partial_text for what did."
        return self._partial(StreamInterruptedError(text, response=self._reply))

    def _broken_off(self, failure: Failure) -> ResayilError:
        """The error of a failure; one of the connection, once events have come, is an interruption."""
        error = self._failed(failure)
        if failure.kind != "connection" or not self._began:
            return error
        interrupted = StreamInterruptedError(error.message, response=self._reply)
        interrupted.__cause__ = error.__cause__
        return interrupted

    @property
    def _reply(self) -> ErrorResponse:
        return self._provenance.reply

    def _partial(self, error: _E) -> _E:
        self._exchange.mask(error)
        error.partial_text = self._accumulator.text
        error.partial_tool_calls = self._accumulator.partial_tool_calls
        error.usage = self._accumulator.usage
        error.attempts = self._provenance.attempts
        error.maybe_billed = self._provenance.maybe_billed + int(self._began)
        if error.response is None:
            error.response = self._reply
        return error

    def response(self) -> ChatResponse:
        """The whole answer, equal to what ``chat()`` would have returned.

        Raises:
            StreamInterruptedError: the stream has not been read to its end.
        """
        if not self.complete:
            raise self._partial(
                StreamInterruptedError("The stream has not been read to its end; iterate over it first.")
            )
        reply = self._reply
        return replace(
            self._accumulator.response(self._request.model, self._accumulator.usage or self._estimate()),
            request_id=reply.request_id,
            adaptations=self._provenance.adaptations,
            attempts=self._provenance.attempts,
            maybe_billed=self._provenance.maybe_billed,
            headers=reply.headers,
        )
