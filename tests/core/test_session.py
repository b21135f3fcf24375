"""One streamed answer, driven by hand: its clocks, what it has cost so far, and what is known of it."""

from __future__ import annotations

from typing import Any

import pytest
from core.exchange import URL, Call
from core.support import FakeClock, chunk, event

from resayil import ChatRequest, user
from resayil.codecs import CODECS
from resayil.effects import Failure
from resayil.errors import APITimeoutError, ErrorResponse, StreamInterruptedError
from resayil.session import Provenance, Session

TEXT, PING = chunk({"content": "مرحبا"}), b": ping\n\n"
END = chunk({}, "stop") + event("[DONE]")
USAGE = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
SILENCE = Failure("timeout", "read", "x")


def session_of(**bounds: Any) -> tuple[Session, FakeClock]:
    """A session with a gap of 5 s unless told otherwise, and the clock it goes by."""
    call = Call([], bounds={"gap_timeout": 5.0, "read_timeout": 60.0, **bounds})
    request = ChatRequest("m", (user("س"),))
    provenance = Provenance(ErrorResponse(200, {}, b"", URL), 2, 1, ("x",))
    decoder = CODECS["chat"].stream(request)
    return Session(request, decoder, provenance, call.exchange, max_event_bytes=9999), call.clock


def test_content_moves_the_gap_and_pings_do_not() -> None:
    """The next bytes are due a gap after the last content, or at the deadline where that comes first."""
    session, clock = session_of(deadline=8.0)
    assert session.due == 1005.0
    for piece, due in ((TEXT, 1007.0), (PING, 1007.0), (TEXT, 1008.0)):
        clock.now += 2.0
        session.feed(piece)
        session.check()
        assert session.due == due


def test_a_gap_as_long_as_the_wire_may_be_silent_needs_no_clock() -> None:
    """Then the wire's own bound holds, and only the deadline is due."""
    session, clock = session_of(gap_timeout=60.0, deadline=90.0)
    clock.now += 2.0
    session.feed(TEXT)
    session.check()
    assert session.due == 1090.0


@pytest.mark.parametrize(
    ("bounds", "seconds", "phase", "message"),
    [
        ({}, 5.5, "gap", "The stream brought no content for 5 s (gap_timeout)."),
        ({"deadline": 4.0}, 4.5, "deadline", "The call's deadline passed inside the stream."),
    ],
)
def test_pings_do_not_keep_a_stream_alive(
    bounds: dict[str, Any], seconds: float, phase: str, message: str
) -> None:
    """Past the gap or the deadline it ends with what was delivered, unless its answer is whole."""
    session, clock = session_of(**bounds)
    session.feed(TEXT)
    session.check()
    clock.now += seconds
    session.feed(PING)
    with pytest.raises(APITimeoutError) as caught:
        session.check()
    error = caught.value
    assert (error.phase, error.message, error.partial_text) == (phase, message, "مرحبا")
    assert (error.attempts, error.maybe_billed) == (2, 2)
    whole, clock = session_of(**bounds)
    whole.feed(TEXT + END)
    whole.check()
    assert whole.complete
    clock.now += seconds
    whole.feed(PING)
    whole.check()


def test_a_clock_is_met_to_the_end() -> None:
    """At the last moment of gap or deadline a stream goes on; silence up to there is the gap's."""
    for bounds in ({}, {"deadline": 5.0}):
        session, clock = session_of(**bounds)
        clock.now += 5.0
        session.feed(PING)
        session.check()
    session, clock = session_of()
    session.feed(TEXT)
    clock.now += 5.0
    error = session.interrupted(SILENCE)
    assert getattr(error, "phase", "") == "gap"
    session, _ = session_of()
    session.feed(TEXT)
    assert session.interrupted(SILENCE).message == f"No bytes came in time from {URL}: x"


def test_what_a_stream_has_cost_so_far() -> None:
    """Nothing before its first event, then an estimate, then what it tells."""
    session, _ = session_of()
    assert session.spent() is None
    session.feed(TEXT)
    estimate = session.spent()
    assert estimate is not None
    assert estimate.estimated
    session.feed(USAGE)
    told = session.spent()
    assert told is not None
    assert (told.total_tokens, told.estimated) == (5, False)


def test_an_answer_tells_what_is_known_of_it() -> None:
    """Once it is whole; before that, that it is not."""
    session, _ = session_of()
    session.feed(TEXT)
    with pytest.raises(StreamInterruptedError) as caught:
        session.response()
    assert caught.value.message == "The stream has not been read to its end; iterate over it first."
    session.feed(END)
    list(session.close())
    response = session.response()
    assert (response.text, response.model) == ("مرحبا", "deepseek-v4-flash")
    assert (response.attempts, response.maybe_billed, response.adaptations) == (2, 1, ("x",))
