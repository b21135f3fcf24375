"""Performs what a flow asks for, with httpx: it and `async_transport` alone send, read and wait.

The key lives in a `SecretStr` until httpx asks for the header, redirects are never followed, and an
exception of httpx becomes a `Failure` whose cause has lost its frames, since their locals hold headers.
"""

from __future__ import annotations

import math
import random
import ssl
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar, assert_never

import httpx

from resayil.books import keep
from resayil.config import Settings
from resayil.deadline import body_due, head_due
from resayil.effects import (
    Acquire,
    Close,
    CloseWindow,
    Effect,
    Enter,
    Failure,
    GiveBack,
    Head,
    Observe,
    Read,
    Reserve,
    Send,
    Settle,
    Sleep,
    Used,
    Wait,
    Weigh,
)
from resayil.errors import ResayilError, without_frames
from resayil.flow import Clock, Flow
from resayil.limiters import Slots
from resayil.limits import Waiting
from resayil.pools import SyncPool

T = TypeVar("T")

CLOCK = Clock(time.monotonic, time.time, random.random)
"""Time and chance as they are."""

DRAIN_TIME = 0.2
"""Seconds that the end of a body may take behind its last event."""

_DISCONNECTED = "without sending a response"


class Probe:
    """Whether a request went out on a fresh connection; httpx's trace extension calls it."""

    def __init__(self, send: Send) -> None:
        self.fresh = False
        self.sent_at: float | None = None
        self._send = send

    def __call__(self, event: str, _info: object) -> None:
        """Hear what httpcore does."""
        if event == "connection.connect_tcp.started":
            self.fresh = True
        elif event == "http11.receive_response_headers.started":
            self.sent_at = time.monotonic()
            head_due(min(self.sent_at + self._send.read_timeout, self._send.due))

    async def asynchronously(self, event: str, info: object) -> None:
        """The same, as httpcore's asynchronous half calls it."""
        self(event, info)


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


_TIMEOUTS = {
    httpx.ConnectTimeout: "connect",
    httpx.PoolTimeout: "pool",
    httpx.WriteTimeout: "write",
    httpx.ReadTimeout: "read",
}


def failure_of(error: httpx.HTTPError, probe: Probe | None) -> Failure:
    """What an exception of httpx means; ``probe`` is given until the reply's head has come."""
    detail = str(error) or type(error).__name__
    cause = without_frames(error)
    if isinstance(error, httpx.TimeoutException):
        return Failure("timeout", _TIMEOUTS[type(error)], detail, cause)  # type: ignore[arg-type] # the table's words
    if isinstance(error, httpx.DecodingError):
        return Failure("encoding", "body", detail, cause)
    if any(isinstance(inner, ssl.SSLCertVerificationError) for inner in _causes(error)):
        return Failure("connection", "certificate", detail, cause)
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return Failure("connection", "connect", detail, cause)
    silent = isinstance(error, httpx.NetworkError) or _DISCONNECTED in detail
    if probe is None or not silent:
        return Failure("connection", "body", detail, cause)
    return Failure("connection", "fresh" if probe.fresh else "reused", detail, cause)


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _connect_timeout(send: Send, settings: Settings) -> float:
    # A socket that is given no time at all does not wait, and fails as if nobody were there.
    return max(0.001, min(settings.connect_timeout, send.due - time.monotonic()))


def request_of(
    client: httpx.Client | httpx.AsyncClient, send: Send, settings: Settings, trace: Any
) -> httpx.Request:
    """The request of httpx, with its clocks and whom it tells of its progress."""
    connect = _connect_timeout(send, settings)
    timeouts = {"connect": connect, "read": send.read_timeout, "write": send.read_timeout, "pool": connect}
    # `client.build_request` would copy the client's headers, cookies and query, of which there are none.
    return httpx.Request(
        send.method,
        _url(send.url),
        headers={"accept-encoding": client.headers["accept-encoding"], **send.headers},
        content=send.body,
        extensions={"timeout": timeouts, "trace": trace},
    )


def head_of(response: httpx.Response, probe: Probe) -> Head:
    """The head of a reply."""
    return Head(response.status_code, dict(response.headers.items()), probe.sent_at)


def is_coded(response: httpx.Response, head: Head) -> bool:
    """Whether the body is to be unpacked by httpx, or was read by it before, as by its mock transport."""
    return "content-encoding" in head.headers or response.is_stream_consumed


class SyncIO:
    """One reply at a time, for one flow and the pump behind it."""

    _response: httpx.Response | None = None

    def __init__(self, pool: SyncPool) -> None:
        self._pool = pool
        self.slots, self.books = pool.slots, pool.books
        self._pieces: Iterator[bytes] = iter(())

    def send(self, send: Send) -> Head | Failure:
        """Send and wait for the head."""
        self.close()
        probe = Probe(send)
        client = self._pool.client()
        try:
            self._response = client.send(request_of(client, send, self._pool.settings, probe), stream=True)
        except httpx.HTTPError as error:
            return failure_of(error, probe)
        finally:
            head_due(None)
        # Undecoded bytes skip two layers of httpx that cost a tenth of a chunk.
        response, head = self._response, head_of(self._response, probe)
        self._pieces = response.iter_bytes() if is_coded(response, head) else iter(response.stream)  # type: ignore[arg-type] # a synchronous client's
        self._set_due(math.inf)
        return head

    def read(self, due: float) -> bytes | Failure | None:
        """The next bytes of the body, which are due at a monotonic time."""
        try:
            if due != self._due:
                self._set_due(due)
            return next(self._pieces, None)
        except httpx.HTTPError as error:
            return failure_of(error, None)

    def _set_due(self, due: float) -> None:
        self._due = due
        if self._response is not None:  # pragma: no branch - nothing is read before a reply
            body_due(self._response, due)

    def drain(self) -> None:
        """Read the few bytes behind a whole answer, so that its connection can be used again."""
        due = time.monotonic() + DRAIN_TIME
        while isinstance(self.read(due), bytes):
            pass

    def close(self) -> None:
        """Let go of the reply; an unread rest closes its connection."""
        if self._response is not None:
            self._response.close()

    def __del__(self) -> None:
        self.close()


def run(flow: Flow[T], io: SyncIO) -> T:
    """Perform a flow's effects until it returns."""
    outcome: object = None
    try:
        effect = flow.send(None)
        while True:
            try:
                outcome = _perform(effect, io)
            except BaseException as error:  # noqa: BLE001 - cancellation and interrupts go into the flow
                effect = flow.throw(error)
            else:
                effect = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except ResayilError as error:
        outcome = None  # it may echo the key, and a traceback can show the locals of its frames
        io.close()
        raise without_frames(error) from error.__cause__
    except BaseException:
        io.close()
        raise


def _perform(effect: Effect, io: SyncIO) -> object:
    match effect:
        case Send():
            return io.send(effect)
        case Read():
            return io.read(effect.due)
        case Sleep():
            time.sleep(effect.seconds)
        case Close():
            io.close()
        case Wait():
            tell_wait(effect, io.slots)
            time.sleep(effect.seconds)
        case Observe():
            io.slots.observe(effect.requests)
        case Acquire() | GiveBack() | Used() | CloseWindow():
            return ask_slots(effect, io.slots)
        case Reserve() | Settle() | Enter() | Weigh():
            return keep(effect, io.books)
        case _:
            assert_never(effect)
    return None


def tell_wait(wait: Wait, slots: Slots) -> None:
    """Tell whoever listens that a request is about to wait, once."""
    if wait.first:
        slots.waits(Waiting(wait.tag, wait.left, wait.queued))


def ask_slots(effect: Acquire | GiveBack | Used | CloseWindow, slots: Slots) -> object:
    """What the limiter says, perhaps after asking a store."""
    match effect:
        case Acquire():
            return slots.ask(effect.identity, effect.max_wait)
        case GiveBack():
            slots.give_back(effect.identity)
        case Used():
            slots.used(effect.identity, effect.ago)
        case CloseWindow():
            slots.close(effect.seconds, refused=effect.refused)
        case _:
            assert_never(effect)
    return None
