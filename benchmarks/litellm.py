"""LiteLLM's `resayil/` against its `openai/`, on one stub: `python -m benchmarks.litellm`.

Each figure is the median of the rounds; the routes run in one process and take turns within a round. The
third, `nothing/`, answers from memory: what it takes is LiteLLM's own, and no provider can go below it.
LiteLLM logs in threads, for a stream one task a chunk, and on an event loop in a queue: both are waited for,
so that each route pays for its own, and none for another's.
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
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", "1000000000")  # the stub's chunks are all alike

import litellm
from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER
from litellm.litellm_core_utils.thread_pool_executor import executor
from litellm.llms.custom_llm import CustomLLM
from litellm.types.utils import Choices, Delta, Message, ModelResponse, StreamingChoices, Usage

import litellm_provider
from benchmarks.stub import serving
from litellm_provider.chunks import Chunk
from resayil.models import ModelInfo

ROUTES = ("resayil", "openai", "nothing")
CHUNKS, CALLS, CONCURRENT = 2_000, 60, 300
MODELS = ("stub", "text-1", "text-10", f"text-{CHUNKS}")
"""What the stub is asked for, and what it calls itself."""

Ask = dict[str, Any]
Clock = Callable[[], float]


def _chunk(finish_reason: str | None = None, **delta: Any) -> Chunk:
    choice = StreamingChoices(finish_reason=finish_reason, index=0, delta=Delta(**delta))
    return Chunk(id="chatcmpl-1", created=int(time.time()), model="stub", choices=[choice])


class Nothing(CustomLLM):
    """A provider that does nothing: one ready chunk time and again, or a ready answer."""

    def completion(self, *_: Any, model_response: ModelResponse, **__: Any) -> ModelResponse:
        """An answer."""
        message = Message(role="assistant", content="مرحبا")
        model_response.choices = [Choices(index=0, finish_reason="stop", message=message)]
        usage = Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5)
        setattr(model_response, "usage", usage)  # noqa: B010 - a field that LiteLLM's class does not declare
        return model_response

    async def acompletion(self, *_: Any, **given: Any) -> ModelResponse:
        """The same, awaited."""
        return self.completion(**given)

    def streaming(self, *_: Any, **__: Any) -> Iterator[Chunk]:  # type: ignore[override] # LiteLLM takes these too
        """An answer in chunks."""
        last = _chunk(content=" word")
        last.usage = Usage(prompt_tokens=3, completion_tokens=CHUNKS, total_tokens=CHUNKS + 3)
        return iter([*[_chunk(content=" word")] * (CHUNKS - 1), last, _chunk("stop")])

    async def astreaming(self, *_: Any, **__: Any) -> AsyncIterator[Chunk]:  # type: ignore[override] # as above
        """The same, awaited."""
        for ready in self.streaming():
            yield ready


def prepare() -> None:
    """Tell LiteLLM of the providers, and of the stub's models as `register` tells it of the service's."""
    litellm.suppress_debug_info = True
    litellm_provider.register(map(ModelInfo, MODELS))
    litellm.custom_provider_map.append({"provider": "nothing", "custom_handler": Nothing()})
    known = {"litellm_provider": "nothing", "mode": "chat"}
    litellm.register_model({f"nothing/{model}": known for model in MODELS})


def call(ask: Ask) -> float:
    """Milliseconds of a call, one after another."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        litellm.completion(**ask)
        times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times)


def busy_call(ask: Ask) -> float:
    """CPU milliseconds of a call."""
    began = time.process_time()
    for _ in range(CALLS):
        litellm.completion(**ask)
    logged()
    return (time.process_time() - began) / CALLS * 1e3


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
        await GLOBAL_LOGGING_WORKER.flush()

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
        await GLOBAL_LOGGING_WORKER.flush()
        began = clock()
        await asyncio.gather(*(litellm.acompletion(**ask) for _ in range(CONCURRENT)))
        took = clock() - began
        await GLOBAL_LOGGING_WORKER.flush()
        return took / CONCURRENT * 1e3

    return asyncio.run(together())


CASES: dict[str, tuple[str, Callable[[Ask], float]]] = {
    "call": ("ms", call),
    "call (CPU)": ("ms", busy_call),
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
    prepare()
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
                for route in ROUTES[n % 3 :] + ROUTES[: n % 3]:
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
