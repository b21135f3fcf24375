"""The emulator as a user holds it: script it, send to it, look at what it was asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import TYPE_CHECKING

from resayil.emulator import faults
from resayil.emulator.oddities import chosen
from resayil.emulator.scripts import Call, Fault, Reply, Scripted
from resayil.emulator.service import Service
from resayil.emulator.transports import AsyncEmulatorTransport, EmulatorTransport
from resayil.emulator.upstream import Upstream
from resayil.emulator.values import HttpReply, HttpRequest, Json, JsonObject, RecordedRequest
from resayil.emulator.whatsapp import WhatsApp
from resayil.emulator.world import DEFAULT_KEY, PLANS, Account, World

if TYPE_CHECKING:
    from resayil.emulator.server import Server

IN_PROCESS = "https://emulator.test/v1"
KEY_PREFIX = "sk-emulated-"


class Emulator:
    """The service on your machine, as this project reads its documents."""

    def __init__(
        self,
        profile: str = "documented",
        oddities: Iterable[str] = (),
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        upstream: str | None = None,
        chunk_delay: float = 0.0,
    ) -> None:
        """Start an emulator of its own, with no history.

        Args:
            profile: `documented`, or `march-2026` for the public server of that month.
            oddities: Further switches by name; `resayil.emulator.ODDITIES` lists them.
            seed: Decides the ids that are given out.
            clock: Tells the time for limits and dates.
            upstream: The base URL of a real server that chat requests are handed on to.
            chunk_delay: Seconds between two events of a stream.

        Raises:
            ValueError: The profile or a switch is not known.
        """
        self._clock = clock
        self._world = World(chosen(profile, oddities), seed)
        self._service = Service(self._world, Upstream(upstream) if upstream else None, chunk_delay)

    @property
    def key(self) -> str:
        """The default key: no limit, no end of credits."""
        return DEFAULT_KEY

    @property
    def base_url(self) -> str:
        """The base URL for clients that use a transport of this emulator."""
        return IN_PROCESS

    @property
    def requests(self) -> list[RecordedRequest]:
        """Everything that was asked, oldest first; credentials are masked."""
        with self._world.lock:
            return list(self._world.requests)

    @property
    def faults(self) -> list[Fault]:
        """What waits for the next requests to go wrong with, next first."""
        with self._world.lock:
            return list(self._world.faults)

    @property
    def whatsapp(self) -> WhatsApp:
        """A stand-in for the vendor's WhatsApp gateway, on the same socket."""
        return WhatsApp(self._world)

    @property
    def oddities(self) -> frozenset[str]:
        """The switches that are on."""
        return self._world.oddities

    def add_key(
        self,
        key: str | None = None,
        *,
        plan: str = "starter",
        credits: float | Decimal = 5000,  # noqa: A002 - the service's own word for its currency
        requests_per_minute: int | None = None,
    ) -> str:
        """Add a key with a plan's limit and so many credits.

        Returns:
            The key, made up when none was given.

        Raises:
            ValueError: The plan is not known.
        """
        if plan not in PLANS:
            message = f"There is no plan {plan!r}; the plans are: {', '.join(PLANS)}."
            raise ValueError(message)
        with self._world.lock:
            key = key or self._world.new_id(KEY_PREFIX)
            limit = PLANS[plan] if requests_per_minute is None else requests_per_minute
            self._world.accounts[key] = Account(key, plan, Decimal(str(credits)), limit)
        return key

    def credits(self, key: str | None = None) -> Decimal:
        """What is left on a key."""
        return self._world.accounts[key or self.key].credits

    def reply(
        self,
        text: str,
        *,
        reasoning: str | None = None,
        finish_reason: str = "stop",
        usage: Mapping[str, int] | None = None,
        chunks: Sequence[str] | None = None,
    ) -> None:
        """Queue one answer in words; `chunks` says how its stream is cut."""
        self.script([Reply(text, reasoning, finish_reason, usage, chunks)])

    def call(
        self,
        name: str,
        arguments: JsonObject | str,
        *,
        id: str | None = None,  # noqa: A002 - the wire's own word
        text: str | None = None,
        reasoning: str | None = None,
    ) -> None:
        """Queue one answer that is a tool call; arguments as text go out unchanged."""
        self.script([Call(name, arguments, id, text, reasoning)])

    def calls(self, calls: Iterable[tuple[str, JsonObject | str]]) -> None:
        """Queue one answer of several tool calls."""
        self.script([Reply(calls=tuple(Call(name, arguments) for name, arguments in calls))])

    def script(self, items: Iterable[Scripted]) -> None:
        """Queue answers, faults, or functions of the request that give one."""
        checked = [faults.checked(item) if isinstance(item, Fault) else item for item in items]
        with self._world.lock:
            self._world.script.extend(checked)

    def fault(
        self,
        kind: str | int,
        seconds: float | None = None,
        *,
        times: int = 1,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Json = None,
        after_events: int | None = None,
    ) -> None:
        """Queue something that goes wrong with the next requests, before any scripted answer is used.

        Args:
            kind: A status, or a name of `resayil.emulator.FAULTS`.
            seconds: How long a silence lasts.
            times: How many requests it meets.
            path: Only requests whose path contains this.
            headers: Further headers of the reply.
            body: The reply's body instead of the dialect's own.
            after_events: How many events of a stream still arrive.

        Raises:
            ValueError: There is no such fault.
        """
        queued = faults.checked(Fault(kind, seconds, times, path, headers, body, after_events))
        with self._world.lock:
            self._world.faults.append(queued)

    def drop_fault(self, kind: str | int) -> None:
        """Take every queued fault of this kind back; a kind that is not queued is none to take back."""
        with self._world.lock:
            self._world.faults = deque(fault for fault in self._world.faults if str(fault.kind) != str(kind))

    def reset(self) -> None:
        """Forget requests, scripts, faults and added keys."""
        self._world.reset()

    def handle(self, request: HttpRequest, now: float | None = None) -> HttpReply:
        """Answer one request; the transports and the server call this."""
        return self._service.handle(request, self._clock() if now is None else now)

    def transport(self) -> EmulatorTransport:
        """A transport for `httpx.Client`."""
        return EmulatorTransport(self.handle)

    def async_transport(self) -> AsyncEmulatorTransport:
        """A transport for `httpx.AsyncClient`."""
        return AsyncEmulatorTransport(self.handle)

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[Server]:
        """Serve on a real socket for the length of a `with` block; needs starlette and uvicorn."""
        from resayil.emulator.server import serving  # noqa: PLC0415 - the socket's packages are an extra

        return serving(self, host, port)
