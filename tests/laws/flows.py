"""Flows driven by hand: how a request may end, and a run of a flow through a script of such ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from core.support import KEY, TEXT_STREAM, FakeClock, answer, chunk, event

from resayil import ResayilError, Settings
from resayil.calls import Calls
from resayil.effects import Acquire, Effect, Failure, Head, Read, Send, Sleep, Wait
from resayil.flow import Flow
from resayil.limits import NOW, Place, Refused

Resend = Literal["yes", "three", "after timeout", "never", "answer"]
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}


@dataclass(frozen=True)
class Outcome:
    """How a request ends, whether another may follow it, and whether it may have cost."""

    head: Head | Failure
    resend: Resend
    billed: bool = False
    pieces: tuple[bytes | Failure, ...] = ()


def _status(status: int, resend: Resend, *, billed: bool = False, **headers: str) -> Outcome:
    body = json.dumps({"error": {"code": str(status), "message": "no"}}).encode()
    return Outcome(Head(status, {**JSON, **headers}), resend, billed, (body,))


def _broken(kind: Any, phase: Any, resend: Resend, *, billed: bool = False) -> Outcome:
    return Outcome(Failure(kind, phase, "broken"), resend, billed)


ANSWER = json.dumps(answer()).encode()
CUT = Failure("connection", "body", "cut")
COMMON = {
    "not connected": _broken("connection", "connect", "yes"),
    "connect timeout": _broken("timeout", "connect", "yes"),
    "kept-alive socket closed": _broken("connection", "reused", "three", billed=True),
    "fresh socket closed": _broken("connection", "fresh", "three", billed=True),
    "read timeout": _broken("timeout", "read", "after timeout", billed=True),
    "write timeout": _broken("timeout", "write", "after timeout", billed=True),
    "pool exhausted": _broken("timeout", "pool", "never"),
    "bad certificate": _broken("connection", "certificate", "never"),
    "429": _status(429, "yes"),
    "429 with a hint": _status(429, "yes", **{"retry-after": "7"}),
    "429 with a long hint": _status(429, "yes", **{"retry-after": "86400"}),
    "503": _status(503, "yes"),
    "529": _status(529, "yes"),
    "500": _status(500, "three", billed=True),
    "502": _status(502, "three", billed=True),
    "504": _status(504, "three", billed=True),
    "501": _status(501, "never", billed=True),
    "524": _status(524, "never", billed=True),
    "503 with x-should-retry: false": _status(503, "never", **{"x-should-retry": "false"}),
    **{str(status): _status(status, "never") for status in (400, 401, 402, 403, 404, 409, 413, 418, 422)},
    "redirect": Outcome(Head(302, {"location": "https://evil.example/"}), "never"),
    "page": Outcome(Head(200, {"content-type": "text/html"}), "never", pieces=(b"<html>",)),
    "error inside 200": Outcome(
        Head(200, JSON), "yes", pieces=(b'{"error":{"code":"overloaded_error","message":"x"}}',)
    ),
}
CALLED = {
    **COMMON,
    "answer": Outcome(Head(200, JSON), "answer", pieces=(ANSWER[:20], ANSWER[20:])),
    "answer cut short": Outcome(Head(200, JSON), "never", billed=True, pieces=(ANSWER[:20], CUT)),
    "silence inside the answer": Outcome(
        Head(200, JSON),
        "after timeout",
        billed=True,
        pieces=(ANSWER[:20], Failure("timeout", "read", "silence")),
    ),
    "broken JSON": Outcome(Head(200, JSON), "never", billed=True, pieces=(ANSWER[:20],)),
    "broken encoding": Outcome(
        Head(200, JSON), "never", billed=True, pieces=(Failure("encoding", "body", "gzip"),)
    ),
    "nothing": Outcome(Head(200, JSON), "never", billed=True),
    "null": Outcome(Head(200, JSON), "never", billed=True, pieces=(b"null",)),
}
STREAMED = {
    **COMMON,
    "answer": Outcome(Head(200, SSE), "answer", pieces=TEXT_STREAM),
    "empty stream": Outcome(Head(200, SSE), "never", billed=True),
    "only [DONE]": Outcome(Head(200, SSE), "never", billed=True, pieces=(event("[DONE]"),)),
    "reset before the first event": Outcome(
        Head(200, SSE), "never", billed=True, pieces=(b": hello\n\n", CUT)
    ),
    "error as first event": Outcome(
        Head(200, SSE), "yes", pieces=(event({"error": {"code": "rate_limit_exceeded", "message": "x"}}),)
    ),
    "credits as first event": Outcome(
        Head(200, SSE), "never", pieces=(event({"error": {"code": "insufficient_credits", "message": "x"}}),)
    ),
    "error after text": Outcome(
        Head(200, SSE), "answer", pieces=(chunk({"content": "م"}), event({"error": {"code": "429"}}))
    ),
    "error in one piece with text": Outcome(
        Head(200, SSE), "answer", pieces=(chunk({"content": "م"}) + event({"error": {"code": "429"}}),)
    ),
}


@dataclass
class Run:
    """What a flow did: its effects with the time of each, and how it ended."""

    effects: list[tuple[float, Effect]] = field(default_factory=list)
    result: Any = None
    error: ResayilError | None = None
    ended: list[Outcome] = field(default_factory=list)

    def of(self, kind: type) -> list[Any]:
        """The effects of a kind."""
        return [effect for _, effect in self.effects if isinstance(effect, kind)]


def drive(
    flow: Flow[Any],
    script: list[tuple[Outcome, float]],
    clock: FakeClock,
    slot: Callable[[Acquire], Place | Refused] = lambda _: NOW,
    told: list[tuple[Effect, Any]] | None = None,
) -> Run:
    """Perform a flow's effects from a script of outcomes and how long each takes; the last one repeats."""
    run, sent = Run(), None
    pieces: list[bytes | Failure] = []
    places = iter(script)
    last = script[-1]
    try:
        while True:
            effect = flow.send(sent)
            run.effects.append((clock.now, effect))
            sent = None
            match effect:
                case Send():
                    outcome, seconds = next(places, last)
                    clock.now += seconds
                    run.ended.append(outcome)
                    sent, pieces = outcome.head, list(outcome.pieces)
                case Read():
                    sent = pieces.pop(0) if pieces else None
                case Sleep():
                    clock.now += effect.seconds
                case Wait():
                    clock.now += effect.seconds
                case Acquire():
                    sent = slot(effect)
            if told is not None:
                told.append((effect, sent))
    except StopIteration as stop:
        run.result = stop.value
    except ResayilError as error:
        run.error = error
    return run


def calls_of(clock: FakeClock, **settings: Any) -> Calls:
    """The calls of a client with these settings, on this clock."""
    return Calls(Settings.load(api_key=KEY, base_url="https://example.com", **settings), clock.clock())
