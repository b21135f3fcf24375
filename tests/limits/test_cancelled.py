"""Slots are given back, whatever happens to who waited for them; and wall clocks do not matter."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from core.support import MODEL, Scripted
from limits.support import OK, async_limited, limited

from resayil import (
    LocalRateLimitError,
)
from resayil.limits import NOW, Place


def test_l05_cancelled_while_waiting() -> None:
    """L05, tasks: a cancelled wait gives its slot back, and the next caller takes it."""

    async def main() -> None:
        client = async_limited(Scripted(OK), 1, 0.6)
        await client.chat(MODEL, "س")
        waiting = asyncio.create_task(client.chat(MODEL, "س"))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        began = time.monotonic()
        await client.chat(MODEL, "س")
        assert time.monotonic() - began < 0.7

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_l05_cancelled_inside_a_store(kind: str, request: pytest.FixtureRequest) -> None:
    """L05, blocking stores: whoever is cancelled while a thread asks for him leaves no slot taken."""
    if kind == "file":
        storage = f"file:{request.getfixturevalue('tmp_path')}/limits.json"
    else:
        storage = request.getfixturevalue("redis_server").url

    async def main() -> None:
        client = async_limited(Scripted(OK), 1, 0.6, limit_storage=storage)
        await client.chat(MODEL, "س")
        for pause in (0.0, 0.0, 0.002, 0.1):
            waiting = asyncio.create_task(client.chat(MODEL, "س"))
            await asyncio.sleep(pause)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        began = time.monotonic()
        await client.chat(MODEL, "س")
        assert time.monotonic() - began < 0.8

    asyncio.run(main())


class Slow:
    """Slots of a store that takes its time."""

    blocking = True

    def __init__(self) -> None:
        self.done: list[str] = []

    def ask(self, _identity: str, _max_wait: float) -> Place:
        """A place, after a while."""
        time.sleep(0.1)
        self.done.append("ask")
        return NOW

    def give_back(self, _identity: str) -> None:
        """Taken back."""
        self.done.append("give_back")


async def test_l05_nothing_is_given_back_before_it_is_taken() -> None:
    """A cancelled call waits for its thread, else the slot would be taken after it was given back."""
    client, slow = async_limited(Scripted(OK)), Slow()
    client._pool.slots = slow  # type: ignore[assignment] # noqa: SLF001 - what it needs of them
    call = asyncio.create_task(client.chat(MODEL, "س"))
    await asyncio.sleep(0.03)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert slow.done == ["ask", "give_back"]


def test_l05_interrupted_while_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """L05, Ctrl-C: a thread that is interrupted in the queue gives its slot back."""
    client = limited(Scripted(OK), 1, 60.0)
    client.chat(MODEL, "س")

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("resayil.transport.time.sleep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            client.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError) as caught:
        client.chat(MODEL, "س", limit_max_wait=0.0)
    assert (caught.value.retry_after or 0) <= 60


def test_l06_the_wall_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """L06: a wall clock set an hour forward or back changes nothing, in memory and in a file."""
    for storage in ("memory", f"file:{tmp_path}/limits.json"):
        client = limited(Scripted(OK), 1, 60.0, limit_storage=storage, limit_max_wait=0.0)
        client.chat(MODEL, "س")
        for hours in (1, -1):
            wall = time.time() + hours * 3600
            with monkeypatch.context() as patched:
                patched.setattr("time.time", lambda wall=wall: wall)
                with pytest.raises(LocalRateLimitError) as caught:
                    client.chat(MODEL, "س")
            assert 58 < (caught.value.retry_after or 0) <= 60
