"""Where the documents disagree on what comes back: rows C13, C17–C25, C29, C33 and C36 of the table."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from core.support import (
    KEY,
    MODEL,
    Scripted,
    Told,
    answer,
    chunk,
    client_of,
    emulator_of,
    event,
    json_reply,
    sse_reply,
)

import resayil
from resayil import (
    AuthenticationError,
    BadRequestError,
    ChatResponse,
    Client,
    CreditPolicy,
    EmptyResponseError,
    ErrorResponse,
    InsufficientCreditsError,
    InternalServerError,
    LocalRateLimitError,
    ModelInfo,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    StreamInterruptedError,
    UnexpectedContentError,
    Usage,
)
from resayil.codecs import anthropic_replies, openai_replies
from resayil.codecs.envelopes import error_from
from resayil.emulator import ODDITIES
from resayil.retry import RetryPolicy

PACKAGE = Path(resayil.__file__).parent
SOURCES = [path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts]


def _streamed(*pieces: bytes) -> ChatResponse:
    stream = client_of(Scripted(sse_reply(*pieces))).stream(MODEL, "س")
    list(stream)
    return stream.response()


@pytest.mark.parametrize("delta", [[], None, {}], ids=["list", "null", "empty"])
def test_c13_any_last_delta(delta: object) -> None:
    """A list or a null where a delta belongs does no harm."""
    response = _streamed(chunk({"content": "نعم"}), chunk(delta, "stop"), event("[DONE]"))
    assert (response.text, response.finish_reason) == ("نعم", "stop")


@pytest.mark.parametrize("oddities", [("delta-array", "no-stream-usage"), ("no-done",), ("escaped-arabic",)])
def test_c13_odd_ends_against_the_emulator(oddities: tuple[str, ...]) -> None:
    """However a stream ends behind its finish reason, it is whole; missing usage is a marked estimate."""
    emulator = emulator_of(*oddities)
    emulator.reply("مرحبًا بك")
    stream = client_of(emulator.transport()).stream(MODEL, "س")
    list(stream)
    response = stream.response()
    assert (response.text, response.finish_reason) == ("مرحبًا بك", "stop")
    assert response.usage.estimated == ("no-stream-usage" in oddities)
    assert response.usage.total_tokens > 0


def test_c13_an_end_without_a_finish_reason_is_an_error() -> None:
    """What came is kept, and no finish is made up."""
    with pytest.raises(StreamInterruptedError) as caught:
        _streamed(chunk({"content": "نعم"}))
    assert caught.value.partial_text == "نعم"


def test_c13_an_empty_stream_is_an_error() -> None:
    """A 200 without a single event is never an empty answer."""
    with pytest.raises(EmptyResponseError):
        client_of(emulator_of("empty-stream").transport()).stream(MODEL, "س")


def test_c13_an_error_inside_a_stream_is_an_error() -> None:
    """It has the class that its code stands for, and keeps what was delivered."""
    with pytest.raises(RateLimitError) as caught:
        _streamed(chunk({"content": "نعم"}), event({"error": {"code": 429, "message": "x"}}))
    assert caught.value.partial_text == "نعم"


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


def test_c19_no_more_than_allowed_in_any_minute() -> None:
    """Whatever is asked for counts, and the request above the limit is not sent at all."""
    transport = Scripted(json_reply(answer()), json_reply({"data": []}), json_reply(answer()))
    client = client_of(transport, requests_per_minute=2, limit_max_wait=0)
    client.chat(MODEL, "س")
    client.models()
    with pytest.raises(LocalRateLimitError) as caught:
        client.chat(MODEL, "س")
    assert len(transport.requests) == 2
    assert caught.value.retry_after is not None
    assert 55 < caught.value.retry_after <= 65


@pytest.mark.parametrize(
    ("plan", "allowed"), [("starter", 10), ("Basic", 10), ("pro", 30), ("enterprise", 60), (4, 4)]
)
def test_c20_a_plans_name_or_a_number(plan: str | int, allowed: int) -> None:
    """Either says how many requests a minute may hold."""
    transport = Scripted(json_reply({"data": []}))
    client = client_of(transport, requests_per_minute=plan, limit_max_wait=0)
    for _ in range(allowed):
        client.models()
    with pytest.raises(LocalRateLimitError):
        client.models()
    assert len(transport.requests) == allowed


def test_c20_the_limit_headers_reach_the_caller() -> None:
    """What the service says of its limit is in the response."""
    emulator = emulator_of()
    key = emulator.add_key(plan="basic")
    with Client(key, emulator.base_url, transport=emulator.transport()) as client:
        response = client.chat(MODEL, "س")
    assert response.headers["x-ratelimit-limit"] == "10"
    assert response.headers["x-ratelimit-remaining"] == "9"


@pytest.mark.parametrize("oddities", [(), ("fixed-minute",)])
def test_c19_either_way_of_counting_tells_how_long_to_wait(oddities: tuple[str, ...]) -> None:
    """A rolling or a fixed minute: the 429 is typed, with the wait that the service asks for."""
    emulator = emulator_of(*oddities)
    key = emulator.add_key(requests_per_minute=1)
    with Client(key, emulator.base_url, transport=emulator.transport(), max_retries=0) as client:
        client.models()
        with pytest.raises(RateLimitError) as caught:
            client.models()
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60


HINTS: list[tuple[dict[str, str], dict[str, Any], float | None]] = [
    ({"retry-after": "7"}, {"retry_after": 3}, 7.0),
    ({}, {"retry_after": 3}, 3.0),
    ({}, {"error": {"message": "x", "retry_after": 4}}, 4.0),
    ({}, {"error": {"message": "x", "retry_after": 4}, "retry_after": 9}, 4.0),
    ({}, {}, None),
]


@pytest.mark.parametrize(("headers", "body", "expected"), HINTS)
def test_c21_where_the_wait_is_read(headers: dict[str, str], body: object, expected: float | None) -> None:
    """The header first, then the body, inside the error or at its top."""
    assert error_from(ErrorResponse(429, headers), body, now=0.0).retry_after == expected


def _delay(status: int, attempts: int, *, hint: float | None = None, **policy: Any) -> float | None:
    error = error_from(ErrorResponse(status), {"retry_after": hint}, now=0.0)
    made = RetryPolicy(**{"max_retries": 99, "budget": 1e9, **policy})
    return made.delay(error, attempts=attempts, elapsed=0.0, now=100.0, jitter=0.5)


def test_c21_how_long_the_client_waits() -> None:
    """A hair longer than told; an unhinted 429 till the next minute and up to a second; else by doubling."""
    assert 5 < (_delay(429, 1, hint=5) or 0) < 5.05
    assert _delay(429, 1) == 20.5
    assert _delay(429, 3, unhinted_429="backoff") == 4.5
    assert [_delay(529, n) for n in (1, 2, 3, 4)] == [1.125, 2.25, 4.5, 9.0]
    assert _delay(529, 30) == 67.5
    assert [_delay(500, n) for n in (1, 2, 3)] == [1.125, 2.25, None]
    assert not [status for status in (400, 401, 402, 403, 404, 413, 422) if _delay(status, 1) is not None]


def test_c22_c23_c24_nothing_of_money_is_stated() -> None:
    """No amount, price, currency or payment system stands in the code; what is shown is what was read."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert not re.search(r"\b(?:KWD|USD|KNET|MyFatoorah|Stripe|PayPal)\b|5,000 credits", text)
    packs = [
        {"credits": 5000, "price": "2.000"},
        {"credits": 1, "amount": 0.25, "currency": "KWD", "name": "x"},
        "?",
    ]
    known, other = client_of(Scripted(json_reply({"data": {"packs": packs}}))).topups()
    assert (known.price, known.currency) == (Decimal("2.000"), None)
    assert (other.price, other.currency, other.extra) == (Decimal("0.25"), "KWD", {"name": "x"})


def test_c22_the_balance_is_read() -> None:
    """Credits come from the service, fractions and all, and unknown fields are kept."""
    body = {"status": "ok", "data": {"tier": "pro", "status": "active", "credits": "12.125", "x": 1}}
    balance = client_of(Scripted(json_reply(body))).balance()
    assert (balance.credits, balance.tier, balance.status) == (Decimal("12.125"), "pro", "active")
    assert balance.extra == {"x": 1}


@pytest.mark.parametrize("body", [[], {"x": 1}, None, {"data": []}])
def test_c22_a_reply_without_a_balance_is_no_zero(body: object) -> None:
    """What holds no subscription is an error, never a balance of nothing."""
    with pytest.raises(resayil.MalformedResponseError):
        client_of(Scripted(json_reply(body))).balance()
    with pytest.raises(resayil.MalformedResponseError):
        client_of(Scripted(json_reply({"data": {"x": 1}}))).topups()


def test_c25_the_credit_formula_is_a_setting() -> None:
    """Basis, unit and multipliers can be set; by default all tokens count, times what the list says."""
    usage = Usage(900, 100)
    catalogue = {"a": ModelInfo("a", credit_multiplier=Decimal("3.5")), "b": ModelInfo("b")}
    assert CreditPolicy().estimate(usage, "a", catalogue) == 3500
    assert CreditPolicy().estimate(usage, "b", catalogue) == 1000
    assert CreditPolicy().estimate(usage, "b:cloud", catalogue) == 2000
    assert CreditPolicy().estimate(usage, "c-cloud", {}) == 2000
    assert CreditPolicy(basis="output").estimate(usage, "a", catalogue) == 350
    assert CreditPolicy(per=1000).estimate(usage, "a", catalogue) == Decimal("3.5")
    assert CreditPolicy(multipliers={"a": Decimal(7)}).estimate(usage, "a", catalogue) == 7000
    assert "estimate" in (CreditPolicy.estimate.__doc__ or "").lower()


def test_c29_an_inactive_model_is_not_found() -> None:
    """404, or a 503 that names the model: NotFound, the second after one more try."""
    emulator = emulator_of()
    with pytest.raises(NotFoundError):
        client_of(emulator.transport(), max_retries=5).chat("neural-chat", "س")
    assert len(emulator.requests) == 1


def test_c29_a_503_that_names_the_model_is_not_found_after_one_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once more, since a 503 may pass, and then told as what it is."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    emulator = emulator_of("inactive-503")
    with pytest.raises(NotFoundError) as caught:
        client_of(emulator.transport(), max_retries=5).chat("neural-chat", "س")
    assert (caught.value.attempts, caught.value.status_code, len(emulator.requests)) == (2, 503, 2)


def test_c29_inactive_models_are_hidden_unless_asked_for() -> None:
    """A list shows what can be used; asked, it shows all."""
    client = client_of(emulator_of().transport())
    assert "neural-chat" not in {info.id for info in client.models()}
    assert "neural-chat" in {info.id for info in client.models(include_inactive=True)}


@pytest.mark.parametrize("word", [*openai_replies.FINISH_REASONS, "eos", "انتهى"])
def test_c33_finish_reasons_on_chat(word: str) -> None:
    """Known words are read by one table, unknown ones pass through."""
    reply = answer()
    reply["choices"][0]["finish_reason"] = word
    found = client_of(Scripted(json_reply(reply))).chat(MODEL, "س").finish_reason
    assert found == openai_replies.FINISH_REASONS.get(word, word)


@pytest.mark.parametrize("word", [*anthropic_replies.FINISH_REASONS, "pause_turn", "انتهى"])
def test_c33_finish_reasons_on_messages(word: str) -> None:
    """The same words for the other dialect's."""
    reply = {"content": [{"type": "text", "text": "نعم"}], "stop_reason": word}
    found = client_of(Scripted(json_reply(reply)), api="messages").chat(MODEL, "س").finish_reason
    assert found == anthropic_replies.FINISH_REASONS.get(word, word)
    assert found in {"stop", "length", "tool_calls", "content_filter", "pause_turn", "انتهى"}


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


def _names(folder: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("test_contradictions_*.py"))


def test_every_row_of_the_table_has_a_test() -> None:
    """No row C1–C36 is left to good intentions."""
    names = " ".join(re.findall(r"def (test_c\w+)", _names(Path(__file__).parent)))
    rows = {int(row) for row in re.findall(r"_c(\d\d)", names)}
    assert rows == set(range(1, 37))


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize(
    "oddities", [*([row.name] for row in ODDITIES.values() if row.march), [], ["all"]], ids=str
)
def test_march_server_crashes_nothing(oddities: list[str], *, streamed: bool) -> None:
    """Each oddity of March alone, and all together: an answer whose parts are all there, or a typed error."""
    profile = "march-2026" if oddities == ["all"] else "documented"
    emulator = emulator_of(*(name for name in oddities if name != "all"), profile=profile)
    emulator.reply("مرحبًا بك في المتجر")
    client = client_of(emulator.transport())
    if streamed:
        stream = client.stream(MODEL, "س")
        list(stream)
        response = stream.response()
    else:
        response = client.chat(MODEL, "س")
    assert response.text == "مرحبًا بك في المتجر"
    assert response.finish_reason == "stop"
    assert response.usage.total_tokens > 0


def test_httpx_is_never_asked_to_follow() -> None:
    """The client that the pack makes has redirects switched off, on GET too."""
    transport = Scripted(Told(302, {"location": "/login"}))
    with pytest.raises(UnexpectedContentError):
        client_of(transport).models()
    assert [request.method for request in transport.requests] == ["GET"]
    assert isinstance(transport.requests[0], httpx.Request)
