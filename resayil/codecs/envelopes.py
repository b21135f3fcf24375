"""One reader for every shape in which the service reports an error.

Status first, then code or type, then text. The shapes seen: ``{"error": {"code", "message"}}`` with words,
numbers or number words as code; Anthropic's ``{"type": "error", "error": {"type", "message"}}``;
``{"message", "error": "text"}``; ``{"message", "errors": {field: [text]}}``; lists, strings, pages of HTML.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from resayil.errors import (
    APIStatusError,
    ContextOverflowError,
    ErrorResponse,
    InsufficientCreditsError,
    NotFoundError,
    OverloadedError,
    ResayilError,
    UnexpectedContentError,
    error_class,
)
from resayil.models import bare

CODE_STATUS: Mapping[str, int] = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "unauthorized": 401,
    "unauthenticated": 401,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "insufficient_credits": 402,
    "insufficient_quota": 402,
    "billing_error": 402,
    "permission_error": 403,
    "forbidden": 403,
    "not_found": 404,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "validation_error": 422,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_error": 500,
    "internal_server_error": 500,
    "service_unavailable": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
    "overloaded": 529,
}
"""The status that an error code or type stands for, inside a reply whose own status says nothing."""

_CREDITS = re.compile(r"\bcredits?\b|رصيد", re.IGNORECASE)
_OVERFLOW = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|prompt (?:is )?too long|input (?:is )?too long"
    r"|too many (?:input |prompt )?tokens|exceeds? the (?:model'?s )?(?:maximum )?(?:context|token limit)",
    re.IGNORECASE,
)
_HTML = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)
_ANSWER_FIELDS = frozenset({"choices", "content", "id", "type"})
_EXCERPT = 200
_OK, _REDIRECT, _CLIENT, _SERVER = 200, 300, 400, 500


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an error body says."""

    message: str = ""
    code: str | None = None
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry_after: object = None


def read_envelope(body: object) -> Envelope:
    """The error in a body of any shape; an empty envelope where there is none to read."""
    if isinstance(body, str):
        return Envelope(body)
    if not isinstance(body, Mapping):
        return Envelope("" if body is None else str(body)[:_EXCERPT])
    inner = body.get("error")
    inner_map: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
    code = next(
        (
            str(value)
            for value in (inner_map.get("code"), inner_map.get("type"), body.get("code"))
            if _is_code(value)
        ),
        None,
    )
    texts = [
        inner if isinstance(inner, str) else inner_map.get("message"),
        body.get("message"),
        body.get("detail"),
    ]
    message = next((text if isinstance(text, str) else str(text)[:_EXCERPT] for text in texts if text), "")
    return Envelope(
        message, code, _fields(body.get("errors")), inner_map.get("retry_after", body.get("retry_after"))
    )


def _is_code(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _fields(errors: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(errors, Mapping):
        return {}
    return {
        str(name): tuple(map(str, texts)) if isinstance(texts, list) else (str(texts),)
        for name, texts in errors.items()
    }


def holds_error(body: object) -> bool:
    """Whether a 200 reply or a stream's event, as parsed, is an error after all."""
    if not isinstance(body, dict):
        return False
    if body.get("error") is not None or body.get("type") == "error":
        return True
    return isinstance(body.get("message"), str) and _ANSWER_FIELDS.isdisjoint(body)


def error_from(
    response: ErrorResponse, body: object, *, now: float
) -> APIStatusError | UnexpectedContentError:
    """The typed error of a reply.

    Args:
        response: The redacted reply; a status below 300 means that the error came inside a 200.
        body: Its body as JSON, or as text where it is none.
        now: Wall-clock time, Unix seconds, against which an HTTP date is read.
    """
    if _REDIRECT <= response.status_code < _CLIENT:
        return UnexpectedContentError(
            f"The service redirects to {_origin(response.headers.get('location', ''))}; "
            "redirects are never followed. Check the base URL.",
            response=response,
        )
    page = isinstance(body, str) and _HTML.match(body) is not None
    envelope = Envelope("a web page: wrong base URL, or a proxy's page") if page else read_envelope(body)
    status = _status(response.status_code, envelope)
    kind = _refine(error_class(status), status, envelope)
    return kind(
        _sentence(status, envelope),
        code=envelope.code,
        status_code=status,
        response=response,
        retry_after=retry_after(response.headers, envelope.retry_after, now=now),
        fields=envelope.fields,
    )


def _status(status: int, envelope: Envelope) -> int:
    """An error inside a 200 has the status that its code stands for."""
    if status >= _CLIENT or envelope.code is None:
        return status
    if envelope.code.isdigit():
        return int(envelope.code[:3])
    return CODE_STATUS.get(envelope.code.lower(), status)


def _refine(kind: type[APIStatusError], status: int, envelope: Envelope) -> type[APIStatusError]:
    said = f"{envelope.code} {envelope.message}"
    if _OVERFLOW.search(said):
        return ContextOverflowError
    if _CLIENT <= status < _SERVER and status != 429 and _CREDITS.search(said):  # noqa: PLR2004 - 429 is about requests
        return InsufficientCreditsError
    return kind


def _sentence(status: int, envelope: Envelope) -> str:
    code = f" {envelope.code}" if envelope.code and envelope.code != str(status) else ""
    where = "inside a 200 reply" if status == _OK else f"{status}{code}"
    fields = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in envelope.fields.items())
    said = " ".join(filter(None, (envelope.message.strip(), f"({fields})" if fields else "")))
    return f"The service answered {where}: {said or 'no reason given'}"


def _origin(location: str) -> str:
    match = re.match(r"(https?://)(?:[^/@]*@)?([^/?#]*)", location)
    return "".join(match.groups()) if match else "another path of this host"


def retry_after(headers: Mapping[str, str], in_body: object = None, *, now: float) -> float | None:
    """Seconds to wait, from ``retry-after-ms``, ``Retry-After`` (seconds or a date) or the body.

    What is not a finite positive number or a date to come is no hint.
    """
    milliseconds = _seconds(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    hint = headers.get("retry-after", "")
    wait = (http_date(hint) or now) - now
    return next(filter(None, (_seconds(hint), max(0.0, wait), _seconds(in_body))), None)


UNIX_TIME = 10**8
"""Above it a reset is a moment, below it a number of seconds."""

LONGEST_RESET = 60.0
"""Seconds of a window: a reset further away is a mistake, or a clock that is wrong."""


def reset_in(headers: Mapping[str, str], *, now: float) -> float:
    """Seconds until ``X-RateLimit-Reset``, rounded down; 0 where it says nothing usable.

    A moment is taken against the reply's own date where it has one, since two clocks may disagree.
    """
    reset = _seconds(headers.get("x-ratelimit-reset")) or 0.0
    if reset > UNIX_TIME:
        reset -= http_date(headers.get("date", "")) or now
    reset -= 1.0  # told in whole seconds, rounded up
    return reset if 0 < reset <= LONGEST_RESET else 0.0


def _seconds(value: object) -> float | None:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def http_date(text: str) -> float | None:
    """Unix seconds of an HTTP date, ``None`` where it is none; a date without a zone is UTC's."""
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def names_model(error: ResayilError, model: str) -> bool:
    """Whether a 503 is about the model, which is how an inactive one was reported."""
    return isinstance(error, OverloadedError) and bare(model) in error.message


def as_not_found(error: APIStatusError) -> NotFoundError:
    """The error of a model that is not there, whatever status it came with."""
    found = NotFoundError(
        error.message, code=error.code, status_code=error.status_code, response=error.response
    )
    found.attempts, found.maybe_billed, found.retry_after = (
        error.attempts,
        error.maybe_billed,
        error.retry_after,
    )
    return found
