"""Every decision of a call, as a generator of effects.

A flow never waits, sends or reads: it yields an effect and is sent the outcome, failures as values. It
owns everything up to the first event of a stream: attempts, waits, error replies, content types, an
error as the first event, an empty stream. Then it returns `Opened`, and the pump decides nothing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import SecretStr

from resayil.codecs.envelopes import error_from, reset_in
from resayil.effects import (
    Acquire,
    Close,
    CloseWindow,
    Effect,
    Failure,
    GiveBack,
    Head,
    Observe,
    Read,
    Send,
    Sleep,
    Used,
    Wait,
)
from resayil.errors import (
    APIConnectionError,
    APITimeoutError,
    EmptyResponseError,
    ErrorResponse,
    LocalRateLimitError,
    MalformedResponseError,
    RateLimitError,
    ResayilError,
    ResponseTooLargeError,
    UnexpectedContentError,
    chained,
)
from resayil.jsontext import loads
from resayil.limits import Place, Refused
from resayil.redaction import redact, redact_headers
from resayil.retry import RetryPolicy, may_be_billed

T = TypeVar("T")

_EXCERPT = 200


IDEMPOTENCY_HEADER = "idempotency-key"
"""The same over all attempts of a call; a caller who may come back to it after a crash gives its own."""

ERROR_BODY_TIME = 10.0
"""Seconds that the body of an error may take; what has come by then is its body."""

CLOCK_TICK = 0.01
"""Seconds by which two clocks may disagree on whether the deadline has passed."""

PROMPT = 0.05
"""Seconds within which the answer to `Acquire` is fresh."""

MOST_ASKED = 5
"""Times that a slot is asked for again because the answers come late; a machine so busy is late anyway."""

Flow = Generator[Effect, Any, T]


class Clock(NamedTuple):
    """Time and chance, given from outside so that a flow can be driven by hand."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    random: Callable[[], float]


class Bounds(NamedTuple):
    """What one call may take, in bytes and seconds."""

    max_body_bytes: int
    max_error_bytes: int
    read_timeout: float
    gap_timeout: float
    deadline: float | None
    max_wait: float = math.inf


class Exchange:
    """One call over all its attempts.

    Args:
        secret: The key, so that nothing that is reported holds it.
        policy: When to send again.
        bounds: What the call may take.
        clock: Time and chance.
        may_retry: Asks the client's retry quota.
        tag: The caller's word for the call.
    """

    def __init__(
        self,
        secret: str,
        policy: RetryPolicy,
        bounds: Bounds,
        clock: Clock,
        may_retry: Callable[[ResayilError], bool],
        *,
        tag: str = "",
    ) -> None:
        self._held = SecretStr(secret)
        self._policy = policy
        self.bounds = bounds
        self.clock = clock
        self._may_retry = may_retry
        self._tag = tag
        self._began = clock.monotonic()
        self.ends_at = self._began + (bounds.deadline or math.inf)
        """Monotonic time at which the call's deadline passes."""
        self._identity = os.urandom(16).hex()
        self._waited = 0.0
        self._runs = 0
        self.attempts = 0
        self.maybe_billed = 0
        self.reply = ErrorResponse(0)

    @property
    def _secret(self) -> str:
        return self._held.get_secret_value()

    def run(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        receive: Callable[[Head], Flow[T]],
    ) -> Flow[T]:
        """Send until ``receive`` has made something of a reply, or giving up is right."""
        if body is not None and IDEMPOTENCY_HEADER not in headers:
            headers = {**headers, IDEMPOTENCY_HEADER: self._identity}
        last: ResayilError | None = None
        while True:
            before = self.attempts
            try:
                timeout = yield from self.slot()
                self.attempts += 1
                due = self.clock.monotonic()
                head = yield Send(method, url, headers, body, timeout, self.ends_at)
                yield from self._used(head, due)
                return (yield from self._receive(head, url, receive))
            except ResayilError as error:
                self.maybe_billed += self.attempts > before and may_be_billed(error)
                error.attempts, error.maybe_billed = self.attempts, self.maybe_billed
                self.mask(error)
                if last is not None and isinstance(error, LocalRateLimitError):
                    raise last from last.__cause__  # what the service said is what the call has failed of
                last, jitter = error, self.clock.random()
                if isinstance(error, RateLimitError):
                    yield CloseWindow(self._policy.wait(error, **self._moment(jitter)))
                wait = self._wait(error, jitter)
                if wait is None:
                    raise
            yield Close()
            yield Sleep(wait)

    def _read_timeout(self) -> float:
        left = self.ends_at - self.clock.monotonic()
        if left <= 0:
            raise self._deadline_error()
        return min(self.bounds.read_timeout, left)

    def slot(self) -> Flow[float]:
        """Wait for a slot of the rate limit; returns the seconds that the reply may take."""
        identity = f"{self._identity}-{self._runs}"
        self._runs += 1
        began = self.clock.monotonic()
        asked, first = 0, True
        try:
            while True:
                now = self.clock.monotonic()
                left = max(0.0, min(self.bounds.max_wait - (now - began), self.ends_at - now))
                outcome: Place | Refused = yield Acquire(identity, left)
                if isinstance(outcome, Refused):
                    break
                if outcome.wait > 0:
                    pause = min(outcome.wait, outcome.check)
                    yield Wait(pause, outcome.wait, outcome.queued, first, self._tag)
                    first = False
                    continue
                asked += 1
                if self.clock.monotonic() - now <= PROMPT or asked == MOST_ASKED:
                    return self._read_timeout()
        except GeneratorExit:
            raise
        except BaseException:
            yield GiveBack(identity)
            raise
        finally:
            self._waited += self.clock.monotonic() - began
        raise self._no_slot(outcome)

    def _used(self, head: Head | Failure, due: float) -> Flow[None]:
        """A slot counts from when its request went out, which those who wait behind it have to know."""
        if isinstance(head, Head) and head.sent_at is not None and head.sent_at - due > LATE:
            yield Used(f"{self._identity}-{self._runs - 1}", self.clock.monotonic() - head.sent_at)

    def _no_slot(self, refused: Refused) -> LocalRateLimitError:
        seconds, bound = refused.retry_after, self.bounds.max_wait
        limit = f"limit_max_wait is {bound:g} s" if seconds > bound else "the call's deadline comes first"
        return LocalRateLimitError(
            f"The next slot of this key's request limit is {seconds:.1f} s away, and "
            f"{refused.reason or limit}. "
            "Nothing was sent; come back then, or allow a longer wait.",
            retry_after=seconds,
        )

    def _moment(self, jitter: float) -> dict[str, Any]:
        return {"attempts": self.attempts, "now": self.clock.wall(), "jitter": jitter}

    def _wait(self, error: ResayilError, jitter: float) -> float | None:
        elapsed = self.clock.monotonic() - self._began
        wait = self._policy.delay(error, elapsed=elapsed - self._waited, **self._moment(jitter))
        late = wait is not None and self._began + elapsed + wait >= self.ends_at
        return None if wait is None or late or not self._may_retry(error) else wait

    def _receive(self, head: Head | Failure, url: str, receive: Callable[[Head], Flow[T]]) -> Flow[T]:
        if isinstance(head, Failure):
            raise self.failed(head, url)
        self.reply = ErrorResponse(head.status, redact_headers(head.headers, self._secret), url=url)
        yield from self._heed(head)
        if head.status >= 300:  # noqa: PLR2004 - everything above the success statuses
            content = yield from self._read(self.bounds.max_error_bytes, cut=True)
            raise self.error(content)
        return (yield from receive(head))

    def _heed(self, head: Head) -> Flow[None]:
        """Follow what a reply says of the limit: its size, and that others have filled the window."""
        limit = head.headers.get(LIMIT_HEADER, "")
        if limit.isascii() and limit.isdecimal() and 0 < int(limit) <= MOST_PER_WINDOW:
            yield Observe(int(limit))
        if head.headers.get(REMAINING_HEADER) == "0" and head.status < 300:  # noqa: PLR2004 - an answer
            seconds = reset_in(head.headers, now=self.clock.wall())
            if seconds > 0:
                yield CloseWindow(seconds, refused=False)

    def error(self, content: bytes) -> ResayilError:
        """The typed error of a reply, everything in it redacted."""
        text = redact(content.decode("utf-8", "replace"), self._secret)
        reply = ErrorResponse(self.reply.status_code, self.reply.headers, text.encode(), self.reply.url)
        try:
            body: object = loads(text)
        except MalformedResponseError:
            body = text
        return error_from(reply, body, now=self.clock.wall())

    def read_json(self, head: Head) -> Flow[Any]:
        """The whole reply as JSON.

        Raises:
            UnexpectedContentError: another media type.
            EmptyResponseError: nothing.
            MalformedResponseError: no JSON.
            ResponseTooLargeError: more bytes than the limit.
        """
        content = yield from self._read(self.bounds.max_body_bytes)
        kind = media_type(head)
        if (
            content
            and kind not in {"", "text/plain", "application/octet-stream"}
            and not kind.endswith("json")
        ):
            raise self.unexpected(kind, content)
        if not content.strip():
            raise EmptyResponseError("The reply is empty.", response=self.reply)
        try:
            return loads(content)
        except MalformedResponseError as error:
            if content.lstrip().startswith(b"<"):
                raise self.unexpected("a page", content) from None
            error.response = self.reply
            error.with_hint(self.excerpt(content))
            raise

    def unexpected(self, kind: str, content: bytes) -> UnexpectedContentError:
        """The error of a reply that is no JSON and no stream."""
        return UnexpectedContentError(
            f"The reply is {kind}, not JSON: wrong base URL or a proxy's page. {self.excerpt(content)}",
            response=self.reply,
        )

    def excerpt(self, content: bytes) -> str:
        """How a reply or an event begins, for an error to show."""
        start = redact(content[: 4 * _EXCERPT].decode("utf-8", "replace"), self._secret)
        return f"It begins: {start[:_EXCERPT]!r}"

    def mask(self, error: ResayilError) -> None:
        """Mask the key in what an error, and those behind it, say."""
        error.reword(redact(error.message, self._secret))
        for behind in chained(error):
            if not isinstance(behind, ResayilError):  # httpx quotes what it could not read
                said = (redact(part, self._secret) if isinstance(part, str) else part for part in behind.args)
                behind.args = tuple(said)

    def _read(self, limit: int, *, cut: bool = False) -> Flow[bytes]:
        """The body, at most so many bytes of it."""
        pieces: list[bytes] = []
        size = 0
        due = self.clock.monotonic() + ERROR_BODY_TIME if cut else None
        while (piece := (yield from self.read_piece(due))) is not None:
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                if cut:
                    return b"".join(pieces)[:limit]
                raise ResponseTooLargeError(f"The reply is larger than {limit} bytes.", response=self.reply)
        return b"".join(pieces)

    def read_piece(self, due: float | None = None) -> Flow[bytes | None]:
        """The next bytes of the body, ``None`` at its end."""
        piece: bytes | Failure | None = yield Read(self.ends_at if due is None else min(due, self.ends_at))
        if isinstance(piece, Failure):
            # An error reply that breaks off is still that error; only an answer must be whole.
            if self.reply.status_code >= 300:  # noqa: PLR2004 - see above
                return None
            # A body that stalls is a reply cut short: unlike the wait for its head, never to be sent again.
            raise self.failed(replace(piece, phase="body"), self.reply.url)
        if self.clock.monotonic() > self.ends_at:
            raise self._deadline_error()
        return piece

    def failed(self, failure: Failure, url: str) -> ResayilError:
        """The typed error of a failure: the deadline's, once that has passed and the request is out."""
        sent = failure.phase not in {"connect", "pool"}
        late = failure.kind == "timeout" and self.clock.monotonic() >= self.ends_at - CLOCK_TICK
        return self._deadline_error() if late and sent else failure_error(failure, url)

    def _deadline_error(self) -> APITimeoutError:
        return APITimeoutError(f"The call's deadline of {self.bounds.deadline:g} s passed.", phase="deadline")


LATE = 0.02
"""Seconds after its slot's moment above which a request that went out is reported as late."""

LIMIT_HEADER, REMAINING_HEADER = "x-ratelimit-limit", "x-ratelimit-remaining"
MOST_PER_WINDOW = 100_000
"""Requests per window above which a header is no limit of this service."""

_WORDS: Mapping[str, str] = {
    "connect": "Could not connect to",
    "certificate": "The certificate is not trusted, so nothing was sent to",
    "pool": "All pooled connections are in use; none became free for",
    "write": "Sending timed out to",
    "read": "No bytes came in time from",
    "reused": "A kept-alive connection was closed by",
    "fresh": "The connection was closed before any reply by",
    "body": "The reply broke off from",
}


def failure_error(failure: Failure, url: str) -> ResayilError:
    """The typed error of a failure of the transport."""
    text = f"{_WORDS[failure.phase]} {url}: {failure.detail}"
    error: ResayilError
    if failure.kind == "timeout":
        error = APITimeoutError(text, phase=failure.phase)
    elif failure.kind == "encoding":
        error = MalformedResponseError(text)
    else:
        error = APIConnectionError(text, phase=failure.phase)
    error.__cause__ = failure.cause
    return error


def media_type(head: Head) -> str:
    """The reply's media type, without parameters; empty where none is given."""
    return head.headers.get("content-type", "").partition(";")[0].strip().lower()
