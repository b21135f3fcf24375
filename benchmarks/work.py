"""What is done with a contender while it is measured; each work answers with its figures."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import time
import tracemalloc
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contender import TEXT, Contender, picture

Figures = dict[str, float]
Make = Callable[[str], Contender]
"""Makes the contender of a model's name."""


def is_async(contender: Contender) -> bool:
    """Whether its calls are awaited."""
    return inspect.iscoroutinefunction(contender.chat)


class Work:
    """One event loop and one contender for as long as it is measured.

    Args:
        make: Makes the contender.
        model: What the stub shall answer with.
        number: How many chunks or calls the figures are divided by.
    """

    def __init__(self, make: Make, model: str, number: int) -> None:
        self._make, self._model, self._number = make, model, number
        self._runner = asyncio.Runner()
        self._runner.get_loop()  # its files are not the contender's
        self._contender: Contender | None = None

    @property
    def contender(self) -> Contender:
        """The contender, built at first use."""
        if self._contender is None:
            self._contender = self._make(self._model)
        return self._contender

    def close(self) -> None:
        """Close what was opened."""
        if self._contender is not None:
            self._wait(self._contender.close())
        self._runner.close()

    def _wait(self, outcome: Any) -> Any:
        """An outcome, awaited where it must be."""
        if not inspect.isawaitable(outcome):
            return outcome

        async def awaited() -> Any:
            return await outcome

        return self._runner.run(awaited())

    def _clocked(self, step: Callable[[], Any], outcomes: list[Any] | None = None) -> Figures:
        """CPU and time of a step, for each of the number; what came of it is added to the outcomes."""
        began, ticked = time.perf_counter(), time.process_time()
        outcome = self._wait(step())
        cpu, wall = time.process_time() - ticked, time.perf_counter() - began
        if outcomes is not None:
            outcomes.append(outcome)
        return {"cpu": cpu / self._number * 1e6, "wall": wall / self._number * 1e6}

    def chunks(self) -> Figures:
        """Microseconds of a chunk of a stream, from the call to the last.

        Raises:
            RuntimeError: the contender passed fewer on.
        """
        counts: list[int] = []
        figures = self._clocked(lambda: read(self.contender), counts)
        if self.contender.by_chunk and counts[0] < self._number:
            raise RuntimeError(f"{counts[0]} of {self._number} chunks were passed on")
        return figures

    def calls(self) -> Figures:
        """Microseconds of a call, one after another."""
        return self._clocked(lambda: _calls(self.contender, self._number))

    def constructor(self) -> Figures:
        """Microseconds of building a client."""
        made: list[Contender] = []
        figures = self._clocked(lambda: made.extend(self._make(self._model) for _ in range(self._number)))
        for contender in made:
            self._wait(contender.close())
        return figures

    def short_lived(self) -> Figures:
        """Microseconds of a client that is built, asked once and closed; open files that were left."""
        before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough

        async def awaited() -> None:
            for _ in range(self._number):
                contender = self._make(self._model)
                await contender.chat(TEXT)
                await contender.close()

        def plain() -> None:
            for _ in range(self._number):
                contender = self._make(self._model)
                contender.chat(TEXT)
                contender.close()

        figures = self._clocked(awaited if is_async(self.contender) else plain)
        gc.collect()
        left = len(os.listdir("/proc/self/fd")) - before  # noqa: PTH208 - as above
        return {**figures, "files": float(left)}

    def first_event(self) -> Figures:
        """Microseconds of waiting from the call to the first event, one stream after another."""
        waits: list[float] = []
        for _ in range(self._number):
            self._wait(read(self.contender, waits))
        return {"wall": median(waits) * 1e6}

    def images(self) -> Figures:
        """Microseconds from the bytes of pictures to the reply of a call that shows them.

        The model's name ends in how many turns show a picture of how many bytes.
        """
        _, turns, size = self._model.rsplit("-", 2)
        image = picture(int(size))
        return self._clocked(lambda: self.contender.chat(self.contender.conversation(image, int(turns))))

    def long(self) -> Figures:
        """Microseconds of a chunk behind the first of a stream, which is opened before the clock starts."""
        chunks = int(self._model.split("-")[1])
        rest = _arest if is_async(self.contender) else _rest
        times = [self._wait(rest(self.contender)) for _ in range(self._number // chunks)]
        return {"cpu": sum(times) / self._number * 1e6}

    def peak(self) -> Figures:
        """Kilobytes that Python's objects take at most while a stream is read, over those before it."""
        self._wait(read(self._make("text-10")))
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        self._wait(read(self.contender))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return {"memory": (most - before) / 1024}

    def together(self) -> Figures:
        """So many streams at once, of an asynchronous contender; the stub holds each until all have begun."""
        name, streams = self._model.split("-gate")
        self._wait(read(self._make(f"{name}-gate1")))
        figures: Figures = self._wait(_together(self.contender, int(streams), self._number))
        return figures


def read(contender: Contender, waits: list[float] | None = None) -> Any:
    """How often a stream yields, read to its end; the wait for its first event is added to those given."""
    if is_async(contender):
        return _aread(contender, waits)
    began, count = time.perf_counter(), 0
    for count, _ in enumerate(stream_of(contender), 1):
        if count == 1 and waits is not None:
            waits.append(time.perf_counter() - began)
    return count


async def _aread(contender: Contender, waits: list[float] | None) -> int:
    began, count = time.perf_counter(), 0
    async for _ in await astream_of(contender):
        count += 1
        if count == 1 and waits is not None:
            waits.append(time.perf_counter() - began)
    return count


def stream_of(contender: Contender) -> Iterable[object]:
    """The stream of a contender that is not awaited."""
    stream: Any = contender.stream()
    return stream  # type: ignore[no-any-return] # `is_async` was asked before


def astream_of(contender: Contender) -> Awaitable[AsyncIterable[object]]:
    """The stream of one that is."""
    stream: Any = contender.stream()
    return stream  # type: ignore[no-any-return] # `is_async` was asked before


def _calls(contender: Contender, number: int) -> Any:
    async def awaited() -> None:
        for _ in range(number):
            await contender.chat(TEXT)

    if is_async(contender):
        return awaited()
    for _ in range(number):
        contender.chat(TEXT)
    return None


def _rest(contender: Contender) -> float:
    stream = iter(stream_of(contender))
    next(stream)
    ticked = time.process_time()
    for _ in stream:
        pass
    return time.process_time() - ticked


async def _arest(contender: Contender) -> float:
    stream = aiter(await astream_of(contender))
    await anext(stream)
    ticked = time.process_time()
    async for _ in stream:
        pass
    return time.process_time() - ticked


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _together(contender: Contender, streams: int, chunks: int) -> Figures:
    waits: list[float] = []
    held = [0]

    async def one() -> None:
        opened = False
        async for _ in await astream_of(contender):
            if not opened:
                opened = True
                waits.append(time.perf_counter() - began)
                if len(waits) == streams:
                    held.append(_resident())

    gc.collect()
    held[0] = _resident()
    began, ticked = time.perf_counter(), time.process_time()
    ended = await asyncio.gather(*(one() for _ in range(streams)), return_exceptions=True)
    cpu, wall = time.process_time() - ticked, time.perf_counter() - began
    return {
        "complete": float(sum(outcome is None for outcome in ended)),
        "cpu": cpu / chunks * 1e6,
        "throughput": chunks / wall,
        "memory": (held[-1] - held[0]) / streams / 1024,
        "fairness": max(waits) / median(waits),
        "slowest": max(waits) * 1e6,
    }
