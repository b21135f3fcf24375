"""A gateway that fails at random and keeps books: what it worked for, and what it answered."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from faults.replies import (
    CHUNKED,
    SSE,
    STREAM_HEAD,
    Dialect,
    Verb,
    Wire,
    body,
    chunk,
    head,
    streamed,
    to_json,
)
from faults.server import Close, Hold, Play, Reset, Seen

TEXT = "نعم، ١٢٫٥٠٠ د.ك"
SOON = "retry-after-ms: 1"


class Way(NamedTuple):
    """A way in which a request ends.

    Attributes:
        weight: How often, against the others.
        worked: The model has worked for it, so it is charged.
        answered: A reply of success has begun; nothing may be sent again.
        play: What the client gets.
    """

    weight: int
    worked: bool
    answered: bool
    play: Callable[[Wire], Play]


def _refused(status: int, code: str, *lines: str) -> Callable[[Wire], Play]:
    return lambda wire: wire.error(status, code, "لا", *lines)


def _begun(wire: Wire) -> bytes:
    """The head of a success and the beginning of its body."""
    if wire.verb == "stream":
        return STREAM_HEAD + b"".join(map(chunk, wire.tokens(TEXT)))
    content = to_json(wire.answer(TEXT))
    return head(200, "application/json", f"content-length: {len(content)}") + content[:40]


def _closing(wire: Wire) -> Play:
    """An answer that announces, as servers do, that the connection closes behind it."""
    first, *rest = wire.good(TEXT)
    assert isinstance(first, bytes)
    return [first.replace(b"\r\n", b"\r\nconnection: close\r\n", 1), *rest, Close()]


def _events(wire: Wire, *events: bytes) -> Play:
    """A stream of these after its tokens; a whole answer cannot break so, and has broken JSON instead."""
    if wire.verb == "stream":
        return streamed(*wire.tokens(TEXT), *events)
    return [body(to_json(wire.answer(TEXT))[:-20])]


def _empty(wire: Wire) -> Play:
    return [head(200, SSE if wire.verb == "stream" else "application/json", CHUNKED), b"0\r\n\r\n"]


def _first_error(wire: Wire) -> Play:
    if wire.verb == "stream":
        return streamed(wire.error_event("overloaded_error", "مشغول"))
    return [body(to_json(wire.envelope("overloaded_error", "مشغول")))]


WAYS: Mapping[str, Way] = {
    "answer": Way(60, worked=True, answered=True, play=lambda wire: wire.good(TEXT)),
    "answer, then closed": Way(6, worked=True, answered=True, play=_closing),
    "closed": Way(3, worked=True, answered=False, play=lambda _: [Close()]),
    "reset": Way(3, worked=True, answered=False, play=lambda _: [Reset()]),
    "500": Way(3, worked=True, answered=False, play=_refused(500, "api_error", SOON)),
    "502": Way(2, worked=True, answered=False, play=_refused(502, "api_error", SOON)),
    "504": Way(1, worked=True, answered=False, play=_refused(504, "api_error", SOON)),
    "silence": Way(1, worked=True, answered=False, play=lambda _: [Hold()]),
    "429": Way(4, worked=False, answered=False, play=_refused(429, "rate_limit_error", SOON)),
    "503": Way(3, worked=False, answered=False, play=_refused(503, "service_unavailable", SOON)),
    "529": Way(2, worked=False, answered=False, play=_refused(529, "overloaded_error", SOON)),
    "401": Way(1, worked=False, answered=False, play=_refused(401, "unauthorized")),
    "402": Way(1, worked=False, answered=False, play=_refused(402, "insufficient_credits")),
    "404": Way(1, worked=False, answered=False, play=_refused(404, "not_found_error")),
    "413": Way(1, worked=False, answered=False, play=_refused(413, "request_too_large")),
    "page": Way(1, worked=False, answered=True, play=lambda _: [body(b"<html>x</html>", 200, "text/html")]),
    "elsewhere": Way(1, worked=False, answered=False, play=lambda _: [body(b"", 307, None, "location: /x")]),
    "an error for an answer": Way(2, worked=False, answered=False, play=_first_error),
    "empty": Way(1, worked=True, answered=True, play=_empty),
    "cut": Way(2, worked=True, answered=True, play=lambda wire: [_begun(wire), Close()]),
    "reset inside": Way(2, worked=True, answered=True, play=lambda wire: [_begun(wire), Reset()]),
    "silence inside": Way(1, worked=True, answered=True, play=lambda wire: [_begun(wire), Hold()]),
    "no finish": Way(2, worked=True, answered=True, play=_events),
    "error inside": Way(
        2,
        worked=True,
        answered=True,
        play=lambda wire: _events(wire, wire.error_event("overloaded_error", "مشغول")),
    ),
    "noise inside": Way(1, worked=True, answered=True, play=lambda wire: _events(wire, b"data: {noise\n\n")),
}
"""Everything that may happen; no limit of the client is met by its own pace, so none is here."""


@dataclass
class Account:
    """One call, as the gateway saw it: by its idempotency key."""

    requests: int = 0
    worked: int = 0
    answered: int = 0
    after_an_answer: int = 0


@dataclass
class Gateway:
    """Chooses the way of each request, and writes it down.

    Attributes:
        dice: Decides.
        ways: What may happen.
        taken: How often each way was taken.
        accounts: Every call by its idempotency key.
        strangers: Requests without one.
    """

    dice: random.Random
    ways: Mapping[str, Way]
    taken: Counter[str] = field(default_factory=Counter)
    accounts: dict[str, Account] = field(default_factory=dict)
    strangers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def choose(self, seen: Seen) -> Play:
        """The play that answers a request."""
        names = list(self.ways)
        dialect: Dialect = "messages" if seen.head.startswith(b"POST /v1/messages ") else "chat"
        verb: Verb = "stream" if b'"stream":true' in seen.body else "chat"
        with self.lock:
            name = self.dice.choices(names, [way.weight for way in self.ways.values()])[0]
            way = self.ways[name]
            self.taken[name] += 1
            identity = seen.headers.get("idempotency-key")
            self.strangers += identity is None
            account = self.accounts.setdefault(identity or "", Account())
            account.requests += 1
            account.after_an_answer += account.answered > 0
            account.worked += way.worked
            account.answered += way.answered
        return way.play(Wire(dialect, verb))
