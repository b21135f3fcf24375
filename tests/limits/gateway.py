"""A gateway that notes when each request reaches it after a random journey, and what such a run shows."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from core.support import answer

TOGETHER = 0.5
"""Seconds within which requests that begin count as begun together."""

LATENCY = 0.3
"""Longest journey to the gateway, in seconds."""

_BODY = json.dumps(answer()).encode()
_REPLY = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY) + _BODY
)
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_ID = re.compile(rb"x-id: (\S+)", re.IGNORECASE)
WORKER = Path(__file__).with_name("worker.py")


class Gateway(asyncio.Protocol):
    """One connection; requests on it come one after another."""

    def __init__(self, arrivals: dict[str, float], open_ones: set[asyncio.Transport]) -> None:
        self._arrivals = arrivals
        self._open = open_ones
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's
        """Forget it."""
        if self._transport is not None:
            self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take a whole request, and let it arrive after its journey."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            return
        self._buffer = b""
        name = _ID.search(head)
        asyncio.get_running_loop().call_later(
            random.uniform(0, LATENCY),  # noqa: S311 - a journey, no secret
            self._arrive,
            name[1].decode() if name else "",
        )

    def _arrive(self, name: str) -> None:
        self._arrivals[name] = time.monotonic()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_REPLY)


@contextmanager
def gateway() -> Iterator[tuple[str, dict[str, float]]]:
    """Serve; gives the base URL and the arrivals by request."""
    arrivals: dict[str, float] = {}
    open_ones: set[asyncio.Transport] = set()
    loop = asyncio.new_event_loop()

    async def serve() -> asyncio.Server:
        return await loop.create_server(lambda: Gateway(arrivals, open_ones), "127.0.0.1", 0, backlog=4096)

    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", arrivals
    finally:
        loop.call_soon_threadsafe(_end, server, open_ones)
        thread.join()
        loop.close()


def _end(server: asyncio.Server, open_ones: set[asyncio.Transport]) -> None:
    server.close()
    for transport in list(open_ones):
        transport.abort()
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, loop.stop)


@dataclass
class Seen:
    """What reached the gateway, and what its clients saw."""

    quota: tuple[int, float, float]
    arrivals: list[float]
    spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def fullest(self) -> int:
        """The most requests in any window."""
        times, most, first = sorted(self.arrivals), 0, 0
        for last, at in enumerate(times):
            while at - times[first] >= self.quota[1]:
                first += 1
            most = max(most, last - first + 1)
        return most

    def used(self, began: float, ended: float) -> float:
        """The share of what the limit allows that was granted between two moments."""
        requests, window, margin = self.quota
        rounds = int((ended - began) / (window + margin))
        end = began + rounds * (window + margin)
        return sum(began <= at < end for at in self.arrivals) / (requests * rounds)

    @property
    def longest_overtaking(self) -> float:
        """Seconds by which anybody was served later than first come first served would have served him.

        Whoever came up to `TOGETHER` later may have asked first: its process had a connection already.
        """
        in_turn = sorted(arrived for _, arrived in self.spans)
        starts = sorted(start for start, _ in self.spans)
        return max(
            arrived - in_turn[bisect_right(starts, start + TOGETHER) - 1] for start, arrived in self.spans
        )


@dataclass(frozen=True)
class Load:
    """Who asks, and for how long."""

    processes: int
    threads: int
    tasks: int
    seconds: float


def loaded(quota: tuple[int, float, float], load: Load, storage: str, *events: tuple[float, object]) -> Seen:
    """Run the load through the gateway; ``events`` are functions called so many seconds after the start."""
    requests, window, margin = quota
    with gateway() as (url, arrivals), ThreadPoolExecutor(load.processes + 1) as readers:
        given = {
            "base_url": url,
            "requests_per_minute": requests,
            "limit_window": window,
            "limit_margin": margin,
            "limit_max_wait": None,
            "limit_storage": storage,
            "limit_processes": load.processes + 1,
        }
        kinds = [("threads", load.threads)] * load.processes + [("tasks", load.tasks)] * bool(load.tasks)
        workers = [
            subprocess.Popen(
                [sys.executable, str(WORKER), json.dumps(given), kind, str(count), str(0.7 * n)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n, (kind, count) in enumerate(kinds)
        ]
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        # Read all along: a worker whose pipe is full would fall silent.
        told = [readers.submit(worker.stdout.read) for worker in workers if worker.stdout is not None]
        began = time.monotonic()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        for after, event in events:
            time.sleep(max(0.0, began + after - time.monotonic()))
            event()  # type: ignore[operator] # a function
        time.sleep(max(0.0, began + load.seconds - time.monotonic()))
        for worker in workers:
            worker.kill()
        starts: dict[str, float] = {}
        for worker, output in zip(workers, told, strict=True):
            lines = output.result().splitlines()
            worker.communicate()
            for line in lines:
                name, _, at = line.partition(" ")
                if at:
                    starts[name] = float(at)
        seen = dict(arrivals)
    spans = [(starts[name], at) for name, at in seen.items() if name in starts]
    return Seen(quota, list(seen.values()), spans)
