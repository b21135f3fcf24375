"""`init_chat_model("resayil:…")`, where somebody asks for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.chat_models import base, init_chat_model

import resayil
from langchain_resayil import ChatResayil, register
from resayil.emulator import Emulator


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Leave LangChain's table as it was."""
    before = dict(base._BUILTIN_PROVIDERS)  # noqa: SLF001 - the table that register() enters
    yield
    base._BUILTIN_PROVIDERS.clear()  # noqa: SLF001 - as above
    base._BUILTIN_PROVIDERS.update(before)  # noqa: SLF001 - as above


def test_nothing_is_registered_by_an_import() -> None:
    """Without `register` the installed version of LangChain does not know the provider."""
    program = (
        "import langchain_resayil\n"
        "from langchain.chat_models import init_chat_model\n"
        "for asked in ({'model': 'resayil:mistral'}, {'model': 'mistral', 'model_provider': 'resayil'}):\n"
        "    try:\n"
        "        init_chat_model(**asked)\n"
        "    except ValueError as error:\n"
        "        print('resayil' in str(error))"
    )
    # A process of its own: any earlier test may have asked for the registration.
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["True", "True"], ran.stderr


def test_both_forms_make_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """With it both forms of `init_chat_model` do, with settings, for ids that hold colons too."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", "sk-x")
    register()
    register()
    model = init_chat_model("resayil:qwen3-vl:235b-instruct", temperature=0)
    assert isinstance(model, ChatResayil)
    assert (model.model, model.temperature) == ("qwen3-vl:235b-instruct", 0)
    assert isinstance(init_chat_model("mistral", model_provider="resayil"), ChatResayil)


def test_the_model_can_be_chosen_at_run_time() -> None:
    """A configurable model and an agent's model by name work like those of other providers."""
    register()
    emulator = Emulator()
    with emulator.serve() as server:
        given = {"api_key": server.key, "base_url": server.base_url}
        chosen: Any = init_chat_model("resayil:mistral", configurable_fields=("model",), **given)
        answer = chosen.invoke("x", config={"configurable": {"model": "resayil:llama3.1"}})
        assert answer.response_metadata["model_name"] == "llama3.1"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LLM_RESAYIL_API_KEY", server.key)
            patch.setenv("RESAYIL_BASE_URL", server.base_url)
            agent: Any = create_agent("resayil:deepseek-v4-flash", tools=[])
            assert agent.invoke({"messages": [("user", "x")]})["messages"][-1].text


def test_another_langchain_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the table is gone, or LangChain, the error says what to do instead."""
    monkeypatch.delattr(base, "_BUILTIN_PROVIDERS")
    with pytest.raises(resayil.ConfigurationError, match=r"ChatResayil\(\.\.\.\)"):
        register()
    monkeypatch.setattr(base, "_BUILTIN_PROVIDERS", {}, raising=False)
    monkeypatch.setitem(sys.modules, "langchain.chat_models.base", None)
    with pytest.raises(resayil.ConfigurationError, match="pip install langchain"):
        register()


def test_the_model_itself_needs_no_langchain() -> None:
    """`ChatResayil` works where only langchain-core is installed."""
    program = (
        "import sys; sys.modules['langchain'] = None\n"
        "from langchain_resayil import ChatResayil, CreditsCallbackHandler, register\n"
        "from resayil.emulator import Emulator\n"
        "e = Emulator()\n"
        "m = ChatResayil(model='mistral', api_key=e.key, base_url=e.base_url, http_transport=e.transport())\n"
        "print(bool(m.invoke('x').text))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "True", ran.stderr
