"""What the emulator's tests share: a client in process, images, and a reader of streams."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from resayil.emulator import Emulator

Post = Callable[..., httpx.Response]
LOYALTY: dict[str, Any] = {
    "name": "get_loyalty_points",
    "description": "Look up the loyalty points that a member earns for a purchase.",
    "parameters": {
        "type": "object",
        "properties": {"member_id": {"type": "string"}, "total_kwd": {"type": "number"}},
        "required": ["member_id", "total_kwd"],
    },
}
WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Get the current weather for a place.",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {"type": "string"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["location"],
    },
}


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bytes(text: str = "", *, kind: bytes = b"iTXt", size: tuple[int, int] = (6, 4)) -> bytes:
    """A PNG of that size, its file carrying the text."""
    head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    keyword = b"Description\x00"
    carried = {
        b"iTXt": keyword + b"\x00\x00ar\x00\x00" + text.encode(),
        b"zTXt": keyword + b"\x00" + zlib.compress(text.encode()),
        b"tEXt": keyword + text.encode(),
    }
    rows = zlib.compress((b"\x00" + b"\x00\x00\x00" * size[0]) * size[1])
    body = _chunk(b"IHDR", head) + (_chunk(kind, carried[kind]) if text else b"") + _chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + body + _chunk(b"IEND", b"")


def data_url(data: bytes, media: str = "image/png") -> str:
    """The bytes as a `data:` URL."""
    return f"data:{media};base64,{base64.b64encode(data).decode()}"


def events_of(text: str) -> list[dict[str, Any]]:
    """The JSON payloads of a stream, in order."""
    payloads = (line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: "))
    return [json.loads(payload) for payload in payloads if payload != "[DONE]"]


class Client:
    """A plain HTTP client on one emulator, in process."""

    def __init__(self, emulator: Emulator, key: str | None = None) -> None:
        self.emulator = emulator
        headers = {"authorization": f"Bearer {key or emulator.key}"}
        self.http = httpx.Client(transport=emulator.transport(), base_url=emulator.base_url, headers=headers)

    def chat(self, content: Any = "Hello", **fields: Any) -> httpx.Response:
        """POST a chat completion; `messages` replaces the one user turn."""
        body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": content}], **fields}
        return self.http.post("/chat/completions", json=body)

    def message(self, content: Any = "Hello", **fields: Any) -> httpx.Response:
        """POST to the Messages API."""
        turns = [{"role": "user", "content": content}]
        return self.http.post(
            "/messages", json={"model": "mistral", "max_tokens": 500, "messages": turns, **fields}
        )

    def said(self, content: Any = "Hello", **fields: Any) -> dict[str, Any]:
        """The message that a chat completion answers with."""
        response = self.chat(content, **fields)
        assert response.status_code == 200, response.text
        message: dict[str, Any] = response.json()["choices"][0]["message"]
        return message

    def called(self, content: Any, *tools: dict[str, Any], **fields: Any) -> list[tuple[str, Any]]:
        """The tool calls that a chat completion answers with, arguments parsed."""
        offered = [{"type": "function", "function": tool} for tool in tools]
        calls = self.said(content, tools=offered, **fields).get("tool_calls", [])
        return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


@pytest.fixture
def client(resayil_emulator: Emulator) -> Iterator[Client]:
    """A client on the fresh emulator."""
    made = Client(resayil_emulator)
    yield made
    made.http.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """Clients on emulators with switches of their own: `connect("no-done", key=…)`."""
    made: list[Client] = []

    def build(*oddities: str, profile: str = "documented", **options: Any) -> Client:
        made.append(Client(Emulator(profile, oddities, **options)))
        return made[-1]

    yield build
    for one in made:
        one.http.close()


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Builds PNG files."""
    return png_bytes


@pytest.fixture
def receipt_url() -> str:
    """A receipt in Arabic as a `data:` URL."""
    lines = ("مطعم البحر", "سمك مشوي 8.000 د.ك", "شاي 4.500 د.ك", "المجموع: 12.500 د.ك")
    return data_url(png_bytes("\n".join(lines)))


@pytest.fixture
def receipt() -> Callable[[str], str]:
    """Builds an image that carries a text, as a `data:` URL."""
    return lambda text: data_url(png_bytes(text))


@pytest.fixture
def as_url() -> Callable[..., str]:
    """Turns image bytes into a `data:` URL."""
    return data_url


@pytest.fixture
def events() -> Callable[[str], list[dict[str, Any]]]:
    """Reads the payloads of a stream."""
    return events_of


@pytest.fixture
def loyalty() -> dict[str, Any]:
    """A tool that looks up loyalty points."""
    return LOYALTY


@pytest.fixture
def weather() -> dict[str, Any]:
    """A tool that tells the weather."""
    return WEATHER
