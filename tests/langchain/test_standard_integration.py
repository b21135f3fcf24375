"""LangChain's standard integration tests, unchanged, against the emulator's socket in both dialects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator
from resayil.emulator.server import Server

CASSETTE_PORT = 18_734
"""Where the emulator listens while a cassette is recorded; replayed, nothing listens there."""


@pytest.mark.filterwarnings("ignore:.*is in beta:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.filterwarnings("ignore:An https.// image goes through:resayil.config.ResayilWarning")
@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")  # nothing is measured while recording
class _Integration(ChatModelIntegrationTests):
    api: ClassVar[str]
    model_id: ClassVar[str]
    sees: ClassVar[bool]
    details: ClassVar[list[str]]
    base_url: str
    transport: httpx.BaseTransport | None = None

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatResayil

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": self.model_id,
            "api": self.api,
            "api_key": Emulator().key,
            "base_url": self.base_url,
            "http_transport": self.transport,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return self.sees

    @property
    def supports_image_urls(self) -> bool:
        return self.sees

    @property
    def supports_image_tool_message(self) -> bool:
        return self.sees

    @property
    def model_override_value(self) -> str:
        return "nemotron-3-super"

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> Any:
        return {"invoke": self.details, "stream": self.details}

    @pytest.fixture(autouse=True)
    def _service(
        self, request: pytest.FixtureRequest, server: Server, monkeypatch: pytest.MonkeyPatch, png: bytes
    ) -> Iterator[None]:
        """Point the model at the emulator; the suite's own picture comes from here, not from the network."""
        reply = httpx.Response(200, content=png)
        monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx.get", lambda *_, **__: reply)
        self.base_url = server.base_url
        if request.node.get_closest_marker("vcr") is None:
            yield
            return
        self.base_url = f"http://127.0.0.1:{CASSETTE_PORT}/v1"
        self.transport = httpx.HTTPTransport()  # the one that VCR steps into
        if request.config.getoption("--record-mode") in {None, "none"}:
            request.getfixturevalue("socket_disabled")
            yield
            return
        with Emulator().serve(port=CASSETTE_PORT):
            yield

    @pytest.fixture(autouse=True)
    async def _closed(self, _service: None, model: ChatResayil) -> AsyncIterator[None]:
        """Close the connections of the test's own event loop before the loop goes."""
        yield
        await model.aclose()
        model.close()

    def _answer(self, model: str, text: str, *, stream: bool, **options: Any) -> AIMessage:
        asked = ChatResayil(**{**self.chat_model_params, "model": model})
        if not stream:
            return asked.invoke(text, **options)
        chunks = list(asked.stream(text, **options))
        return chunks[0] + chunks[1:]

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._answer("deepseek-v4-pro", "كم ١٢ في ١٢؟", stream=stream)

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        marked = {"extra_body": {"cache_control": {"type": "ephemeral"}}}
        self._answer(self.model_id, "اقرأ هذا مرتين.", stream=stream, **marked)
        return self._answer(self.model_id, "اقرأ هذا مرتين.", stream=stream, **marked)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        marked = {"extra_body": {"cache_control": {"type": "ephemeral"}}}
        return self._answer(self.model_id, f"اقرأ هذا أول مرة، {stream}.", stream=stream, **marked)


class TestChatIntegration(_Integration):
    api = "chat"
    model_id = "qwen3-vl:235b-instruct"
    sees = True
    details: ClassVar[list[str]] = ["reasoning_output", "cache_read_input"]


class TestMessagesIntegration(_Integration):
    api = "messages"
    model_id = "deepseek-v4-flash"
    sees = False
    details: ClassVar[list[str]] = ["cache_read_input", "cache_creation_input"]
