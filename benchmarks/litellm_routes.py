"""LiteLLM's two ways to an OpenAI-compatible service, `resayil/` and `openai/`, and one that goes nowhere."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable
from typing import Any, ClassVar, cast

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", "1000000000")  # the stub's chunks are all alike

import litellm

from benchmarks.contender import KEY, TEXT, Contender
from benchmarks.litellm import CASES, CHUNKS, logged, prepare

prepare()


class _Route(Contender):
    route: ClassVar[str]

    def __init__(self, url: str, model: str) -> None:
        self.ask: dict[str, Any] = {
            "model": f"{self.route}/{model}",
            "api_key": KEY,
            "api_base": url,
            "messages": [{"role": "user", "content": TEXT}],
        }

    def chat(self, messages: Any) -> Any:
        """`litellm.completion`."""
        said = self.ask["messages"] if isinstance(messages, str) else messages
        return litellm.completion(**{**self.ask, "messages": said})

    def stream(self) -> Iterable[object]:
        """`litellm.completion(stream=True)`."""
        return litellm.completion(**self.ask, stream=True)  # type: ignore[no-any-return] # untyped there


class _AsyncRoute(_Route):
    async def chat(self, messages: Any) -> Any:
        """`litellm.acompletion`."""
        said = self.ask["messages"] if isinstance(messages, str) else messages
        return await litellm.acompletion(**{**self.ask, "messages": said})

    async def stream(self) -> AsyncIterable[object]:  # type: ignore[override] # as `Contender` allows
        """`litellm.acompletion(stream=True)`."""
        return await litellm.acompletion(**self.ask, stream=True)  # type: ignore[no-any-return] # untyped there


class Ours(_Route):
    """This project's provider."""

    name, route = "LiteLLM resayil/", "resayil"


class Theirs(_Route):
    """LiteLLM's own provider for such services."""

    name, route = "LiteLLM openai/", "openai"


class Neither(_Route):
    """A provider that does nothing."""

    name, route = "LiteLLM nothing", "nothing"


class AsyncOurs(_AsyncRoute):
    """This project's provider, awaited."""

    name, route = "LiteLLM resayil/ async", "resayil"


class AsyncTheirs(_AsyncRoute):
    """LiteLLM's own, awaited."""

    name, route = "LiteLLM openai/ async", "openai"


def own_case(name: str, kind: type[Contender], url: str) -> dict[str, float]:
    """A case of `benchmarks.litellm`, which waits for what LiteLLM does in threads behind an answer."""
    unit, run = CASES[name]
    took = run(cast("_Route", kind(url, f"text-{CHUNKS}")).ask)
    logged()
    return {"cpu" if "CPU" in name else "wall": took if unit == "µs" else took * 1e3}


CONTENDERS: list[type[Contender]] = [Ours, Theirs, Neither, AsyncOurs, AsyncTheirs]
