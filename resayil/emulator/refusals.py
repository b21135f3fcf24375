"""Refusals: every status that is not an answer, and the envelope each dialect puts it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from resayil.emulator.values import Json, JsonObject

MESSAGES_DIALECTS = frozenset({"messages", "count_tokens"})
UNAUTHORIZED, PAYMENT, NOT_FOUND, UNPROCESSABLE, TOO_MANY, SERVER = 401, 402, 404, 422, 429, 500
UPSTREAM_FAILURE = "Failed to connect to Ollama service"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reason:
    """One row of the table of statuses: the word in either envelope, and the text when none is given."""

    code: str
    type: str
    message: str


REASONS: dict[int, Reason] = {
    400: Reason("invalid_request", "invalid_request_error", "The request is malformed."),
    401: Reason("unauthorized", "authentication_error", "Invalid or missing API key"),
    402: Reason(
        "insufficient_credits", "insufficient_credits", "Insufficient credits. Please top up your account."
    ),
    403: Reason(
        "forbidden", "permission_error", "Your API key does not have permission for the requested action."
    ),
    404: Reason("not_found", "not_found_error", "The requested resource does not exist."),
    405: Reason("method_not_allowed", "invalid_request_error", "This method is not allowed here."),
    408: Reason("request_timeout", "timeout_error", "The request took too long."),
    413: Reason("request_too_large", "request_too_large", "The request body is too large."),
    422: Reason("validation_error", "invalid_request_error", "Validation failed."),
    429: Reason("rate_limit_exceeded", "rate_limit_error", "Rate limit exceeded."),
    500: Reason("server_error", "api_error", "Server error."),
    502: Reason("bad_gateway", "api_error", "Bad gateway."),
    503: Reason(
        "service_unavailable", "api_error", "Model service is temporarily unavailable. Please retry shortly."
    ),
    504: Reason("gateway_timeout", "api_error", "Gateway timeout."),
    529: Reason(
        "overloaded", "overloaded_error", "The API is temporarily overloaded. Retry after a brief wait."
    ),
}
UNKNOWN_CLIENT = Reason("error", "invalid_request_error", "The request was refused.")
UNKNOWN_SERVER = Reason("server_error", "api_error", "Server error.")


@dataclass(slots=True)
class RefusalError(Exception):
    """The request is not answered, and this is why.

    `fields` are the field errors of a validation failure; `plain` asks for them without an `error` key.
    `malformed` says that the body could not be read at all.
    """

    status: int
    message: str = ""
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False
    malformed: bool = False

    @property
    def reason(self) -> Reason:
        """The row of the table for this status."""
        return REASONS.get(self.status, UNKNOWN_SERVER if self.status >= SERVER else UNKNOWN_CLIENT)

    @property
    def text(self) -> str:
        """The words to show."""
        return self.message or self.reason.message


def invalid(where: str, what: str) -> RefusalError:
    """A field that is not as it must be; the dialect decides between 400 and 422."""
    return RefusalError(UNPROCESSABLE, f"{where}: {what}", fields={where: [what]})


def old_validation(where: str, what: str) -> RefusalError:
    """The March server's validation failure: field errors and no `error` key."""
    return RefusalError(UNPROCESSABLE, "Validation failed.", fields={where: [what]}, plain=True)


def envelope(refusal: RefusalError, dialect: str, oddities: frozenset[str]) -> JsonObject:
    """The error's body in the form that the dialect and the switches ask for."""
    if refusal.plain:
        return {"message": refusal.text, "errors": dict(refusal.fields)}
    if dialect in MESSAGES_DIALECTS:
        error = {"type": refusal.reason.type, "message": refusal.text}
        return {"type": "error", "error": error, **refusal.extra}
    if "string-error" in oddities and _is_bad_key(refusal, oddities):
        return {"message": "Unauthenticated.", "error": "Invalid API key."}
    if "message-only-error" in oddities and refusal.status == SERVER:
        return {"message": refusal.text}
    body: JsonObject = {"error": {"code": _code(refusal, oddities), "message": refusal.text}, **refusal.extra}
    return {**body, "errors": dict(refusal.fields)} if refusal.fields else body


def _code(refusal: RefusalError, oddities: frozenset[str]) -> Json:
    if "int-error-code" in oddities:
        return refusal.status
    digits = refusal.status == TOO_MANY and "digit-code-429" in oddities
    return str(refusal.status) if digits else refusal.reason.code


def _is_bad_key(refusal: RefusalError, oddities: frozenset[str]) -> bool:
    missing = refusal.message != "" and "int-error-code" in oddities
    return refusal.status == UNAUTHORIZED and not missing


def page(status: int) -> str:
    """An error as a proxy would show it."""
    title = REASONS[status].message if status in REASONS else "Error"
    return f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{title}</h1></body></html>"
