"""What the LangChain tests share: models on an emulator in process, a picture, the way of cassettes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixture_types import MakeModel
from langchain_core.messages import AIMessageChunk
from langchain_tests.conftest import CustomPersister, CustomSerializer, base_vcr_config
from vcr import VCR  # type: ignore[import-untyped] # it has no types
from vcr.request import Request  # type: ignore[import-untyped] # it has no types

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator


@pytest.fixture
def emulator() -> Emulator:
    """A fresh emulator in process."""
    return Emulator()


@pytest.fixture
def make_model(emulator: Emulator) -> MakeModel:
    """Makes models that talk to the emulator without a socket."""
    given = {
        "model": "deepseek-v4-flash",
        "api_key": emulator.key,
        "base_url": emulator.base_url,
        "http_transport": emulator.transport(),
        "http_async_transport": emulator.async_transport(),
    }

    def make(**settings: Any) -> ChatResayil:
        return ChatResayil(**{**given, **settings})

    return make


@pytest.fixture
def model(make_model: MakeModel) -> ChatResayil:
    """A model on the chat dialect."""
    return make_model()


@pytest.fixture(params=["chat", "messages"])
def either(request: pytest.FixtureRequest, make_model: MakeModel) -> ChatResayil:
    """A model on each of the two dialects."""
    return make_model(api=request.param)


@pytest.fixture
def joined() -> Callable[[Any], AIMessageChunk]:
    """Adds the chunks of a stream up, one after another as programs do."""

    def join(chunks: Any) -> AIMessageChunk:
        first, *rest = chunks
        for chunk in rest:
            first += chunk
        assert isinstance(first, AIMessageChunk)
        return first

    return join


@pytest.fixture(scope="session")
def png() -> bytes:
    """A picture that every decoder accepts: one white pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _without_headers(request: Request) -> Request:
    request.headers = {}
    return request


def _with_type_alone(response: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in response["headers"].items() if name.lower() == "content-type"}
    return {**response, "headers": kept}


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Cassettes hold no header of a request, and of a reply its type alone."""
    config = base_vcr_config()
    del config["record_mode"]  # replayed unless --record-mode says otherwise
    return {
        **config,
        "before_record_request": _without_headers,
        "before_record_response": _with_type_alone,
        "cassette_library_dir": str(Path(__file__).parent / "cassettes"),
        "serializer": "yaml.gz",
        "path_transformer": VCR.ensure_suffix(".yaml.gz"),
    }


def pytest_recording_configure(config: pytest.Config, vcr: VCR) -> None:  # noqa: ARG001 - pytest-recording's hook
    """Keep cassettes as gzipped, safely read YAML."""
    vcr.register_persister(CustomPersister())
    vcr.register_serializer("yaml.gz", CustomSerializer())


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    """An emulator on a loopback socket; it tells how much of a prompt it has seen before."""
    with Emulator(oddities=["prompt-cache"]).serve() as running:
        yield running
