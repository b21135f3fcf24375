"""`ChatResayil` against `ChatOpenAI` and a model that does nothing: `python -m benchmarks.langchain`.

A streamed chunk is paid for three times: by reading the wire (the floor), by LangChain's own code around
any model (the model that does nothing), and by the model. The cases run in one process on one stub, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.metadata import version
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI

from benchmarks.streaming import async_floor, floor
from benchmarks.stub import serving
from langchain_resayil import ChatResayil

KEY = "sk-bench"
MADE = 200


class DoesNothing(BaseChatModel):
    """Yields ready text: what LangChain itself costs."""

    chunks: int

    @property
    def _llm_type(self) -> str:
        return "does-nothing"

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        for _n in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(content="مرحبا "))

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for _n in range(self.chunks):
            yield ChatGenerationChunk(message=AIMessageChunk(content="مرحبا "))


Run = Callable[[], int]


def stream(model: BaseChatModel) -> Run:
    """`stream`."""
    return lambda: sum(1 for _ in model.stream("x"))


def astream(model: BaseChatModel) -> Run:
    """`astream`, in a loop of its own."""

    async def once() -> int:
        return len([None async for _ in model.astream("x")])

    return lambda: asyncio.run(once())


def events(model: BaseChatModel) -> Run:
    """`stream_events`, version 3."""
    return lambda: sum(1 for _ in model.stream_events("x", version="v3"))


def cases(base_url: str, chunks: int) -> dict[str, Run]:
    """What is measured by the chunk."""
    given: dict[str, Any] = {"model": "stub", "api_key": KEY, "base_url": base_url}
    ours, theirs, none = ChatResayil(**given), ChatOpenAI(**given), DoesNothing(chunks=chunks)
    return {
        "httpx + JSON (floor)": floor(base_url),
        "does nothing, stream": stream(none),
        "ChatResayil.stream": stream(ours),
        "ChatOpenAI.stream": stream(theirs),
        "httpx async + JSON (floor)": async_floor(base_url),
        "does nothing, astream": astream(none),
        "ChatResayil.astream": astream(ours),
        "ChatOpenAI.astream": astream(theirs),
        "does nothing, events": events(none),
        "ChatResayil, native events": events(ours),
        "ChatOpenAI, events": events(theirs),
    }


def per_chunk(chunks: int, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds of a chunk, the cases taking turns."""
    with serving(chunks) as base_url:
        runs = cases(base_url, chunks)
        for run in runs.values():
            run()
        gc.freeze()  # else each full collection walks every module imported here, at the expense of whoever runs
        figures: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                began = time.process_time()
                run()
                figures[name].append((time.process_time() - began) / chunks * 1e6)
    return figures


def constructors(rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of a constructor."""
    kinds: dict[str, Callable[..., BaseChatModel]] = {
        "ChatResayil()": ChatResayil,
        "ChatOpenAI()": ChatOpenAI,
    }
    figures: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, kind in kinds.items():
            began = time.process_time()
            for _n in range(MADE):
                kind(model="stub", api_key=KEY, base_url="http://127.0.0.1:1/v1")
            figures[name].append((time.process_time() - began) / MADE * 1e3)
    return figures


IMPORTS = ("langchain_core.language_models.chat_models", "langchain_resayil.chat_models", "langchain_openai")


def imports(rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of an import in a fresh process."""
    figures: dict[str, list[float]] = {f"import {name}": [] for name in IMPORTS}
    for _ in range(rounds):
        for name in IMPORTS:
            program = f"import time; b = time.process_time(); import {name}; print(time.process_time() - b)"
            ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
            figures[f"import {name}"].append(float(ran.stdout) * 1e3)
    return figures


def main() -> None:
    """Measure and print medians with their spread."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.langchain")
    arguments.add_argument("--chunks", type=int, default=5_000)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    warnings.simplefilter("ignore")
    tables = {
        "µs per chunk (CPU)": per_chunk(given.chunks, given.rounds),
        "ms per constructor (CPU)": constructors(given.rounds),
        "ms per import (CPU)": imports(max(3, given.rounds // 3)),
    }
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("langchain-core", "langchain-openai", "httpx")
    )
    machine = f"Python {platform.python_version()}, {versions}, {platform.machine()}"
    if given.json:
        print(json.dumps({"machine": machine, "chunks": given.chunks, **tables}, ensure_ascii=False))
        return
    print(f"Medians of {given.rounds} rounds, {given.chunks} chunks; {machine}")
    for unit, rows in tables.items():
        print(f"\n{unit}")
        for name, values in rows.items():
            print(f"  {name:56} {statistics.median(values):9.3f}  ({min(values):.3f}-{max(values):.3f})")


if __name__ == "__main__":
    main()
