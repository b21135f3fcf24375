"""Transports that play the emulator's replies inside the process, step by step.

A streamed reply's first bytes are out before its later steps happen, as on a real connection; waits respect
the request's read timeout.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TypeAlias

import httpx

from resayil.emulator.values import Cut, HttpReply, HttpRequest, Json, Step, Wait

Handler: TypeAlias = Callable[[HttpRequest], HttpReply]
BROKEN_OFF = "peer closed connection without sending complete message body (incomplete chunked read)"
NO_REPLY = "Server disconnected without sending a response."
RESET = "Connection reset by peer"
SILENT = "The emulator stayed silent for longer than the read timeout."


def _asked(request: httpx.Request, body: bytes) -> HttpRequest:
    url = request.url
    headers = {name.lower(): value for name, value in request.headers.items()}
    return HttpRequest(request.method, url.path, dict(url.params.items()), headers, body)


def _patience(request: httpx.Request) -> float | None:
    timeout: Mapping[str, Json] = request.extensions.get("timeout") or {}
    value = timeout.get("read")
    return None if value is None else float(value)


def _failure(cut: Cut, *, head_sent: bool, request: httpx.Request) -> httpx.TransportError:
    if not head_sent:
        return httpx.RemoteProtocolError(NO_REPLY, request=request)
    if cut.hard:
        return httpx.ReadError(RESET, request=request)
    return httpx.RemoteProtocolError(BROKEN_OFF, request=request)


class _Played(httpx.SyncByteStream):
    """A reply's body, its waits slept through."""

    def __init__(self, reply: HttpReply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        for step in self._reply.steps:
            if isinstance(step, bytes):
                yield step
            else:
                _suffer(step, self._request)


class _AsyncPlayed(httpx.AsyncByteStream):
    """The same body for an event loop."""

    def __init__(self, reply: HttpReply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        steps = iter(self._reply.steps)
        while (step := await _following(steps, blocking=self._reply.blocking)) is not None:
            if isinstance(step, bytes):
                yield step
            else:
                await _asuffer(step, self._request)


async def _following(steps: Iterator[Step], *, blocking: bool) -> Step | None:
    return await asyncio.to_thread(next, steps, None) if blocking else next(steps, None)


def _slept(step: Wait | Cut, request: httpx.Request) -> tuple[float, bool]:
    """How long to wait for this step, and whether patience ends before it."""
    if isinstance(step, Cut):
        raise _failure(step, head_sent=True, request=request)
    patience = _patience(request)
    if patience is not None and step.seconds > patience:
        return patience, True
    return step.seconds, False


def _suffer(step: Wait | Cut, request: httpx.Request) -> None:
    seconds, too_long = _slept(step, request)
    time.sleep(seconds)
    if too_long:
        raise httpx.ReadTimeout(SILENT, request=request)


async def _asuffer(step: Wait | Cut, request: httpx.Request) -> None:
    seconds, too_long = _slept(step, request)
    await asyncio.sleep(seconds)
    if too_long:
        raise httpx.ReadTimeout(SILENT, request=request)


class EmulatorTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=…)`."""

    def __init__(self, handler: Handler) -> None:
        """Answer with this handler."""
        self._handler = handler

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        reply = self._handler(_asked(request, request.read()))
        _suffer(Wait(reply.delay), request)
        if not reply.status:
            raise _failure(Cut(hard=True), head_sent=False, request=request)
        return httpx.Response(reply.status, headers=dict(reply.headers), stream=_Played(reply, request))


class AsyncEmulatorTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=…)`."""

    def __init__(self, handler: Handler) -> None:
        """Answer with this handler."""
        self._handler = handler

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        reply = self._handler(_asked(request, await request.aread()))
        await _asuffer(Wait(reply.delay), request)
        if not reply.status:
            raise _failure(Cut(hard=True), head_sent=False, request=request)
        return httpx.Response(reply.status, headers=dict(reply.headers), stream=_AsyncPlayed(reply, request))
