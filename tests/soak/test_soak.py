"""Hundreds of streams at once for minutes, a tenth of them failing: nothing piles up, and the sums agree."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faults.outcome import KEY
from proofs import record

from resayil import AsyncClient, ChatResponse, Client, ResayilError

ROOT = Path(__file__).parents[2]
MODEL = "deepseek-v4-flash"
MIB = 1024 * 1024

FAULTS = (
    "429", "503", "529", "402", "404", "refused", "reset", "reset; after_events=3", "cut; after_events=3",
    "eof; after_events=3", "empty", "done-only", "no-done", "error-event; after_events=3",
    "broken-json; after_events=3", "bad-utf8; after_events=3", "stall; seconds=4; after_events=2",
    "pings; seconds=1; after_events=2", "unstreamed",
)  # fmt: skip
"""What the emulator does when it is asked to; each is charged, or not, as the client reckons."""

SERVICE = """
import json, sys
from resayil.emulator import Emulator
emulator = Emulator(chunk_delay=0.1)
emulator.add_key(sys.argv[1], plan="enterprise", credits=10**12, requests_per_minute=10**9)
with emulator.serve() as server:
    print(server.base_url, flush=True)
    for _ in sys.stdin:
        records = list(emulator.requests)
        billed = sum(record.tokens > 0 for record in records)
        print(json.dumps({"requests": len(records), "billed": billed}), flush=True)
"""


@contextmanager
def service() -> Iterator[subprocess.Popen[str]]:
    """An emulator in a process of its own, so that only the client's memory is measured."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, KEY],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Tally:
    """How calls ended, and what the client has counted as charged."""

    ended: Counter[str] = field(default_factory=Counter)
    charged: int = 0
    attempts: int = 0
    strange: list[str] = field(default_factory=list)

    def answered(self, response: ChatResponse) -> None:
        """A whole answer."""
        self.ended["answered"] += 1
        self.charged += 1 + response.maybe_billed
        self.attempts += response.attempts

    def left(self) -> None:
        """A stream that its reader left; it was answered at the first attempt."""
        self.ended["left early"] += 1
        self.charged += 1
        self.attempts += 1

    def failed(self, error: Exception) -> None:
        """An error; only the pack's own are right."""
        self.ended[type(error).__name__] += 1
        if isinstance(error, ResayilError):
            self.charged += error.maybe_billed
            self.attempts += error.attempts
        else:
            self.strange.append(repr(error))


@dataclass(frozen=True)
class Footprint:
    """What the process holds."""

    memory: int
    descriptors: int
    threads: int
    tasks: int


def footprint(tasks: int = 0) -> Footprint:
    """What this process holds now, garbage collected; memory in bytes."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return Footprint(pages * os.sysconf("SC_PAGESIZE"), descriptors, threading.active_count(), tasks)


def plan(dice: random.Random) -> tuple[dict[str, Any], bool]:
    """How a call is made, and whether its reader leaves early: one in ten fails, one in twenty is left."""
    given: dict[str, Any] = {"api": dice.choice(("chat", "messages")), "max_tokens": 40}
    draw = dice.random()
    if draw < 0.1:
        given["extra_headers"] = {"x-resayil-fault": dice.choice(FAULTS)}
    return given, 0.1 <= draw < 0.15


def reads(client: Client, tally: Tally, ends: float, seed: int) -> None:
    """Make one stream after another in a thread until the time is over."""
    dice = random.Random(seed)  # noqa: S311 - faults, not secrets
    while time.monotonic() < ends:
        given, leaves = plan(dice)
        try:
            stream = client.stream(MODEL, "اكتب فقرة عن الكويت", **given)
            for _ in stream.text():
                if leaves:
                    break
            tally.left() if leaves else tally.answered(stream.response())
        except Exception as error:  # noqa: BLE001 - what is not typed is told
            tally.failed(error)


async def areads(client: AsyncClient, tally: Tally, ends: float, seed: int) -> None:
    """The same as a task."""
    dice = random.Random(seed)  # noqa: S311 - faults, not secrets
    while time.monotonic() < ends:
        given, leaves = plan(dice)
        try:
            stream = await client.stream(MODEL, "اكتب فقرة عن الكويت", **given)
            async for _ in stream.text():
                if leaves:
                    break
            tally.left() if leaves else tally.answered(stream.response())
        except Exception as error:  # noqa: BLE001 - what is not typed is told
            tally.failed(error)


async def watched(url: str, tally: Tally, *, tasks: int, threads: int, seconds: float) -> list[Footprint]:
    """Run all of them; how much the process holds, five times on the way."""
    ends = time.monotonic() + seconds
    settings: dict[str, Any] = {"read_timeout": 3.0, "connect_timeout": 60.0, "unhinted_429": "backoff"}
    seen: list[Footprint] = []
    with Client(KEY, url, **settings) as client:
        async with AsyncClient(KEY, url, **settings) as aclient:
            readers = [
                threading.Thread(target=reads, args=(client, tally, ends, 1000 + n)) for n in range(threads)
            ]
            for reader in readers:
                reader.start()
            async with asyncio.TaskGroup() as group:
                for n in range(tasks):
                    group.create_task(areads(aclient, tally, ends, n))
                for _ in range(5):
                    await asyncio.sleep(seconds / 5.5)
                    seen.append(footprint(len(asyncio.all_tasks())))
            for reader in readers:
                await asyncio.to_thread(reader.join)
    return seen


@pytest.mark.parametrize(
    ("seconds", "tasks", "threads"),
    [
        pytest.param(4, 30, 10, id="seconds"),
        pytest.param(600, 160, 40, id="minutes", marks=pytest.mark.prove),
    ],
)
def test_nothing_piles_up(seconds: float, tasks: int, threads: int) -> None:
    """Memory, descriptors, threads and tasks stay flat; every call ends well or typed; charges agree."""
    tally = Tally()
    with service() as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = process.stdout.readline().strip()
        asyncio.run(watched(url, Tally(), tasks=1, threads=1, seconds=0.5))  # what is made once is made
        known = json.loads(_asked(process))
        before = footprint()
        seen = asyncio.run(watched(url, tally, tasks=tasks, threads=threads, seconds=seconds))
        after = footprint()
        told = json.loads(_asked(process))
    assert tally.strange == []
    requests, billed = told["requests"] - known["requests"], told["billed"] - known["billed"]
    assert (tally.attempts, tally.charged) == (requests, billed)
    assert after.descriptors - before.descriptors <= 4
    assert after.threads == before.threads
    assert max(one.tasks for one in seen) <= 2 * tasks + 10  # a task may let go of its stream in another one
    if seconds >= 60:
        grown = seen[-1].memory - seen[0].memory
        record(
            "soak",
            {
                "seconds": seconds,
                "streams at once": tasks + threads,
                "calls": tally.ended.total(),
                "ended": dict(tally.ended.most_common()),
                "requests, as the client counts": tally.attempts,
                "requests, as the emulator counts": requests,
                "charged, as the client counts": tally.charged,
                "charged, as the emulator counts": billed,
                "before": asdict(before),
                "on the way": [asdict(one) for one in seen],
                "after": asdict(after),
                "memory grown between the first and the last look, bytes": grown,
            },
        )
        assert grown < 16 * MIB


def _asked(process: subprocess.Popen[str]) -> str:
    """What the service has counted so far."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()
