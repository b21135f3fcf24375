"""What passes between the emulator's parts: requests, replies and the conversation they carry.

A reply is played, not returned: its steps are bytes, a `Wait` or a `Cut`, in order.  Transports and the
socket server play the same steps, so what a client sees in process is what it sees on the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

VERSION = "0.1.0"
BANNER = (
    f"LLM Resayil emulator {VERSION}: this project's own reading of the published documents. "
    "It is not the service, and nothing it says is the service's word."
)

Json: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence on the wire for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks here: closed in mid-message, or reset when `hard`."""

    hard: bool = False


Step: TypeAlias = bytes | Wait | Cut


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it arrived; header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One reply: status, headers and the steps that play its body.

    Status 0 means that no head is sent at all: the first step breaks the connection.  `delay` is the silence
    before the head; `blocking` says that the next step may take time to come, as it does from an upstream.
    `record` is what was noted of the request.
    """

    status: int
    headers: Mapping[str, str]
    steps: Iterable[Step]
    delay: float = 0.0
    blocking: bool = False
    record: RecordedRequest | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An image part: what could be read of it, or the address that was not fetched."""

    kind: str = ""
    width: int = 0
    height: int = 0
    text: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asked for; `arguments` is the raw JSON text."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the conversation in neutral form."""

    role: Role
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool on offer."""

    name: str
    description: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Question:
    """A chat request in neutral form: what the answering part needs to know."""

    dialect: str
    model: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    named: str = ""
    parallel: bool = True
    stream: bool = False
    stream_usage: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    json_mode: bool = False
    json_schema: JsonObject | None = None
    cache_marked: bool = False
    legacy_functions: bool = False

    def texts(self, role: Role) -> list[str]:
        """The words of one role, newest first."""
        return [turn.text for turn in reversed(self.turns) if turn.role == role and turn.text]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, before a dialect gives it a form."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: str = ""
    stop_sequence: str | None = None
    usage: Mapping[str, int] | None = None
    chunks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one exchange."""

    prompt: int
    completion: int
    reasoning: int = 0
    cached: int = 0
    created: int = 0

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.prompt + self.completion


@dataclass(slots=True)
class RecordedRequest:
    """A request as a test wants to look at it; credentials are masked.

    `place` is its number in the minute of its key, 0 where it was not counted; `limit` is that key's requests
    a minute, and `fault` what was made to go wrong.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Json
    dialect: str
    model: str = ""
    stream: bool = False
    status: int = 0
    tokens: int = 0
    credits: Json = 0
    at: float = 0.0
    place: int = 0
    limit: int | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Outbound:
    """A WhatsApp message that was accepted; `at` in seconds since 1970."""

    phone: str
    message: str
    at: float


def dumps(value: Json, *, escaped: bool = False) -> str:
    """JSON text with its Arabic as it is, unless the old server's escapes are asked for."""
    return json.dumps(value, ensure_ascii=escaped, separators=(",", ":"))
