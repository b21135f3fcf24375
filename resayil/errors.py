"""The exceptions of the pack, and the one table that turns a status into a class.

::

    ResayilError
    ├── ConfigurationError            key, base URL or settings are unusable; before any byte is sent
    ├── RequestError                  this request cannot be said, or may not be sent
    │   ├── UnsupportedError          the dialect, the model or the server has no way to say it
    │   ├── ImageError                an image is not a picture, too large, or at a refused address
    │   ├── BudgetExceededError       the forecast crosses the budget
    │   └── LocalRateLimitError       the wait for a slot would be too long
    ├── APIConnectionError            no whole reply: DNS, TCP, TLS, a connection closed too early
    │   └── APITimeoutError           one of the clocks ran out; ``phase`` says which
    ├── APIStatusError                the service answered with an error
    │   ├── BadRequestError           400, 422
    │   │   └── ContextOverflowError  the prompt is longer than the model's window (any status)
    │   ├── AuthenticationError       401
    │   ├── InsufficientCreditsError  402, or any 4xx that speaks of credits
    │   ├── PermissionDeniedError     403
    │   ├── NotFoundError             404, or a 503 that names the model
    │   ├── RequestTooLargeError      413
    │   ├── RateLimitError            429
    │   └── InternalServerError       5xx
    │       └── OverloadedError       503, 529
    └── ResponseError                 a reply came, but it is not an answer
        ├── UnexpectedContentError    a web page or a redirect where JSON or events were due
        ├── MalformedResponseError    JSON that is broken, or has no answer in it
        ├── EmptyResponseError        a stream without a single event, an empty body
        ├── ResponseTooLargeError     more bytes than the limits allow
        └── StreamInterruptedError    the stream ended before its answer did

Every error pickles, and none of them holds a key: messages, headers and bodies are redacted before
they reach an exception.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from pydantic_core import from_json

from resayil.redaction import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from resayil.messages import PartialToolCall, Usage

MAX_MESSAGE_BYTES = 2_000
"""Upper bound of ``str(error)``, in bytes of UTF-8."""

TimeoutPhase = Literal["connect", "pool", "write", "read", "gap", "deadline"]
"""Which clock ran out: connecting, waiting for a pooled connection, sending, silence on the wire,
no content although the wire was alive, or the whole call."""

ConnectionPhase = Literal["connect", "certificate", "reused", "fresh", "body"]
"""Where a connection broke: before it stood, over its certificate, on a kept-alive socket or on a fresh one
before the first byte of a reply, or inside the reply."""


@dataclass(frozen=True, slots=True)
class ErrorResponse:
    """The reply behind an error: redacted, bounded and picklable.

    Attributes:
        status_code: HTTP status.
        headers: Reply headers by lower-case name, keys and cookies masked.
        content: At most 64 KiB of the body, the key masked.
        url: The address that was called, without credentials.
    """

    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    url: str = ""

    @property
    def request_id(self) -> str | None:
        """The service's own id of the request, where it sent one."""
        return self.headers.get("x-request-id") or self.headers.get("request-id")

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 appear as U+FFFD."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: the body is not JSON.
        """
        return from_json(self.content)


class ResayilError(Exception):
    """Base of every error that this pack raises.

    Attributes:
        message: What happened, with which value, and what to do; at most 2 kB, no control characters.
        code: The service's error code or type, where it gave one.
        status_code: HTTP status, or the status that an error inside a 200 stands for.
        response: The reply, redacted, where there was one.
        retry_after: Seconds after which the service says to come back.
        attempts: HTTP requests made for this call.
        maybe_billed: Attempts that the service may have charged although no answer came of them.
        partial_text: Text delivered before the error.
        partial_tool_calls: Tool calls begun before the error; never to be executed.
        usage: Usage reported before the error.
    """

    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later without being changed."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status_code: int | None = None,
        response: ErrorResponse | None = None,
        retry_after: float | None = None,
        fields: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self.message = printable(message, limit=MAX_MESSAGE_BYTES)
        super().__init__(self.message)
        self.code = code
        self.status_code = (
            status_code if status_code is not None or response is None else response.status_code
        )
        self.response = response
        self.retry_after = retry_after
        self.fields: Mapping[str, tuple[str, ...]] = fields or {}
        self.attempts = 0
        self.maybe_billed = 0
        self.partial_text = ""
        self.partial_tool_calls: tuple[PartialToolCall, ...] = ()
        self.usage: Usage | None = None

    @property
    def request_id(self) -> str | None:
        """The service's own id of the request, where it sent one."""
        return self.response.request_id if self.response else None

    def reword(self, message: str) -> None:
        """Say it in other words."""
        self.message = printable(message, limit=MAX_MESSAGE_BYTES)
        self.args = (self.message,)

    def with_hint(self, hint: str) -> None:
        """Add what to do about it to the message."""
        self.reword(f"{self.message} {hint}")


class ConfigurationError(ResayilError):
    """A key, base URL or setting is unusable; nothing was sent."""


class RequestError(ResayilError):
    """This request cannot be said or may not be sent."""


class UnsupportedError(RequestError):
    """The dialect, the model or the server has no way to say what the request holds."""


class ImageError(RequestError):
    """An image is not a picture of a known type, too large, or at a refused address."""


class BudgetExceededError(RequestError):
    """The forecast of this request crosses the budget; nothing was sent."""


class LocalRateLimitError(RequestError):
    """The wait for a request slot would exceed the allowed wait; nothing was sent."""

    retryable = True


class APIConnectionError(ResayilError):
    """No whole reply arrived; ``phase`` says where the connection broke."""

    retryable = True

    def __init__(
        self, message: str, *, phase: ConnectionPhase | TimeoutPhase = "connect", **more: Any
    ) -> None:
        super().__init__(message, **more)
        self.phase = phase


class APITimeoutError(APIConnectionError):
    """A clock ran out; ``phase`` says which."""


class APIStatusError(ResayilError):
    """The service answered with an error."""


class BadRequestError(APIStatusError):
    """400 or 422: the request is not acceptable as it stands; ``fields`` names what is wrong."""


class ContextOverflowError(BadRequestError):
    """The prompt is longer than the model's context window."""


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or revoked."""


class InsufficientCreditsError(APIStatusError):
    """402, or a 4xx that speaks of credits: the balance does not cover the request."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404, or a 503 that names the model: no such model or path."""


class RequestTooLargeError(APIStatusError):
    """413: the body is larger than the service takes."""


class RateLimitError(APIStatusError):
    """429: more requests in the window than the plan allows."""

    retryable = True


class InternalServerError(APIStatusError):
    """5xx: the service failed."""

    retryable = True


class OverloadedError(InternalServerError):
    """503 or 529: the service or the model is not available now."""


class ResponseError(ResayilError):
    """A reply came, but it is not an answer."""


class UnexpectedContentError(ResponseError):
    """A web page, a redirect or another media type where JSON or events were due."""


class MalformedResponseError(ResponseError):
    """The reply's JSON is broken or holds no answer."""


class EmptyResponseError(ResponseError):
    """The reply holds nothing: an empty body, or a stream without a single event."""


class ResponseTooLargeError(ResponseError):
    """The reply is larger than the limits allow; the rest was not read."""


class StreamInterruptedError(ResponseError):
    """The stream ended before its answer did; the partial attributes hold what was delivered."""


_E = TypeVar("_E", bound=BaseException)


def chained(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting += [current.__cause__, current.__context__]


def without_frames(error: _E) -> _E:
    """The error and those behind it without frames, whose locals hold headers and what a reply echoed."""
    for one in chained(error):
        one.__traceback__ = None
    return error


STATUS_ERRORS: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    422: BadRequestError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}
"""One status, one class; statuses that are not listed go by their hundred."""

_SERVER_ERRORS = 500


def error_class(status: int) -> type[APIStatusError]:
    """The class of an HTTP status."""
    return STATUS_ERRORS.get(status, InternalServerError if status >= _SERVER_ERRORS else APIStatusError)
