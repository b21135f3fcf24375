"""Core and adapters after the doctor: each reads the file that it wrote, and asks otherwise from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import litellm
import pytest
from doctor.servers import KEY, emulator
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from typer.testing import CliRunner

import litellm_provider
from langchain_resayil import ChatResayil
from resayil import AsyncClient, Client, ToolCallPart, assistant, tool_result, user
from resayil.cli.app import app
from resayil.emulator.server import Server

MODEL = "deepseek-v4-flash"
TURNS = [user("حاسب"), assistant(ToolCallPart("c1", "add", {"a": 1})), tool_result("c1", "5")]
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
DICTS: list[dict[str, Any]] = [
    {"role": "user", "content": "حاسب"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "c1", "content": "5"},
]


def _client() -> None:
    with Client() as client:
        assert client.chat(MODEL, TURNS).text


def _async_client() -> None:
    async def ask() -> None:
        async with AsyncClient() as client:
            assert (await client.chat(MODEL, TURNS)).text

    asyncio.run(ask())


def _langchain() -> None:
    called = AIMessage("", tool_calls=[{"id": "c1", "name": "add", "args": {"a": 1}}])
    turns = [HumanMessage("حاسب"), called, ToolMessage("5", tool_call_id="c1")]
    assert ChatResayil(model=MODEL).invoke(turns).text


def _litellm() -> None:
    litellm_provider.register()
    assert litellm.completion(model=f"resayil/{MODEL}", messages=DICTS).choices[0].message.content


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server of March, which takes no role ``tool``."""
    with emulator(profile="march-2026").serve() as running:
        monkeypatch.setenv("LLM_RESAYIL_API_KEY", KEY)
        monkeypatch.setenv("RESAYIL_BASE_URL", running.base_url)
        monkeypatch.delenv("RESAYIL_CAPABILITIES", raising=False)
        yield running


@pytest.mark.filterwarnings("ignore::UserWarning:pydantic", "ignore:Accessing the 'model_:DeprecationWarning")
@pytest.mark.parametrize("ask", [_client, _async_client, _langchain, _litellm])
def test_what_the_doctor_found_is_used_by(
    ask: Callable[[], None], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it runs a refusal teaches; after it the first request is said in a way that is understood."""

    def asked() -> int:
        before = len(server.emulator.requests)
        ask()
        return len(server.emulator.requests) - before

    assert asked() == 2
    path = str(tmp_path / "capabilities.json")
    CliRunner().invoke(app, ["doctor", "--model", MODEL, "--capabilities", path])
    monkeypatch.setenv("RESAYIL_CAPABILITIES", path)
    assert asked() == 1
