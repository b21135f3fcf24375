"""One streamed answer: bytes in, events out, and whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from resayil.accumulate import Accumulator
from resayil.codecs.stream_error import StreamError
from resayil.errors import (
    APITimeoutError,
    EmptyResponseError,
    ErrorResponse,
    MalformedResponseError,
    ResayilError,
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


class Provenance(NamedTuple):
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
        self._began = self._content = False
        self._error: ResayilError | None = None
        self.complete = False
        """Whether the answer is whole."""
        self._last_content = exchange.clock.monotonic()
        self.due = self._next_due()
        """Monotonic time at which the next bytes are due."""

    def feed(self, chunk: bytes) -> list[StreamEvent]:
        """The events that these bytes complete but for the last; `check` tells what came behind them."""
        told: list[StreamEvent] = []
        try:
            for name, data in self._sse.feed(chunk):
                told += self._decoded(name, data)
        except ResayilError as error:
            self._error = error
        if told:
            self._began = self._content = True
            if self._decoder.done:
                return self._passed(told)
            self._accumulator.add(told)
        return told

    def _decoded(self, name: str, data: bytes) -> list[StreamEvent]:
        try:
            return self._decoder.feed(name, data)
        except StreamError as error:
            raise self._exchange.error(shown(error.body)) from None
        except MalformedResponseError as error:
            error.with_hint(self._exchange.excerpt(data))
            raise

    def check(self) -> None:
        """Judge the stream once the events of the last bytes have been passed on.

        Raises:
            ResayilError: an error in the stream, an event that is none, or a clock that ran out.
        """
        if self._error is not None:
            raise self._partial(self._error) from None
        self.complete = self._accumulator.end is not None
        now = self._monotonic()
        if self._content:
            self._content, self._last_content = False, now
            if not self._patient:
                self.due = self._next_due()
        elif now - self._last_content > self._gap and not self.complete:
            raise self._partial(self._gap_error())
        if now > self._ends_at and not self.complete:
            raise self._partial(
                APITimeoutError("The call's deadline passed inside the stream.", phase="deadline")
            )

    def _passed(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """The events but for the last, with an estimated usage behind those of an answer that told none."""
        self._began = self._began or bool(events)
        self._accumulator.add(events)
        if (end := self._accumulator.end) is None:
            return events
        told = [event for event in events if event is not end]
        if self._accumulator.usage is None:
            report = UsageReport(self._estimate())
            self._accumulator.add([report])
            told.append(report)
        return told

    @property
    def end(self) -> MessageEnd:
        """The last event of an answer that is whole."""
        end = self._accumulator.end
        if end is None:
            raise self.interrupted()  # pragma: no cover - the pumps ask once the answer is complete
        return end

    def _next_due(self) -> float:
        return self._ends_at if self._patient else min(self._ends_at, self._last_content + self._gap)

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

    def take(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """The events of a reply that came whole, but for the last."""
        told = self._passed(events)
        self.complete = self._accumulator.end is not None
        return told

    def close(self, failure: Failure | None = None) -> Iterator[StreamEvent]:
        """The events that the end of the bytes completes but for the last, or their breaking off.

        Raises:
            EmptyResponseError: nothing came.
            StreamInterruptedError: the answer's end did not come.
            APITimeoutError: it did not come in time.
        """
        for name, data in self._sse.close():
            try:
                yield from self._passed(self._decoded(name, data))
            except MalformedResponseError:
                break  # a cut event; whether the answer is whole is judged below
            except ResayilError as error:
                raise self._partial(error) from None
        yield from self._passed(self._decoder.close())
        self.complete = self._accumulator.end is not None
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
        return self._accumulator.response(
            self._request.model,
            self._accumulator.usage or self._estimate(),
            request_id=self._reply.request_id,
            adaptations=self._provenance.adaptations,
            attempts=self._provenance.attempts,
            maybe_billed=self._provenance.maybe_billed,
            headers=self._reply.headers,
        )
