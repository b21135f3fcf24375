"""The core's errors as LangChain's: each class below is both.

Code that catches ``resayil.RateLimitError`` and code that catches LangChain's ``ModelRateLimitError`` see the
same exception, and ``is_retryable`` says what the core's ``retryable`` says. LangChain has no class for 402,
so that is a plain, non-retryable ``ModelError``; an untyped one would be retried by the agents' middleware.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from langchain_core import exceptions as langchain

from resayil import errors as core

__all__ = ["TRANSLATED", "langchain_errors", "translated"]


class ConfigurationError(core.ConfigurationError, langchain.ModelError):
    """A key, base URL or setting is unusable; nothing was sent."""


class RequestError(core.RequestError, langchain.ModelInvalidRequestError):
    """This request cannot be said or may not be sent."""


class UnsupportedError(core.UnsupportedError, langchain.ModelInvalidRequestError):
    """The dialect, the model or the server has no way to say what the request holds."""


class ImageError(core.ImageError, langchain.ModelInvalidRequestError):
    """An image is not a picture of a known type, too large, or at a refused address."""


class BudgetExceededError(core.BudgetExceededError, langchain.ModelError):
    """The forecast of this request crosses the budget; nothing was sent."""


class LocalRateLimitError(core.LocalRateLimitError, langchain.ModelRateLimitError):
    """The wait for a request slot would exceed the allowed wait; nothing was sent."""


class APIConnectionError(core.APIConnectionError, langchain.ModelConnectionError):
    """No whole reply arrived."""


class APITimeoutError(core.APITimeoutError, langchain.ModelTimeoutError):
    """A clock ran out."""


class APIStatusError(core.APIStatusError, langchain.ModelError):
    """The service answered with an error."""


class BadRequestError(core.BadRequestError, langchain.ModelInvalidRequestError):
    """400 or 422."""


class ContextOverflowError(core.ContextOverflowError, langchain.ContextOverflowError):
    """The prompt is longer than the model's context window."""


class AuthenticationError(core.AuthenticationError, langchain.ModelAuthenticationError):
    """401."""


class InsufficientCreditsError(core.InsufficientCreditsError, langchain.ModelError):
    """402: the balance does not cover the request; the same request will not succeed later."""


class PermissionDeniedError(core.PermissionDeniedError, langchain.ModelPermissionDeniedError):
    """403."""


class NotFoundError(core.NotFoundError, langchain.ModelNotFoundError):
    """404, or a 503 that names the model."""


class RequestTooLargeError(core.RequestTooLargeError, langchain.ModelInvalidRequestError):
    """413."""


class RateLimitError(core.RateLimitError, langchain.ModelRateLimitError):
    """429."""


class InternalServerError(core.InternalServerError, langchain.ModelAPIError):
    """5xx."""


class OverloadedError(core.OverloadedError, langchain.ModelAPIError):
    """503 or 529."""


class ResponseError(core.ResponseError, langchain.ModelError):
    """A reply came, but it is not an answer; it may have been charged, so it is not asked for again."""


class UnexpectedContentError(core.UnexpectedContentError, langchain.ModelError):
    """A web page, a redirect or another media type where JSON or events were due."""


class MalformedResponseError(core.MalformedResponseError, langchain.ModelError):
    """The reply's JSON is broken or holds no answer."""


class EmptyResponseError(core.EmptyResponseError, langchain.ModelError):
    """The reply holds nothing."""


class ResponseTooLargeError(core.ResponseTooLargeError, langchain.ModelError):
    """The reply is larger than the limits allow."""


class StreamInterruptedError(core.StreamInterruptedError, langchain.ModelError):
    """The stream ended before its answer did."""


class ResayilError(core.ResayilError, langchain.ModelError):
    """Any other error of the pack."""


TRANSLATED: Mapping[type[core.ResayilError], type[core.ResayilError]] = {
    both.__bases__[0]: both
    for both in list(globals().values())
    if isinstance(both, type) and issubclass(both, core.ResayilError) and both.__module__ == __name__
}
"""The class here of each class of the core."""


def translated(error: core.ResayilError) -> core.ResayilError:
    """The same error as LangChain's too, with everything it carries."""
    both = next(TRANSLATED[kind] for kind in type(error).__mro__ if kind in TRANSLATED)
    copy = both.__new__(both, *error.args)
    copy.__dict__.update(error.__dict__)
    return copy


@contextmanager
def langchain_errors() -> Iterator[None]:
    """Within it, errors of the core leave as errors of LangChain too."""
    try:
        yield
    except core.ResayilError as error:
        raise translated(error).with_traceback(error.__traceback__) from error.__cause__
