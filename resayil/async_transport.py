"""Performs what a flow asks for on an event loop; what it shares with a thread is in `transport`."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from typing import ParamSpec, TypeVar, assert_never

import httpx

from resayil.async_pools import AsyncPool
from resayil.books import Bookkeeping, keep
from resayil.effects import (
    Acquire,
    BookEffect,
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
from resayil.flow import Flow
from resayil.limiters import Slots
from resayil.transport import (
    DRAIN_TIME,
    Probe,
    ask_slots,
    failure_of,
    head_of,
    is_coded,
    request_of,
    tell_wait,
)

T = TypeVar("T")
P = ParamSpec("P")

_SILENCE = Failure("timeout", "read", "the reply's time is over")
_UNCONNECTED = Failure("timeout", "connect", "the call's time is over")


async def _ask_slots(effect: Acquire | GiveBack | Used | CloseWindow, slots: Slots) -> object:
    """The same, in a thread where the store may block, and to its end although the call is cancelled.

    So a slot that is given back has been taken before.
    """
    if not slots.blocking:
        return ask_slots(effect, slots)
    return await _in_thread(ask_slots, effect, slots)


async def _in_thread(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    task = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def _keep(effect: BookEffect, books: Bookkeeping) -> object:
    return await _in_thread(keep, effect, books) if books.blocking else keep(effect, books)


class AsyncIO:
    """As `SyncIO`, on an event loop."""

    _response: httpx.Response | None = None

    def __init__(self, pool: AsyncPool) -> None:
        self._pool = pool
        self.slots, self.books = pool.slots, pool.books
        self._loop = asyncio.get_running_loop()
        self._pieces: AsyncIterator[bytes]

    async def send(self, send: Send) -> Head | Failure:
        """Send and wait for the head."""
        await self.close()
        probe = Probe(send)
        client = self._pool.client()
        due = time.monotonic() + self._pool.settings.connect_timeout + send.read_timeout
        request = request_of(client, send, self._pool.settings, probe.asynchronously)
        try:
            async with asyncio.timeout(min(due, send.due) - time.monotonic()):
                self._response = await client.send(request, stream=True)
        except TimeoutError:
            return _SILENCE if probe.sent_at is not None else _UNCONNECTED
        except httpx.HTTPError as error:
            return failure_of(error, probe)
        response, head = self._response, head_of(self._response, probe)
        self._pieces = response.aiter_bytes() if is_coded(response, head) else response.aiter_raw()
        return head

    async def read(self, due: float) -> bytes | Failure | None:
        """The next bytes of the body, which are due at a monotonic time."""
        try:
            if due == math.inf:
                return await anext(self._pieces, None)
            async with asyncio.timeout(due - time.monotonic()):
                return await anext(self._pieces, None)
        except TimeoutError:
            return _SILENCE
        except httpx.HTTPError as error:
            return failure_of(error, None)

    async def drain(self) -> None:
        """Read the few bytes behind a whole answer, so that its connection can be used again."""
        due = time.monotonic() + DRAIN_TIME
        while isinstance(await self.read(due), bytes):
            pass

    async def close(self) -> None:
        """Let go of the reply, cancelled or not; an unread rest closes its connection."""
        if self._response is not None:
            await asyncio.shield(self._response.aclose())

    def __del__(self) -> None:
        response = self._response
        if response is not None and not response.is_closed and self._loop.is_running():
            self._loop.call_soon_threadsafe(lambda: self._loop.create_task(response.aclose()))


async def arun(flow: Flow[T], io: AsyncIO) -> T:
    """Perform a flow's effects until it returns."""
    outcome: object = None
    try:
        effect = flow.send(None)
        while True:
            try:
                outcome = await _perform(effect, io)
            except BaseException as error:  # noqa: BLE001 - cancellation and interrupts go into the flow
                effect = flow.throw(error)
            else:
                effect = flow.send(outcome)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except ResayilError as error:
        outcome = None  # it may echo the key, and a traceback can show the locals of its frames
        await io.close()
        raise without_frames(error) from error.__cause__
    except BaseException:
        await io.close()
        raise


async def _perform(effect: Effect, io: AsyncIO) -> object:
    match effect:
        case Send():
            return await io.send(effect)
        case Read():
            return await io.read(effect.due)
        case Sleep():
            await asyncio.sleep(effect.seconds)
        case Close():
            await io.close()
        case Wait():
            tell_wait(effect, io.slots)
            await asyncio.sleep(effect.seconds)
        case Observe():
            io.slots.observe(effect.requests)
        case Acquire() | GiveBack() | Used() | CloseWindow():
            return await _ask_slots(effect, io.slots)
        case Reserve() | Settle() | Enter() | Weigh():
            return await _keep(effect, io.books)
        case _:
            assert_never(effect)
    return None
