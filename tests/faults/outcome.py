"""What came of one call, in plain values: what was delivered, what was raised, what the server saw."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

KEY = "sk-canary-7f3d9b2e5a81c604"
"""The key of every call; wherever it is found in an error, it has leaked."""

NEXT = "another-call"
"""The prompt of the call that follows, which finds out whether the connection was let go."""

Leave = Literal["", "break", "raise", "close", "interrupt", "cancel", "wait_for"]

ATTRIBUTES = ("status_code", "code", "message", "request_id", "retry_after", "attempts")


class ConsumerError(Exception):
    """Raised by whoever reads a stream, to see that it arrives unchanged."""


@dataclass
class Heard:
    """What a caller was given before the call ended.

    Attributes:
        leave: How the caller leaves a stream early, and after how many tokens.
        after: So many tokens.
    """

    leave: Leave = ""
    after: int = 3
    pieces: list[tuple[float, str]] = field(default_factory=list)
    text: str = ""
    finish: str | None = None
    usage: int | None = None
    calls: tuple[tuple[str, Any], ...] = ()
    invalid: tuple[tuple[str, str], ...] = ()
    attempts: int | None = None
    maybe_billed: int = 0
    truncated: bool = False
    whole: bool = False

    def say(self, text: str) -> bool:
        """Take a token of a stream; true where the caller breaks off here."""
        if not text:
            return False
        self.pieces.append((time.monotonic(), text))
        if not self.leave or len(self.pieces) < self.after:
            return False
        if self.leave == "raise":
            raise ConsumerError("the reader's own")
        if self.leave == "interrupt":
            raise KeyboardInterrupt
        return self.leave in {"break", "close"}

    @property
    def delivered(self) -> str:
        """The text so far, of a stream or of a whole answer."""
        return self.text or "".join(text for _, text in self.pieces)


@dataclass
class Caught:
    """An error, taken apart so that it can leave its process.

    Attributes:
        kinds: The names of errors in the contract that it counts as.
        typed: Whether it is of the surface's own tree.
        fields: Its attributes, by name; those it has not are missing.
        message: ``str()`` of it.
        shown: Everything of it that a log may show: str, repr, args, body, traceback.
        frames: Its traceback with the local variables of every frame, if asked for.
    """

    kinds: frozenset[str]
    typed: bool
    fields: Mapping[str, Any]
    message: str
    shown: str
    frames: str = ""

    @property
    def name(self) -> str:
        """Its class."""
        return str(self.fields["class"])


def caught(error: BaseException, kinds: frozenset[str], *, typed: bool, frames: bool = False) -> Caught:
    """Take an error apart."""
    names = (*ATTRIBUTES, "phase", "maybe_billed", "partial_text", "fields")
    found: dict[str, Any] = {name: getattr(error, name) for name in names if hasattr(error, name)}
    found["class"] = type(error).__name__
    found["partial_calls"] = [
        (call.name, call.arguments) for call in getattr(error, "partial_tool_calls", ())
    ]
    usage = getattr(error, "usage", None)
    found["usage"] = None if usage is None else usage.total_tokens
    response = getattr(error, "response", None)
    content = getattr(response, "content", b"")
    found["body_bytes"] = len(content)
    told = traceback.TracebackException.from_exception(error, capture_locals=frames)
    text = "".join(told.format())
    shown = "\n".join((str(error), repr(error), repr(error.args), repr(response), repr(content)[:100_000]))
    return Caught(kinds, typed, found, str(error), shown + ("" if frames else text), text if frames else "")


@dataclass
class Outcome:
    """One call, from both ends of the wire.

    Attributes:
        heard: What the caller was given.
        error: What was raised.
        seconds: How long it took.
        began: Monotonic time of its start.
        peak_kb: Growth of the process's memory while it ran, where it ran alone in one.
        requests: Requests that the server saw.
        released: Whether the connection was let go in time.
        next_works: Whether the next call on the same connection pool of one succeeded; ``None``: not tried.
    """

    heard: Heard
    error: Caught | None
    seconds: float
    began: float
    peak_kb: int | None = None
    requests: int = 0
    released: bool = True
    next_works: bool | None = None
