"""The server under the doctor's examination: how it is asked, and what is kept of its answers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from resayil.books import Books
from resayil.calls import Calls
from resayil.config import Settings
from resayil.effects import Failure, Head, Send
from resayil.errors import (
    APIConnectionError,
    AuthenticationError,
    EmptyResponseError,
    InsufficientCreditsError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestError,
    ResayilError,
    UnexpectedContentError,
)
from resayil.limiters import OnWait, limiter_for
from resayil.messages import ChatResponse, Message
from resayil.models import ModelInfo
from resayil.options import CallOptions, RequestOptions, build_request
from resayil.pools import SyncPool
from resayil.transport import CLOCK, SyncIO, run

Status = Literal["ok", "note", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report.

    Attributes:
        name: What was looked at.
        documented: What the documents say.
        observed: What the server did.
        does: What the client does about it.
        status: As documented, otherwise but managed, in the way of work, or not looked at.
        hint: What a person can do.
    """

    name: str
    documented: str
    observed: str
    does: str
    status: Status
    hint: str = ""


class Tap(SyncIO):
    """Sends as the client does, and keeps what came: how many requests, the head, the bytes."""

    requests = 0
    head: Head | None = None
    body = b""
    first = math.inf

    def __init__(self, pool: SyncPool, allowed: int) -> None:
        super().__init__(pool)
        self._allowed = allowed

    def send(self, send: Send) -> Head | Failure:
        """Send, counting.

        Raises:
            RequestError: more would be sent than this check had named.
        """
        if self.requests == self._allowed:
            raise RequestError(
                f"After {self._allowed} requests it was not understood yet; no more were sent."
            )
        self.requests += 1
        self.body, self._began = b"", time.monotonic()
        outcome = super().send(send)
        self.head = outcome if isinstance(outcome, Head) else None
        return outcome

    def read(self, due: float) -> bytes | Failure | None:
        """Read, keeping."""
        piece = super().read(due)
        if isinstance(piece, bytes):
            self.first = min(self.first, time.monotonic() - self._began)
            self.body += piece
        return piece


class Patient:
    """The server under examination.

    Args:
        settings: Where it is, and with which key.
        transport: An httpx transport, such as the emulator's.
        on_wait: As of `Client`.
        model: What to ask; chosen from its list by default.
        slow: Seconds until the first event above which it is called slow.
    """

    def __init__(
        self, settings: Settings, transport: Any, on_wait: OnWait | None, *, model: str, slow: float
    ) -> None:
        self.settings = settings
        self.calls = Calls(settings, CLOCK)
        self._pool = SyncPool(settings, transport, limiter_for(settings, on_wait), Books(settings))
        self.model = model
        self.slow = slow
        self.requests = self.allowed = 0
        self.tokens = 0
        self.listed: list[ModelInfo] = []
        self.headers: Mapping[str, str] = {}
        self.json_by: Literal["asked", "call", "mode"] = "asked"
        self.vision: dict[str, bool] = {}
        self.refusal: ResayilError | None = None
        self.calls_tools = True
        self.answers = self.broke = False

    def tap(self) -> Tap:
        """An exchange to look into, of as many requests as are still allowed."""
        return Tap(self._pool, self.allowed - self.requests)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def perform(self, flow: Any, tap: Tap) -> Any:
        """Run a flow, counting what it sends."""
        try:
            return run(flow, tap)
        finally:
            self.requests += tap.requests
            if tap.head is not None:
                self.headers = {**self.headers, **tap.head.headers}

    def chat(
        self, messages: str | list[Message], model: str = "", how: CallOptions | None = None, **options: Any
    ) -> ChatResponse:
        """One small call."""
        asked: RequestOptions = {"max_tokens": 64, **options}  # type: ignore[typeddict-item] # a call's own options
        request = build_request(model or self.model, messages, asked)
        response: ChatResponse = self.perform(self.calls.chat(request, how or {}), self.tap())
        self.tokens += response.usage.total_tokens
        return response


_HINTS: tuple[tuple[type[ResayilError], str], ...] = (
    (AuthenticationError, "Make a new key at https://llm.resayil.io/api-keys and set LLM_RESAYIL_API_KEY."),
    (InsufficientCreditsError, "Buy credits at https://llm.resayil.io/billing/plans."),
    (PermissionDeniedError, "The key may not do this: look at its plan."),
    (RateLimitError, "The key's limit is used up; come back in a minute, and set RESAYIL_PLAN."),
    (NotFoundError, "Wrong path or model: look at the base URL and the list of models."),
    (
        EmptyResponseError,
        "Streams are broken there: use chat() until the service is mended, and tell its support.",
    ),
    (
        UnexpectedContentError,
        "A web page answers: the base URL is wrong, or a proxy or login page stands before it.",
    ),
)


def hint_of(error: ResayilError) -> str:
    """What a person can do about an error."""
    if isinstance(error, APIConnectionError):
        if error.phase == "certificate":
            return "The certificate is not trusted: look for a proxy that replaces it."
        return "Look at the network, the proxy variables and the address."
    return next(
        (hint for kind, hint in _HINTS if isinstance(error, kind)),
        "Send this report to the service's support.",
    )
