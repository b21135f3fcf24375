"""What the error of a stream that breaks off carries, for each way in which it can."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from core.support import (
    BASE_URL,
    KEY,
    MODEL,
    WEATHER,
    FakeClock,
    Scripted,
    Told,
    chunk,
    client_of,
    event,
    json_reply,
)

from resayil import (
    APITimeoutError,
    ChatRequest,
    ChatResponse,
    EmptyResponseError,
    MalformedResponseError,
    OverloadedError,
    ReasoningPart,
    ResayilError,
    Settings,
    StreamInterruptedError,
    UsageReport,
    user,
)
from resayil.calls import Calls
from resayil.effects import Acquire, Head, Read, Send
from resayil.limits import Place

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
BEGUN = (
    chunk({"content": "مر"}),
    chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a'}}]}),
    event({"id": "c1", "model": MODEL, "choices": [], "usage": USAGE}),
)
DOWN = json_reply({"error": {"code": "service_unavailable", "message": "x"}}, 503, **{"retry-after-ms": "1"})
FAILED = json_reply({"error": {"code": "api_error", "message": "x"}}, 500, **{"retry-after-ms": "1"})
HEADERS = {"content-type": "text/event-stream", "x-request-id": "req-1"}

ENDS: dict[str, tuple[bytes | Exception | None, type[ResayilError], str]] = {
    "reset": (httpx.ReadError("reset by peer"), StreamInterruptedError, "reset by peer"),
    "cut": (httpx.RemoteProtocolError("incomplete chunked read"), StreamInterruptedError, "incomplete"),
    "silence": (httpx.ReadTimeout("silent"), APITimeoutError, "silent"),
    "end": (None, StreamInterruptedError, "no finish reason"),
    "half an event": (b'data: {"choices": [{"del', StreamInterruptedError, "no finish reason"),
    "noise": (b"data: {noise\n\n", MalformedResponseError, "noise"),
    "error": (event({"error": {"code": "overloaded_error", "message": "busy"}}), OverloadedError, "busy"),
}


def broken(*pieces: bytes | Exception) -> ResayilError:
    """The error of a stream of these pieces, which is the third attempt of its call."""
    transport = Scripted(DOWN, FAILED, Told(200, HEADERS, pieces))
    with pytest.raises(ResayilError) as caught:
        list(client_of(transport, max_retries=2).stream(MODEL, "?"))
    return caught.value


@pytest.mark.parametrize("end", ENDS)
def test_it_carries_what_was_delivered_and_what_it_cost(end: str) -> None:
    """Text, calls, usage, attempts, charges and the reply, whatever broke the stream off."""
    last, kind, words = ENDS[end]
    error = broken(*BEGUN, *(() if last is None else (last,)))
    assert type(error) is kind
    assert words in error.message
    assert error.partial_text == "مر"
    assert [(call.id, call.name, call.arguments) for call in error.partial_tool_calls] == [("c1", "f", '{"a')]
    assert error.usage is not None
    assert (error.usage.total_tokens, error.usage.estimated) == (5, False)
    assert (error.attempts, error.maybe_billed) == (3, 2)  # the 500 and the stream itself; not the 503
    assert error.request_id == "req-1"
    assert error.response is not None
    assert (error.__cause__ is None) == (not isinstance(last, Exception))


@pytest.mark.parametrize(
    ("pieces", "message"),
    [
        ((), "The stream ended without a single event."),
        (
            BEGUN,
            "The stream ended before the answer did: no finish reason came. See partial_text for what did.",
        ),
        (
            (*BEGUN, httpx.ReadError("reset by peer")),
            f"The reply broke off from {BASE_URL}/chat/completions: reset by peer",
        ),
    ],
    ids=["nothing", "end", "reset"],
)
def test_it_says_what_happened_under_a_200(pieces: tuple[bytes | Exception, ...], message: str) -> None:
    """The reply had begun well, and its status says so."""
    error = broken(*pieces)
    assert (error.message, error.status_code) == (message, 200)


@pytest.mark.parametrize(
    ("pieces", "kind", "billed"),
    [
        ((), EmptyResponseError, 2),
        ((b": ping\n\n",), EmptyResponseError, 2),
        ((httpx.ReadError("reset"),), ResayilError, 2),
        ((event({"error": {"code": "invalid_request_error", "message": "x"}}),), ResayilError, 1),
    ],
    ids=["nothing", "pings", "reset", "error"],
)
def test_before_the_first_event(
    pieces: tuple[bytes | Exception, ...], kind: type[ResayilError], billed: int
) -> None:
    """Nothing is partial; what the model may have worked for is counted, a refusal is not."""
    error = broken(*pieces)
    assert isinstance(error, kind)
    assert (error.partial_text, error.partial_tool_calls, error.usage) == ("", (), None)
    assert (error.attempts, error.maybe_billed) == (3, billed)


def test_content_is_missed_although_the_wire_lives() -> None:
    """Where the gap between content events is the shorter clock, a timeout is the gap's."""
    pieces = (*BEGUN, httpx.ReadTimeout("silent"))
    client = client_of(Scripted(Told(200, HEADERS, pieces)), gap_timeout=1e-6, read_timeout=60.0)
    with pytest.raises(APITimeoutError) as caught:
        list(client.stream(MODEL, "?"))
    assert caught.value.message == "The stream brought no content for 1e-06 s (gap_timeout)."
    assert caught.value.phase == "gap"
    assert caught.value.partial_text == "مر"


def test_a_response_is_asked_for_too_early() -> None:
    """It is an interruption too, with what has come so far."""
    stream = client_of(Scripted(Told(200, HEADERS, (*BEGUN, chunk({}, "stop"))))).stream(MODEL, "?")
    next(iter(stream))
    with pytest.raises(StreamInterruptedError, match="not been read to its end") as caught:
        stream.response()
    assert caught.value.attempts == 1


def test_an_unfinished_event_at_the_end_is_dropped() -> None:
    """An answer whose finish has come is whole, whatever half an event follows."""
    pieces = (chunk({"content": "مر"}), chunk({}, "stop"), b'data: {"choices": [{"del')
    stream = client_of(Scripted(Told(200, HEADERS, pieces))).stream(MODEL, "?")
    assert "".join(stream.text()) == "مر"
    assert stream.response().finish_reason == "stop"


def test_an_answer_tells_how_it_was_reached() -> None:
    """Attempts, charges, the reply's id and headers are the stream's as they are the call's."""
    whole = Told(200, HEADERS, (chunk({"content": "مر"}), chunk({}, "stop")))
    stream = client_of(Scripted(DOWN, FAILED, whole), max_retries=2).stream(MODEL, "?")
    list(stream)
    response = stream.response()
    assert (response.attempts, response.maybe_billed, response.request_id) == (3, 1, "req-1")
    assert response.headers["x-request-id"] == "req-1"


def calling(finish: str, name: str) -> ChatResponse:
    """An answer that reasons, signed, and calls a tool while one was offered."""
    blocks = (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "id": "c", "name": name},
        },
        {"type": "message_delta", "delta": {"stop_reason": finish}},
        {"type": "message_stop"},
    )
    told = Told(200, HEADERS, tuple(map(event, blocks)))
    stream = client_of(Scripted(told), api="messages").stream(MODEL, "?", tools=[WEATHER])
    list(stream)
    return stream.response()


@pytest.mark.parametrize(
    ("finish", "name", "valid"),
    [("tool_use", "get_weather", 1), ("tool_use", "rm", 0), ("max_tokens", "get_weather", 0)],
)
def test_parts_are_joined_with_all_that_came(finish: str, name: str, valid: int) -> None:
    """The signature is kept; a call that is cut, or of a tool that was not offered, is invalid."""
    response = calling(finish, name)
    assert len(response.tool_calls) == valid
    assert len(response.invalid_tool_calls) == 1 - valid
    assert [part.signature for part in response.message.content if isinstance(part, ReasoningPart)] == ["sig"]


def test_what_an_answer_does_not_say_is_filled_in() -> None:
    """The model as asked for, a call's id by its place, and an estimated usage, told as an event too."""
    call = {"index": 0, "function": {"name": "get_weather", "arguments": "{}"}}
    pieces = (
        event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}),
        event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    )
    stream = client_of(Scripted(Told(200, HEADERS, pieces))).stream(MODEL, "?", tools=[WEATHER])
    reports = [told for told in stream if isinstance(told, UsageReport)]
    response = stream.response()
    assert response.model == MODEL
    assert all(call.id for call in response.tool_calls)
    assert response.usage.estimated
    assert response.usage.total_tokens > 0
    assert [report.usage for report in reports] == [response.usage]


def test_what_an_answer_says_is_kept() -> None:
    """Its id, model, time and usage, and the text before its end."""
    said = {"id": "c9", "model": "other", "created": 17, "usage": USAGE}
    choice = {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}
    stream = client_of(Scripted(Told(200, HEADERS, (event({**said, "choices": [choice]}),)))).stream(
        MODEL, "?"
    )
    list(stream)
    response = stream.response()
    assert (response.id, response.model, response.created, response.text) == ("c9", "other", 17, "x")
    assert (response.usage.total_tokens, response.usage.estimated) == (5, False)


def test_the_deadline_ends_a_stream_that_goes_on() -> None:
    """A stream that never falls silent still ends when the call's time is over, with what was delivered."""
    clock = FakeClock()
    calls = Calls(Settings.load(api_key=KEY, base_url=BASE_URL, deadline=10.0), clock.clock())
    flow = calls.stream(ChatRequest(MODEL, (user("س"),)), {})
    sent: Any = None
    pieces = iter((chunk({"content": "أول"}), chunk({"content": "ثانٍ"})))
    try:
        while True:
            effect = flow.send(sent)
            sent = None
            if isinstance(effect, Send):
                sent = Head(200, {"content-type": "text/event-stream"})
            elif isinstance(effect, Read):
                sent = next(pieces)
            elif isinstance(effect, Acquire):
                sent = Place()
    except StopIteration as stop:
        session = stop.value.session
    clock.now += 11
    session.feed(next(pieces))
    with pytest.raises(APITimeoutError) as caught:
        session.check()
    assert (caught.value.phase, caught.value.partial_text) == ("deadline", "أولثانٍ")
