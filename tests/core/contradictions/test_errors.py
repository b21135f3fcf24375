"""What a refusal is read as, and what is no answer at all: rows C17, C18 and C36 of the table."""

from __future__ import annotations

import httpx
import pytest
from core.support import KEY, MODEL, Scripted, Told, answer, client_of, json_reply

from resayil import (
    AuthenticationError,
    BadRequestError,
    ErrorResponse,
    InsufficientCreditsError,
    InternalServerError,
    OverloadedError,
    RateLimitError,
    UnexpectedContentError,
)
from resayil.codecs.envelopes import error_from

ENVELOPES: dict[str, tuple[int, object, type, str | None, str]] = {
    "words": (
        401,
        {"error": {"code": "unauthorized", "message": "No."}},
        AuthenticationError,
        "unauthorized",
        "No.",
    ),
    "digits": (429, {"error": {"code": "429", "message": "Slow."}}, RateLimitError, "429", "Slow."),
    "number": (401, {"error": {"code": 401, "message": "No."}}, AuthenticationError, "401", "No."),
    "anthropic": (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}},
        OverloadedError,
        "overloaded_error",
        "Busy.",
    ),
    "string": (
        401,
        {"message": "Unauthenticated.", "error": "Invalid API key."},
        AuthenticationError,
        None,
        "Invalid",
    ),
    "no error": (500, {"message": "Server error."}, InternalServerError, None, "Server error."),
    "fields": (
        422,
        {"message": "Validation failed.", "errors": {"model": ["مطلوب", "x"]}},
        BadRequestError,
        None,
        "model: مطلوب x",
    ),
    "html": (502, "<!DOCTYPE html><html>x</html>", InternalServerError, None, "proxy's page"),
    "status over code": (
        401,
        {"error": {"code": "not_found", "message": "x"}},
        AuthenticationError,
        "not_found",
        "x",
    ),
    "code over text": (
        200,
        {"error": {"code": "overloaded", "message": "not found"}},
        OverloadedError,
        "overloaded",
        "",
    ),
    "redirect": (302, "", UnexpectedContentError, None, "never followed"),
}


@pytest.mark.parametrize("name", ENVELOPES)
def test_c17_one_normaliser(name: str) -> None:
    """Every shape of error becomes a class by status, then code, then text, with its code and words."""
    status, body, kind, code, words = ENVELOPES[name]
    error = error_from(ErrorResponse(status), body, now=0.0)
    assert type(error) is kind
    assert error.code == code
    assert words in error.message


def test_c17_the_raw_body_the_fields_and_the_address_are_kept() -> None:
    """A person can look at what came, and from where; never at the key."""
    body = {"message": "Validation failed.", "errors": {"messages.0.role": ["bad"]}, "x": [1], "key": KEY}
    with pytest.raises(BadRequestError) as caught:
        client_of(Scripted(json_reply(body, 422))).chat(MODEL, "س")
    error = caught.value
    assert error.fields == {"messages.0.role": ("bad",)}
    assert error.response is not None
    assert error.response.json()["x"] == [1]
    assert error.response.url == "http://localhost:9/v1/chat/completions"
    assert KEY not in error.response.text


@pytest.mark.parametrize(
    ("status", "text"),
    [(402, "no"), (403, "Insufficient credits."), (400, "رصيدك غير كافٍ"), (422, "credit limit")],
)
def test_c18_missing_credits_have_one_class(status: int, text: str) -> None:
    """402, or any other 4xx that speaks of credits, in either envelope."""
    for body in ({"error": {"message": text}}, {"type": "error", "error": {"type": "x", "message": text}}):
        assert type(error_from(ErrorResponse(status), body, now=0.0)) is InsufficientCreditsError


def test_c18_a_429_about_credits_is_still_about_requests() -> None:
    """What a rate limit says of credits does not make it a matter of money."""
    error = error_from(ErrorResponse(429), {"error": {"message": "10 credits per minute"}}, now=0.0)
    assert type(error) is RateLimitError


def test_c18_a_503_after_a_long_prompt_hints_at_its_length() -> None:
    """The service answers 503 to what is too long, and the message says so; a short prompt gets no hint."""
    for text, hinted in (("كلمة " * 20_000, True), ("كلمة", False)):
        with pytest.raises(OverloadedError) as caught:
            client_of(emulator_of_503()).chat(MODEL, text)
        assert ("too long" in str(caught.value)) == hinted


def emulator_of_503() -> Scripted:
    """A server that says what the March server said of every trouble."""
    return Scripted(
        json_reply({"error": {"code": 503, "message": "Failed to connect to Ollama service"}}, 503)
    )


def test_c36_the_clocks_allow_for_a_slow_model() -> None:
    """300 s of silence and 10 s for a connection by default, and httpx is told so."""
    transport = Scripted(json_reply(answer()))
    client_of(transport).chat(MODEL, "س")
    timeout = transport.requests[0].extensions["timeout"]
    assert (timeout["read"], timeout["connect"]) == (300.0, 10.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_c36_a_post_follows_no_redirect(status: int) -> None:
    """Nothing is sent to the new address, no GET is made of it, and the error names where it led."""
    headers = {"location": "https://user:pw@elsewhere.example/login?x=1"}
    transport = Scripted(Told(status, headers, (b"<html>",)))
    with pytest.raises(UnexpectedContentError, match=r"https://elsewhere\.example;") as caught:
        client_of(transport, max_retries=3).chat(MODEL, "س")
    assert len(transport.requests) == 1
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("kind", ["text/html", "application/json", "", "text/event-stream"])
@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
def test_c36_a_page_is_named_as_one(kind: str, *, streamed: bool) -> None:
    """HTML under 200, whatever it calls itself: wrong base URL or a proxy's page."""
    page = Told(200, {"content-type": kind} if kind else {}, (b"\n <!DOCTYPE html><html>", b"x</html>"))
    client = client_of(Scripted(page))
    with pytest.raises(UnexpectedContentError, match="wrong base URL or a proxy's page"):
        list(client.stream(MODEL, "س")) if streamed else client.chat(MODEL, "س")


def test_httpx_is_never_asked_to_follow() -> None:
    """The client that the pack makes has redirects switched off, on GET too."""
    transport = Scripted(Told(302, {"location": "/login"}))
    with pytest.raises(UnexpectedContentError):
        client_of(transport).models()
    assert [request.method for request in transport.requests] == ["GET"]
    assert isinstance(transport.requests[0], httpx.Request)
