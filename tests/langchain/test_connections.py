"""Models and their connections: over loops, threads and processes, left early, and never leaked."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest
from core.rawserver import HEAD, Connection, chunked, plain, raw_server
from core.support import answer, chunk
from fixture_types import MakeModel
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import RunnableConfig

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator
from resayil.jsontext import dump_bytes


def answering(connection: Connection) -> None:
    """Answer each request on a connection."""
    while connection.request():
        connection.send(plain(dump_bytes(answer())))


def model_at(base_url: str, **settings: Any) -> ChatResayil:
    """A model of a server on this machine."""
    return ChatResayil(**{"model": "mistral", "api_key": "sk-x", "base_url": base_url, **settings})


def test_two_hundred_models_use_one_connection() -> None:
    """Models made one after another, each used once, need one connection in all."""
    with raw_server(answering) as server:
        for n in range(200):
            assert model_at(server.base_url, temperature=n / 200).invoke("س").text
        assert len(server.connections) == 1
        model_at(server.base_url).close()


def test_three_loops_in_a_row() -> None:
    """`asyncio.run` three times on one model: every loop has its own connection, closed when it ends."""
    closed: list[bool] = []

    def handle(connection: Connection) -> None:
        connection.request()
        connection.send(plain(dump_bytes(answer())))
        closed.append(connection.closed_within())

    with raw_server(handle) as server:
        model = model_at(server.base_url)
        for _ in range(3):
            assert asyncio.run(model.ainvoke("س")).text
        assert len(server.connections) == 3
    assert closed == [True] * 3


def test_loops_in_threads() -> None:
    """Eight threads with a loop each, and twenty calls in each loop, share one model."""
    with raw_server(answering) as server:
        model = model_at(server.base_url)

        async def many() -> int:
            return len(await model.abatch(["س"] * 20))

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(lambda _: asyncio.run(many()), range(8))) == [20] * 8


def hanging(left: threading.Event, closed: threading.Event) -> Callable[[Connection], None]:
    """A server that sends a beginning, and notes when the client goes."""

    def handle(connection: Connection) -> None:
        connection.request()
        connection.send(HEAD + chunked(chunk({"content": "م"})))
        left.wait(5)
        if connection.closed_within():
            closed.set()

    return handle


@pytest.mark.filterwarnings("ignore:.*is in beta")
@pytest.mark.parametrize("way", ["stream", "astream", "events", "aevents", "cancel"])
def test_leaving_early_closes_the_socket(way: str) -> None:
    """Whoever leaves a stream in its middle, in any way, has its connection closed at once."""
    left, closed = threading.Event(), threading.Event()
    with raw_server(hanging(left, closed)) as server:
        model = model_at(server.base_url)
        if way == "stream":
            for _ in model.stream("س"):
                break
        elif way == "events":
            native: Any = model._stream_chat_model_events(model._convert_input("س").to_messages())  # noqa: SLF001 - LangChain keeps it alive
            next(native)
            native.close()
        else:
            asyncio.run(left_early(model, way))
        left.set()
        gc.collect()
        assert closed.wait(5)
        model.close()


async def left_early(model: ChatResayil, way: str) -> None:
    """Leave an asynchronous stream."""
    if way == "cancel":
        task = asyncio.create_task(anext(model.astream("س")))
        await task
        reading = asyncio.create_task(model.ainvoke("س", stream=True))
        await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return
    source: Any = (
        model.astream("س")
        if way == "astream"
        else model._astream_chat_model_events(model._convert_input("س").to_messages())  # noqa: SLF001 - as above
    )
    async with aclosing(source) as stream:
        async for _ in stream:
            break


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_a_forked_child_has_connections_of_its_own() -> None:
    """A child that was forked with a used model neither uses nor closes its parent's connection."""
    with raw_server(answering) as server:
        model = model_at(server.base_url)
        assert model.invoke("س").text
        child = os.fork()
        if child == 0:  # pragma: no cover - another process
            os._exit(0 if model.invoke("س").text else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert model.invoke("س").text
        assert len(server.connections) == 2
        model.close()


def test_nothing_is_left_open() -> None:
    """A program that never closes anything ends without a warning, sync and async."""
    program = """
import asyncio, sys, warnings
warnings.simplefilter("error")
from langchain_resayil import ChatResayil
from resayil.emulator import Emulator
with Emulator().serve() as server:
    model = ChatResayil(model="mistral", api_key=server.key, base_url=server.base_url)
    print(model.invoke("x").text != "", len(list(model.stream("x"))) > 1)
    async def both():
        async for _ in model.astream("x"):
            break
        return (await model.ainvoke("x")).text != ""
    print(asyncio.run(both()), asyncio.run(both()))
"""
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.stdout.split() == ["True"] * 4, ran.stderr
    assert "ResourceWarning" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_langchains_own_limiter_is_asked_once_per_call(make_model: MakeModel, emulator: Emulator) -> None:
    """`rate_limiter` of the base is acquired once for a call, whatever the core's attempts."""
    asked: list[bool] = []

    class Counting(InMemoryRateLimiter):
        def acquire(self, *, blocking: bool = True) -> bool:
            asked.append(blocking)
            return True

    emulator.fault(503, headers={"retry-after-ms": "1"})
    model = make_model(rate_limiter=Counting())
    assert model.invoke("x").response_metadata["attempts"] == 2
    list(model.stream("x"))
    assert asked == [True, True]


@pytest.mark.parametrize("disabled", [True, "tool_calling"])
def test_streaming_can_be_disabled(make_model: MakeModel, emulator: Emulator, disabled: Any) -> None:
    """`disable_streaming` makes streams plain calls: always, or where tools are offered."""
    model = make_model(disable_streaming=disabled)
    assert len(list(model.bind_tools([lambda_tool]).stream("مرحبًا"))) == 1
    assert emulator.requests[-1].body.get("stream") is None
    pieces = len(list(model.stream("مرحبًا بك")))
    assert (pieces == 1) is (disabled is True)
    assert make_model(streaming=False).invoke("x", stream=True)
    assert make_model(streaming=True).invoke("x")
    assert emulator.requests[-1].body["stream"] is True


def lambda_tool(text: str) -> str:
    """Give a text back."""
    return text


def test_bindings_and_configs_reach_the_call(make_model: MakeModel, emulator: Emulator) -> None:
    """`model_kwargs` serve where a call says nothing, and `extra_body` goes as it is."""
    model = make_model(model_kwargs={"temperature": 0.1, "seed": 3}, extra_body={"mirostat": 2})
    config: RunnableConfig = {"tags": ["a"], "metadata": {"b": 1}}
    model.bind(seed=4).invoke("x", config, extra_body={"mirostat": 1})
    sent = emulator.requests[-1].body
    assert (sent["temperature"], sent["seed"], sent["mirostat"]) == (0.1, 4, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.with_config(config).invoke("x")
    assert emulator.requests[-1].body["mirostat"] == 2
