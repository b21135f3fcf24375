"""LiteLLM's `resayil/` against its `openai/`, on one stub: `python -m benchmarks.litellm`.

Each figure is the median of the rounds; the two routes run in one process and take turns within a round.
LiteLLM logs in threads, and for a stream in threads one task a chunk: they are waited for, so that each route
pays for its own, and neither for the other's.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", "1000000000")  # the stub's chunks are all alike

import litellm
from litellm.litellm_core_utils.thread_pool_executor import executor

import litellm_provider
from benchmarks.stub import serving

ROUTES = ("resayil", "openai")
CHUNKS, CALLS, CONCURRENT = 2_000, 60, 300
Ask = dict[str, Any]
Clock = Callable[[], float]


def call(ask: Ask, clock: Clock = time.perf_counter) -> float:
    """Milliseconds of a call, one after another."""
    times = []
    for _ in range(CALLS):
        began = clock()
        litellm.completion(**ask)
        times.append((clock() - began) * 1e3)
    return statistics.median(times)


def chunk(ask: Ask) -> float:
    """CPU microseconds of a streamed chunk."""
    began = time.process_time()
    for _ in litellm.completion(**ask, stream=True):
        pass
    logged()
    return (time.process_time() - began) / CHUNKS * 1e6


def awaited_chunk(ask: Ask) -> float:
    """CPU microseconds of a streamed chunk on an event loop, where LiteLLM logs a stream once."""

    async def read() -> None:
        async for _ in await litellm.acompletion(**ask, stream=True):
            pass

    began = time.process_time()
    asyncio.run(read())
    logged()
    return (time.process_time() - began) / CHUNKS * 1e6


def logged() -> None:
    """Wait until LiteLLM's threads have written down what was answered."""
    executor.submit(time.sleep, 0).result()  # behind all others, though the last of them may still run
    time.sleep(0.2)


def first_chunk(ask: Ask, clock: Clock = time.perf_counter) -> float:
    """Milliseconds to the first chunk of a stream."""
    times = []
    for _ in range(10):
        began = clock()
        stream = litellm.completion(**ask, stream=True)
        next(iter(stream))
        times.append((clock() - began) * 1e3)
    return statistics.median(times)


def concurrent(ask: Ask, clock: Clock = time.perf_counter) -> float:
    """Milliseconds a call takes of the time of 300 awaited together, once connections stand."""

    async def together() -> float:
        await asyncio.gather(*(litellm.acompletion(**ask) for _ in range(CONCURRENT)))
        began = clock()
        await asyncio.gather(*(litellm.acompletion(**ask) for _ in range(CONCURRENT)))
        return (clock() - began) / CONCURRENT * 1e3

    return asyncio.run(together())


CASES: dict[str, tuple[str, Callable[[Ask], float]]] = {
    "call": ("ms", call),
    "call (CPU)": ("ms", partial(call, clock=time.thread_time)),
    "stream chunk (CPU)": ("µs", chunk),
    "awaited chunk (CPU)": ("µs", awaited_chunk),
    "first chunk": ("ms", first_chunk),
    "first chunk (CPU)": ("ms", partial(first_chunk, clock=time.thread_time)),
    "300 concurrent, each": ("ms", concurrent),
    "300 concurrent (CPU)": ("ms", partial(concurrent, clock=time.process_time)),
}
"""What is measured; beside time on the clock, CPU, which a busy machine disturbs less."""


def measure(rounds: int) -> dict[str, dict[str, list[float]]]:
    """The figures of every case and route."""
    litellm.suppress_debug_info = True
    litellm_provider.register()
    figures: dict[str, dict[str, list[float]]] = {case: {route: [] for route in ROUTES} for case in CASES}
    with serving(CHUNKS) as base_url:
        asks: dict[str, Ask] = {
            route: {
                "model": f"{route}/stub",
                "api_key": "sk-bench",
                "api_base": base_url,
                "messages": [{"role": "user", "content": "مرحبا"}],
            }
            for route in ROUTES
        }
        for ask in asks.values():
            litellm.completion(**ask)
        gc.freeze()  # else a collection looks through all that LiteLLM imports, in whosever turn it falls
        for case, (_, run) in CASES.items():
            for n in range(rounds):
                for route in ROUTES if n % 2 else reversed(ROUTES):
                    logged()
                    figures[case][route].append(run(asks[route]))
    return figures


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.litellm")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    figures = measure(given.rounds)
    machine = f"Python {platform.python_version()}, litellm {version('litellm')}, {platform.machine()}"
    if given.json:
        print(json.dumps({"machine": machine, "figures": figures}, ensure_ascii=False))
        return
    print(f"Median of {given.rounds} rounds (least-most); {machine}\n")
    for case, (unit, _) in CASES.items():
        medians = {route: statistics.median(values) for route, values in figures[case].items()}
        shown = "   ".join(
            f"{route} {medians[route]:8.2f} {unit} ({min(values):.2f}-{max(values):.2f})"
            for route, values in figures[case].items()
        )
        print(f"{case:22} {shown}   {medians['openai'] / medians['resayil']:.2f} times faster")


if __name__ == "__main__":
    main()
