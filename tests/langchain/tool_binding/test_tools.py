"""Each kind of tool, and bindings that cannot work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.tools import BaseTool
from pydantic import BaseModel
from tool_binding.support import Bind, Run, results_of

from langchain_resayil import ChatResayil, ResayilToolBinding
from langchain_resayil.errors import ConfigurationError, RequestError
from resayil import Tool
from resayil.emulator import Emulator


def test_an_async_only_tool_needs_a_loop(bind: Bind, emulator: Emulator) -> None:
    """Synchronous use is refused by name before anything is sent; awaited, it works."""

    async def fetch(n: int) -> int:
        """Fetch."""
        await asyncio.sleep(0)
        return n

    with pytest.raises(RequestError, match="fetch can only be awaited; use ainvoke, astream or abatch"):
        bind(fetch).invoke("go")
    with pytest.raises(RequestError, match="fetch"):
        list(bind(fetch).stream("go"))
    assert not emulator.requests
    emulator.call("fetch", {"n": "٧"})
    emulator.reply("done")
    messages = asyncio.run(bind(fetch).with_transcript().ainvoke("go"))["messages"]
    assert results_of(messages) == [("success", "7")]


class Adder(BaseTool):
    """A tool as a class, with both ways to run."""

    name: str = "add"
    description: str = "Add."

    def _run(self, a: int, b: int) -> str:
        return f"sync {a + b}"

    async def _arun(self, a: int, b: int) -> str:
        return f"async {a + b}"


def test_each_kind_of_tool(bind: Bind, run: Run, emulator: Emulator) -> None:
    """A tool class in its native way, a core tool by its JSON schema, a callable without a docstring."""

    def bare(x: int) -> int:
        return x

    def shown() -> list[dict[str, Any]]:
        """Show."""
        return [{"type": "text", "text": "كتلة"}]

    core = Tool(
        "core_tool", "A tool of the core.", {"properties": {"n": {"type": "integer"}}}, function=lambda n: -n
    )
    emulator.calls(
        [("add", {"a": "١", "b": 2}), ("core_tool", {"n": "٣"}), ("bare", {"x": 4}), ("shown", {})]
    )
    emulator.reply("done")
    texts = [text for _, text in results_of(run(bind(Adder(), core, bare, shown), "go"))]
    way = "async" if run.__name__ in {"_awaited", "_astreamed"} else "sync"
    assert texts == [f"{way} 3", "-3", "4", "كتلة"]


class Points(BaseModel):
    """Points."""

    points: int


@pytest.mark.parametrize(
    ("tools", "settings", "told"),
    [
        ([], {}, "needs a tool"),
        ([Points], {}, "Points describes no tool that can be executed"),
        ([{"name": "x"}], {}, "dict describes no tool"),
        ([Tool("x")], {}, "Tool describes no tool"),
        ([Adder(), Adder()], {}, "Two tools are called add"),
        ([Adder()], {"tool_calling": "guess"}, "auto, native or emulated"),
        ([Adder()], {"max_turns": 0}, "max_turns"),
        ([Adder()], {"tool_timeout": {"sub": 1}}, "tool_timeout names no tool: sub"),
    ],
)
def test_a_binding_that_cannot_work_is_not_made(
    model: ChatResayil, tools: list[Any], settings: dict[str, Any], told: str
) -> None:
    """What is wrong is said when the binding is made, not when a model calls."""
    with pytest.raises(ConfigurationError, match=told):
        ResayilToolBinding(model, tools, **settings)
