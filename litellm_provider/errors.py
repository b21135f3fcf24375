"""The core's errors as LiteLLM's, so that the Router and the proxy retry, cool down and fall back rightly.

LiteLLM leaves its own exceptions as they are and maps all others by name and text, which loses context-window
and content-policy errors, the reply's headers, or everything (a connection that broke becomes a 500 that is
never cooled down, with a traceback in its text). So its own are raised here, from a table, each with the
reply as an `httpx.Response`: the Router reads Retry-After from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from litellm import exceptions as litellm

from litellm_provider.prices import PROVIDER
from litellm_provider.replies import seconds
from resayil import errors as core

__all__ = ["before_first_chunk", "litellm_errors", "translated"]

_POLICY = re.compile(r"content[_ ](?:policy|filter)|safety system", re.IGNORECASE)
_HOP_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})
_GATEWAY_TIMEOUT, _BAD_GATEWAY = 504, 502

Maker = Callable[..., Any]

MAKERS: Mapping[type[core.ResayilError], Maker] = {
    core.ConfigurationError: litellm.BadRequestError,
    core.UnsupportedError: litellm.UnsupportedParamsError,
    core.LocalRateLimitError: litellm.RateLimitError,
    core.RequestError: litellm.BadRequestError,
    core.APITimeoutError: litellm.Timeout,
    core.APIConnectionError: litellm.ServiceUnavailableError,
    core.ContextOverflowError: litellm.ContextWindowExceededError,
    core.BadRequestError: litellm.BadRequestError,
    core.AuthenticationError: litellm.AuthenticationError,
    core.InsufficientCreditsError: litellm.PaymentRequiredError,
    core.PermissionDeniedError: litellm.PermissionDeniedError,
    core.NotFoundError: litellm.NotFoundError,
    core.RequestTooLargeError: litellm.BadRequestError,
    core.RateLimitError: litellm.RateLimitError,
    core.OverloadedError: litellm.ServiceUnavailableError,
    core.InternalServerError: litellm.InternalServerError,
    core.ResponseError: litellm.BadGatewayError,
    core.APIStatusError: litellm.BadRequestError,
    core.ResayilError: litellm.InternalServerError,
}
"""LiteLLM's class of each class of the core; a class that is not listed goes by its nearest base."""

STATUSES: Mapping[int, Maker] = {
    _BAD_GATEWAY: litellm.BadGatewayError,
    _GATEWAY_TIMEOUT: partial(litellm.Timeout, exception_status_code=_GATEWAY_TIMEOUT),
}
"""Statuses for which LiteLLM has a class of its own and the core has none."""

_KEPT_STATUS = (litellm.BadRequestError,)
"""Classes whose instances carry the status that came; the status of others is what they mean."""


def translated(error: core.ResayilError, model: str, *, setup: bool = False) -> Exception:
    """The same error as LiteLLM's.

    Args:
        error: The core's.
        model: The model that was asked.
        setup: True while a deployment's client is made: what is wrong then is the deployment, not the
            request, and as an authentication error it sends the Router to another deployment.
    """
    maker = litellm.AuthenticationError if setup else _maker(error)
    reply = _response(error)
    made: Exception = maker(message=_text(error), model=model, llm_provider=PROVIDER, response=reply)
    if type(made) in _KEPT_STATUS and error.status_code:
        made.status_code = error.status_code  # type: ignore[attr-defined] # every class of LiteLLM has it
    if isinstance(made, litellm.RateLimitError) and error.retry_after is not None:
        made.headers = {"retry-after": seconds(error.retry_after)}  # these reach a proxy's clients
    made.litellm_response_headers = reply.headers  # type: ignore[attr-defined] # where LiteLLM looks for them
    return made


def _maker(error: core.ResayilError) -> Maker:
    if isinstance(error, core.BadRequestError) and _POLICY.search(f"{error.code} {error.message}"):
        return litellm.ContentPolicyViolationError
    if isinstance(error, core.InternalServerError) and (made := STATUSES.get(error.status_code or 0)):
        return made
    return next(MAKERS[kind] for kind in type(error).__mro__ if kind in MAKERS)


def _text(error: core.ResayilError) -> str:
    known = error.request_id and error.request_id not in error.message
    return f"{error.message} (request {error.request_id})" if known else error.message


def _response(error: core.ResayilError) -> httpx.Response:
    """The reply behind an error, as LiteLLM wants one; a made-up one where none came."""
    reply = error.response or core.ErrorResponse(error.status_code or 400)
    headers = {name: value for name, value in reply.headers.items() if name not in _HOP_HEADERS}
    if error.retry_after is not None:
        headers["retry-after"] = seconds(error.retry_after)
    request = httpx.Request("POST", reply.url or "https://llmapi.resayil.io/v1")
    status = error.status_code or reply.status_code
    return httpx.Response(status, headers=_ascii(headers), content=reply.content, request=request)


def _ascii(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value.encode("ascii", "backslashreplace").decode() for name, value in headers.items()}


@contextmanager
def litellm_errors(model: str, *, setup: bool = False) -> Iterator[None]:
    """Within it, errors of the core leave as LiteLLM's."""
    try:
        yield
    except core.ResayilError as error:
        raise translated(error, model, setup=setup) from error


class ContextWindowFallbackError(litellm.MidStreamFallbackError, litellm.ContextWindowExceededError):
    """A context-window error before the first chunk, for the fallbacks of that name."""


class ContentPolicyFallbackError(litellm.MidStreamFallbackError, litellm.ContentPolicyViolationError):
    """A content-policy error before the first chunk, for the fallbacks of that name."""


_SPECIAL: Mapping[type[Exception], type[litellm.MidStreamFallbackError]] = {
    litellm.ContextWindowExceededError: ContextWindowFallbackError,
    litellm.ContentPolicyViolationError: ContentPolicyFallbackError,
}


@contextmanager
def before_first_chunk() -> Iterator[None]:
    """Within it, an asynchronous stream opens under a Router that reads its first chunk too late.

    Such a Router falls back on this one exception only, and would raise every other at once. It looks for
    the fallbacks of context and policy errors by class, so those two are both.
    """
    try:
        yield
    except _STATUS_ERRORS as error:
        raise _fallback(error) from error


_STATUS_ERRORS = (
    litellm.BadRequestError, litellm.AuthenticationError, litellm.PermissionDeniedError,
    litellm.NotFoundError, litellm.Timeout,
)  # fmt: skip
"""What LiteLLM does not wrap itself: it wraps 429 and everything from 500 up."""


def _fallback(error: Exception) -> litellm.MidStreamFallbackError:
    special = _SPECIAL.get(type(error))
    if special is None:
        return litellm.MidStreamFallbackError(
            message=str(error),
            model=getattr(error, "model", ""),
            llm_provider=PROVIDER,
            original_exception=error,
            is_pre_first_chunk=True,
        )
    made = special.__new__(special, *error.args)
    made.__dict__.update(error.__dict__)
    made.original_exception, made.generated_content, made.is_pre_first_chunk = None, "", True
    return made
