"""The binding on a real socket: streams that arrive in time, and connections that are let go of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing, closing
from inspect import cleandoc
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, ToolMessage
from langchain_core.output_parsers import StrOutputParser
from tool_binding.support import Bind

from langchain_resayil import ChatResayil, ResayilToolBinding
from resayil.emulator import Emulator

LONG = "كلمة " * 400
SECONDS_A_CHUNK = 0.01


@pytest.fixture(scope="module")
def slow() -> Iterator[Any]:
    """An emulator on a socket that takes its time between two chunks."""
    with Emulator(chunk_delay=SECONDS_A_CHUNK).serve() as running:
        yield running


@pytest.fixture
def remote(slow: Any) -> ChatResayil:
    """A model on that socket, with one connection for everything."""
    slow.emulator.reset()
    one = {"max_connections": 1, "connect_timeout": 1}
    return ChatResayil(
        model="mistral", api_key=slow.key, base_url=slow.base_url, max_retries=0, client_options=one
    )


def test_the_first_chunk_comes_before_the_last(bind: Bind, remote: ChatResayil, slow: Any) -> None:
    """Chunks are shown while the answer is still being written, in a chain too."""
    slow.emulator.reply("abc", chunks=list("abcdefghij") * 2)
    began = time.monotonic()
    stream = (bind(on=remote) | StrOutputParser()).stream("go")
    first = next(text for text in stream if text)
    seconds = time.monotonic() - began
    list(stream)
    assert first == "a"
    assert seconds < (time.monotonic() - began) / 2


def test_leaving_early_lets_the_connection_go(bind: Bind, remote: ChatResayil, slow: Any) -> None:
    """With one connection for all, a closed stream makes way for the next run at once."""
    slow.emulator.reply(LONG)
    with closing(bind(on=remote).stream("go")) as stream:  # type: ignore[type-var] # a generator
        next(stream)
    slow.emulator.reply("next")
    assert bind(on=remote).invoke("go").text == "next"


@pytest.mark.parametrize("chained", [False, True])
def test_leaving_early_in_a_loop(bind: Bind, remote: ChatResayil, slow: Any, chained: bool) -> None:  # noqa: FBT001 - pytest names its arguments
    """The same, awaited and in a chain: the connection is free, and no task is left."""

    async def leave() -> int:
        slow.emulator.reply(LONG)
        binding: Any = bind(on=remote)
        async with aclosing((binding | StrOutputParser() if chained else binding).astream("go")) as stream:
            await anext(stream)
        slow.emulator.reply("next")
        assert (await bind(on=remote).ainvoke("go")).text == "next"
        await asyncio.sleep(0.05)
        return len(asyncio.all_tasks())

    assert asyncio.run(leave()) == 1


def test_the_docstrings_example_runs(slow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader who pastes it gets a run of two turns."""
    slow.emulator.reset()
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", slow.key)
    monkeypatch.setenv("RESAYIL_BASE_URL", slow.base_url)
    _, example, _ = cleandoc(ResayilToolBinding.__doc__ or "").split("```", 2)
    exec(compile(example.removeprefix("python"), "docstring", "exec"), {})  # noqa: S102 - what a reader does
    assert len(slow.emulator.requests) == 2


def test_a_whole_run_over_the_socket(bind: Bind, remote: ChatResayil, question: str) -> None:
    """Both turns and the tool between them, with the result shown before the second turn's first chunk."""
    kinds: list[str] = []
    for piece in bind(on=remote).stream(question):
        kind = "tool" if isinstance(piece, ToolMessage) else "text" if piece.text else "other"
        assert isinstance(piece, AIMessageChunk | ToolMessage)
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
    assert kinds == ["other", "tool", "other", "text", "other"]
