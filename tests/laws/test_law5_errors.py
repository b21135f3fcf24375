"""Law 5: every failure has one class, tells whether it may pass, pickles, and holds no key."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import pickle
import traceback
from typing import Any

import httpx
import pytest
from core.support import (
    KEY,
    MODEL,
    PNG,
    Scripted,
    Told,
    async_client_of,
    chunk,
    client_of,
    json_reply,
    sse_reply,
)
from hypothesis import given
from hypothesis import strategies as st
from laws import strategies as some

import resayil
from resayil import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncClient,
    AuthenticationError,
    BadRequestError,
    Client,
    ConfigurationError,
    ContextOverflowError,
    ErrorResponse,
    InsufficientCreditsError,
    InternalServerError,
    NotFoundError,
    OverloadedError,
    PartialToolCall,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ResayilError,
    Settings,
    UnexpectedContentError,
    Usage,
)
from resayil.codecs.envelopes import CODE_STATUS, error_from, retry_after
from resayil.emulator import Emulator
from resayil.errors import MAX_MESSAGE_BYTES, STATUS_ERRORS
from resayil.retry import may_be_resent

CLASSES = sorted(
    (
        value
        for value in (getattr(resayil, name) for name in resayil.__all__)
        if inspect.isclass(value) and issubclass(value, ResayilError)
    ),
    key=lambda kind: kind.__name__,
)
LISTED = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    422: BadRequestError,
    429: RateLimitError,
    500: InternalServerError,
    502: InternalServerError,
    503: OverloadedError,
    504: InternalServerError,
    524: InternalServerError,
    529: OverloadedError,
}
RESENT = {429, 500, 502, 503, 504, 529}


def _class_of(status: int) -> type[ResayilError]:
    if status in LISTED:
        return LISTED[status]
    if 300 <= status < 400:
        return UnexpectedContentError
    return InternalServerError if status >= 500 else APIStatusError


@pytest.mark.parametrize("body", [None, {}, [], "text", 5, {"error": "text"}, {"error": {"code": 1.5}}])
def test_every_status_has_one_class(body: object) -> None:
    """Whatever the body, a status from 300 to 599 is one class, and is sent again only if listed."""
    for status in range(300, 600):
        error = error_from(ErrorResponse(status), body, now=0.0)
        assert type(error) is _class_of(status)
        assert may_be_resent(error) == (status in RESENT)
        assert error.status_code == status


@pytest.mark.parametrize("code", sorted(CODE_STATUS))
def test_every_code_inside_a_200_has_the_class_of_its_status(code: str) -> None:
    """An error in a 200 is what its code would have been as a status."""
    for body in ({"error": {"code": code, "message": "x"}}, {"type": "error", "error": {"type": code}}):
        error = error_from(ErrorResponse(200), body, now=0.0)
        expected = STATUS_ERRORS.get(CODE_STATUS[code], InternalServerError)
        assert type(error) is (ContextOverflowError if code == "context_length_exceeded" else expected)


def test_retryable_classes() -> None:
    """What may pass without a change to the request says so."""
    names = {kind.__name__ for kind in CLASSES if kind.retryable}
    assert names == {
        "APIConnectionError",
        "APITimeoutError",
        "InternalServerError",
        "LocalRateLimitError",
        "OverloadedError",
        "RateLimitError",
    }


bodies = st.recursive(
    some.leaves | some.texts | st.floats() | st.binary(max_size=5).map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(("error", "message", "code", "type", "errors", "detail", "retry_after", "x")),
            inner,
        )
    ),
    max_leaves=8,
)


@given(bodies, st.sampled_from((200, 302, 400, 404, 422, 429, 500, 503)))
def test_any_body_makes_a_printable_error(body: object, status: int) -> None:
    """No body of an error reply can break its reader; the message is short, clean and never empty."""
    error = error_from(ErrorResponse(status, {"location": str(body)}), body, now=0.0)
    assert error.message == str(error)
    assert 0 < len(str(error).encode()) <= MAX_MESSAGE_BYTES
    assert not any(char < " " or char == "\x7f" for char in str(error))
    assert error.retry_after is None or 0 < error.retry_after < float("inf")


@given(
    st.sampled_from(("retry-after", "retry-after-ms")),
    some.texts | st.floats().map(str) | st.integers().map(str) | st.just("Fri, 31 Dec 9999 23:59:59 GMT"),
)
def test_any_hint_is_a_wait_or_none(name: str, value: str) -> None:
    """Nonsense in a waiting hint is no hint, and never an exception."""
    wait = retry_after({name: value}, None, now=0.0)
    assert wait is None or 0 < wait < float("inf")


@pytest.mark.parametrize(
    ("headers", "in_body", "expected"),
    [
        ({"retry-after": "1"}, 9, 1.0),
        ({"retry-after": "1.5"}, None, 1.5),
        ({"retry-after-ms": "300", "retry-after": "9"}, None, 0.3),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, None, 60.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:00"}, None, 60.0),
        ({"retry-after": "Wed, 31 Dec 1969 00:00:00 GMT"}, 3, 3.0),
        ({}, 7, 7.0),
        ({}, "7", 7.0),
        ({"retry-after": "nan"}, "inf", None),
        ({"retry-after": "-5"}, True, None),
        ({"retry-after": "٣٠ ثانية"}, {"x": 1}, None),
        ({"retry-after": "99999999999999999999999999 Jan 99999 00:00:00"}, 10**400, None),
    ],
)
def test_hints(headers: dict[str, str], in_body: object, expected: float | None) -> None:
    """Milliseconds win, then seconds or a date, then the body; what is past or no number is no hint."""
    assert retry_after(headers, in_body, now=0.0) == expected


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickle_and_copy(kind: type[ResayilError]) -> None:
    """An error that crosses a process keeps every attribute."""
    response = ErrorResponse(429, {"x-request-id": "req_1"}, '{"رصيد": 1}'.encode(), "https://example.com/v1")
    error = kind("حدث خطأ", code="c", response=response, retry_after=2.5, fields={"a": ("b",)})
    error.attempts, error.maybe_billed, error.partial_text = 3, 1, "نص"
    error.partial_tool_calls = (PartialToolCall("c1", "t", "{"),)
    error.usage = Usage(1, 2)
    if isinstance(error, APIConnectionError):
        error.phase = "gap"
    for made in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301 - pickled right here
        assert type(made) is kind
        assert vars(made) == vars(error)
        assert (str(made), made.args) == (str(error), error.args)
        assert made.request_id == "req_1"
        assert made.response is not None
        assert made.response.json() == {"رصيد": 1}


def test_error_response_tells_its_text() -> None:
    """Bytes that are no UTF-8 are shown as such, and what is no JSON says so."""
    response = ErrorResponse(500, content=b"\xff<html>")
    assert response.text == "\ufffd<html>"
    with pytest.raises(ValueError, match="expected"):
        response.json()


ECHO = f"Invalid key {KEY} given"


def _echoing(request: httpx.Request) -> Told:
    seen = request.headers["authorization"]
    return json_reply(
        {"error": {"code": "unauthorized", "message": f"{ECHO}: {seen}"}, "errors": {"key": [seen]}},
        401,
        **{"x-echo": seen, "set-cookie": KEY, "x-request-id": KEY},
    )


def _page(_: httpx.Request) -> Told:
    return Told(200, {"content-type": "text/html", "x-echo": KEY}, (f"<html>{KEY}".encode(),))


def _stream_error(_: httpx.Request) -> Told:
    return sse_reply(chunk({"content": "م"}), f'data: {{"error":{{"message":"{ECHO}"}}}}\n\n'.encode())


LEAKS: dict[str, Any] = {
    "echoed in a 401": _echoing,
    "echoed in a page": _page,
    "echoed in a stream": _stream_error,
    "echoed under 200": lambda _: json_reply({"error": {"message": ECHO}}),
    "echoed in broken JSON": Told(200, {"content-type": "application/json"}, (f'{{"{KEY}'.encode(),)),
    "echoed in a broken event": sse_reply(f"data: {{{KEY}\n\n".encode()),
    "echoed in a wrong shape": json_reply({"key": KEY}),
    "echoed in a location": Told(302, {"location": f"https://{KEY}.example/{KEY}"}),
    "connection refused": httpx.ConnectError("refused"),
    "timed out": httpx.ReadTimeout("late"),
    "broken off": sse_reply(chunk({"content": "م"}), httpx.ReadError("reset")),
}


def _everything_shown(error: BaseException) -> str:
    """All that a log, a debugger or a crash reporter would show of an error."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    pieces = [repr(error), str(error), repr(error.args), "".join(told.format()), repr(vars(error))]
    pieces.append(pickle.dumps(error).decode("latin-1"))
    if isinstance(error, ResayilError) and error.response is not None:
        pieces += [repr(error.response), error.response.text, repr(error.response.headers), str(error.fields)]
    return "\n".join(pieces)


def _ask(client: Client, *, streamed: bool) -> None:
    if streamed:
        list(client.stream(MODEL, "سؤال سرّي"))
    else:
        client.chat(MODEL, "سؤال سرّي")


async def _ask_async(client: AsyncClient, *, streamed: bool) -> None:
    if streamed:
        async for _ in await client.stream(MODEL, "سؤال سرّي"):
            pass
    else:
        await client.chat(MODEL, "سؤال سرّي")


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize("name", LEAKS)
async def test_no_key_in_anything_shown(
    name: str, *, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """However the service gives the key back, no error, no traceback with locals and no log holds it."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ResayilError) as caught:
        _ask(client_of(Scripted(LEAKS[name])), streamed=streamed)
    with pytest.raises(ResayilError) as caught_async:
        await _ask_async(async_client_of(Scripted(LEAKS[name])), streamed=streamed)
    assert type(caught_async.value) is type(caught.value)
    shown = [_everything_shown(error.value) for error in (caught, caught_async)]
    assert not [place for place in (*shown, caplog.text) if KEY in place]


@pytest.mark.parametrize(
    "step",
    [
        httpx.ConnectError(f"no way to {KEY}"),
        sse_reply(chunk({"content": "م"}), httpx.ReadError(f"lost {KEY}")),
    ],
    ids=["before", "inside"],
)
def test_a_librarys_words_are_masked_too(step: Any) -> None:
    """Whatever words an error is made of, the key in them is masked."""
    with pytest.raises(ResayilError) as caught:
        list(client_of(Scripted(step)).stream(MODEL, "س"))
    assert KEY not in f"{caught.value}{caught.value!r}{caught.value.args}"
    assert "sk-…c604" in str(caught.value)


async def test_no_key_and_no_prompt_in_debug_logs_of_a_real_call(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG, a call over a socket shows neither the key nor what was said."""
    caplog.set_level(logging.DEBUG)
    emulator = Emulator()
    key = emulator.add_key(KEY, plan="enterprise")
    with emulator.serve() as server:
        with Client(key, server.base_url) as client:
            client.chat(MODEL, "سؤال سرّي")
            list(client.stream(MODEL, "سؤال سرّي"))
        async with AsyncClient(key, server.base_url) as async_client:
            await async_client.chat(MODEL, "سؤال سرّي")
    assert "httpcore" in caplog.text
    assert KEY not in caplog.text
    assert "سرّي" not in caplog.text


async def test_no_key_in_clients_settings_and_requests() -> None:
    """Neither a client nor its settings show the key, whichever way they are looked at."""
    client, async_client = client_of(Scripted(Told())), async_client_of(Scripted(Told()))
    settings = client.settings
    shown = [
        repr(client), str(client), repr(vars(client)), repr(async_client), repr(vars(async_client)),
        repr(settings), str(settings), repr(vars(settings)), repr(settings.model_dump()),
        settings.model_dump_json(), repr(copy.copy(settings)), repr(copy.deepcopy(settings)),
        json.dumps(settings.model_dump(mode="json")),
    ]  # fmt: skip
    assert not [text for text in shown if KEY in text]
    for value in (client, async_client):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(value)


def test_settings_pickle_without_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings sent to another process leave the key behind; it is read from the environment there."""
    settings = Settings.load(api_key=KEY, base_url="https://example.com", max_retries=7)
    data = pickle.dumps(settings)
    assert KEY.encode() not in data
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", "sk-of-the-other-process")
    read = pickle.loads(data)  # noqa: S301 - pickled by this test
    assert (read.max_retries, read.base_url) == (7, "https://example.com/v1")
    assert read.secret == "sk-of-the-other-process"
    monkeypatch.delenv("LLM_RESAYIL_API_KEY")
    with pytest.raises(ConfigurationError):
        pickle.loads(data)  # noqa: S301 - the same


def test_settings_pickle_without_a_stores_password() -> None:
    """A store's address may hold a password, which stays behind as well."""
    settings = Settings.load(api_key=KEY, limit_storage="redis://user:hunter2@localhost/0")
    assert b"hunter2" not in pickle.dumps(settings)


def test_images_show_their_size_only() -> None:
    """A picture in a message, a request or an error is a few words, never its bytes."""
    part = resayil.ImagePart(PNG + bytes(123_000))
    assert repr(part) == "<image 123 kB>"
    assert "iVBOR" not in repr(resayil.ChatRequest("m", (resayil.user("؟", part),)))


def test_an_arabic_message_stays_whole() -> None:
    """Arabic in an error is not escaped, and control and bidi characters in it are made harmless."""
    body = {"error": {"code": 402, "message": "رصيدك غير كافٍ \u202eabc\u202c \x1b[31mred\x1b[0m \x07"}}
    error = error_from(ErrorResponse(402), body, now=0.0)
    assert "رصيدك غير كافٍ" in str(error)
    assert "<U+202E>abc<U+202C> red" in str(error)


def test_timeouts_and_connections_tell_their_phase() -> None:
    """A caller can tell a full pool from a silent server."""
    for raised, phase in (
        (httpx.PoolTimeout("x"), "pool"),
        (httpx.ConnectTimeout("x"), "connect"),
        (httpx.WriteTimeout("x"), "write"),
        (httpx.ReadTimeout("x"), "read"),
    ):
        with pytest.raises(APITimeoutError) as caught:
            client_of(Scripted(raised)).chat(MODEL, "س")
        assert caught.value.phase == phase
