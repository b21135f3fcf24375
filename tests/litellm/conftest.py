"""What the LiteLLM tests share: the provider registered, a service on a socket, the arguments of a call."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

# Before LiteLLM is imported by anything: no download of prices, and short waits between a Router's attempts.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ.setdefault("INITIAL_RETRY_DELAY", "0.02")
os.environ.setdefault("JITTER", "0.02")

import litellm
import pytest
from limits.conftest import free_port
from proxies import Proxy, running_proxy

import litellm_provider
from resayil.emulator import Emulator
from resayil.emulator.server import Server

FOREIGN_WARNINGS = (
    "ignore:Items? '.*' on TypedDict class:UserWarning",  # pydantic on LiteLLM's types
    "ignore:Accessing the 'model_:DeprecationWarning",  # LiteLLM reads every attribute of a chunk
    "ignore:coroutine 'router_cooldown_event_callback' was never awaited",  # LiteLLM's Router forgets it
    "ignore:.*passing a Router is deprecated:DeprecationWarning",  # the older LiteLLM knows no other way
    "ignore:Pydantic serializer warnings:UserWarning",  # the reasoning items of LiteLLM's Responses API
)
"""Warnings in other packages' code, which no caller can avoid."""

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "مرحبا"}]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let LiteLLM's own warnings pass here, and nowhere else."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for warning in FOREIGN_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One emulator on a socket for all tests."""
    with Emulator().serve() as running:
        yield running


@pytest.fixture
def emulator(server: Server) -> Emulator:
    """That emulator, without anything that an earlier test left."""
    server.emulator.reset()
    return server.emulator


@pytest.fixture
def call(server: Server, emulator: Emulator) -> dict[str, Any]:
    """The arguments of a call that the service answers."""
    del emulator  # it is there to be clean
    return {
        "model": "resayil/deepseek-v4-flash",
        "messages": HELLO,
        "api_key": server.key,
        "api_base": server.base_url,
        "max_retries": 0,
    }


@pytest.fixture(autouse=True)
def _registered() -> None:
    """The provider, told to LiteLLM without prices."""
    litellm.suppress_debug_info = True
    litellm_provider.register()


def sse(*chunks: dict[str, Any] | str) -> bytes:
    """A chat stream of these chunks, byte for byte."""
    return "".join(
        f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False)}\n\n"
        for chunk in chunks
    ).encode()


@pytest.fixture
def raw(emulator: Emulator) -> Callable[..., None]:
    """Makes the next answer exactly this stream."""

    def answer(*chunks: dict[str, Any] | str) -> None:
        emulator.fault(200, body=sse(*chunks), headers={"content-type": "text/event-stream"})

    return answer


async def _collect(call: dict[str, Any]) -> list[Any]:
    return [chunk async for chunk in await litellm.acompletion(**call, stream=True)]


@pytest.fixture(params=["threads", "loops"])
def streamed(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """All chunks of a streamed call, in threads and on an event loop."""

    def collect(call: dict[str, Any], **more: Any) -> list[Any]:
        given = {**call, **more}
        if request.param == "loops":
            return asyncio.run(_collect(given))
        return list(litellm.completion(**given, stream=True))

    return collect


@pytest.fixture(scope="session")
def start_proxy() -> Callable[[Path, Mapping[str, str]], AbstractContextManager[Proxy]]:
    """Starts LiteLLM's proxy as a user starts it: the command, a configuration file, the environment."""
    return running_proxy


@pytest.fixture(scope="session")
def find_port() -> Callable[[], int]:
    """Finds a port that nobody listens on."""
    return free_port
