"""What the core's tests share: a scripted transport for both clients, clocks, and small values."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from resayil import AsyncClient, ChatResponse, Client, Tool
from resayil.emulator import Emulator
from resayil.flow import Clock

WIRE = Path(__file__).parents[1] / "wire"
KEY = "sk-canary-7f3d9b2e5a81c604"
BASE_URL = "http://localhost:9/v1"
MODEL = "deepseek-v4-flash"
ARABIC = "مرحبًا بك في متجر الرسيّل، السعر ١٢٫٥٠٠ د.ك \u200f👩\u200d💻"
PNG = b"\x89PNG\r\n\x1a\n"
WEATHER = Tool(
    "get_weather",
    "حالة الطقس",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


@dataclass(frozen=True)
class Told:
    """One reply: its status, headers and the pieces of its body; an exception among them breaks it off."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes | Exception] = ()


Step = Told | Exception | Callable[[httpx.Request], "Told | Exception"]


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, told: Told, closed: list[int]) -> None:
        self._told = told
        self._closed = closed

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._told.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        """Count the reply as let go."""
        self._closed.append(1)

    async def aclose(self) -> None:
        """Count the reply as let go."""
        self._closed.append(1)


class Scripted(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers with the steps in turn, the last one again and again; keeps what it was asked."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.closed: list[int] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self._steps[min(len(self.requests), len(self._steps)) - 1]
        if not isinstance(step, Told | Exception):
            step = step(request)
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status, headers=dict(step.headers), stream=_Body(step, self.closed))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the sync client."""
        request.read()
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the async client."""
        await request.aread()
        return self._answer(request)

    @property
    def bodies(self) -> list[Any]:
        """The JSON bodies it was sent."""
        return [json.loads(request.content) for request in self.requests]


def json_reply(body: object, status: int = 200, **headers: str) -> Told:
    """A reply of JSON."""
    return Told(status, {"content-type": "application/json", **headers}, (json.dumps(body).encode(),))


def sse_reply(*pieces: bytes | Exception) -> Told:
    """A stream of these pieces."""
    return Told(200, {"content-type": "text/event-stream"}, pieces)


def answer(text: str = "نعم", **message: Any) -> dict[str, Any]:
    """A whole reply of the chat dialect."""
    return {
        "id": "chatcmpl-1",
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


def event(body: object) -> bytes:
    """One server-sent event."""
    data = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def chunk(delta: object, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a chat stream."""
    return event(
        {
            "id": "c1",
            "model": MODEL,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
            **more,
        }
    )


TEXT_STREAM = (chunk({"content": "مر"}), chunk({"content": "حبا"}), chunk({}, "stop"), event("[DONE]"))


def client_of(transport: Any, **settings: Any) -> Client:
    """A client on a transport, without retries unless asked for."""
    return Client(KEY, BASE_URL, transport=transport, **{"max_retries": 0, **settings})


def streamed(*pieces: bytes, api: str = "chat", **options: Any) -> ChatResponse:
    """The answer that these pieces of a stream make."""
    stream = client_of(Scripted(sse_reply(*pieces)), api=api).stream(MODEL, "س", **options)
    list(stream)
    return stream.response()


def async_client_of(transport: Any, **settings: Any) -> AsyncClient:
    """The same for an event loop."""
    return AsyncClient(KEY, BASE_URL, transport=transport, **{"max_retries": 0, **settings})


def emulator_of(
    *oddities: str, profile: str = "documented", clock: Callable[[], float] = time.time
) -> Emulator:
    """An emulator that knows the tests' key."""
    emulator = Emulator(profile, oddities, clock=clock)
    emulator.add_key(KEY, plan="enterprise", credits=10**9, requests_per_minute=10**6)
    return emulator


class FakeClock:
    """Time that passes only when told to."""

    def __init__(self, wall: float = 1_760_000_000.0) -> None:
        self.now = 1000.0
        self.began = wall
        self.jitter = 0.5

    def clock(self) -> Clock:
        """It as the core takes it."""
        return Clock(lambda: self.now, lambda: self.began + self.now - 1000.0, lambda: self.jitter)


def png(width: int = 2, height: int = 2, *, pad: int = 0) -> bytes:
    """A PNG file of that size, so many bytes longer than it needs to be."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG + part(b"IHDR", head) + part(b"IEND", b"") + bytes(pad)


def data_url(data: bytes, media_type: str = "image/png") -> str:
    """The bytes as a data URL."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
