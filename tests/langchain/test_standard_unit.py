"""LangChain's standard unit tests, unchanged."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_resayil import ChatResayil


class _Unit(ChatModelUnitTests):
    api: str

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatResayil

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "deepseek-v4-flash", "api": self.api}

    @pytest.fixture(autouse=True)
    def _allowed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """List the class as LangChain lists its own partners; others name it in `allowed_objects` instead."""
        load = importlib.import_module("langchain_core.load.load")  # a function hides the module
        every = load._get_default_allowed_class_paths("all")  # noqa: SLF001 - the list has no public door
        monkeypatch.setitem(
            load._default_class_paths_cache,  # noqa: SLF001 - the same
            "all",
            every | {tuple(ChatResayil.lc_id())},
        )

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        # The core reads the variable at the first call: a model holds no key that it was not given.
        env = {"LLM_RESAYIL_API_KEY": "test", "RESAYIL_BASE_URL": "https://llm.resayil.io/api/v1"}
        return env, {"model": "deepseek-v4-flash"}, {"api_key": None, "model": "deepseek-v4-flash"}


class TestChatUnit(_Unit):
    api = "chat"


class TestMessagesUnit(_Unit):
    api = "messages"
