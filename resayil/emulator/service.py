"""The service: one request in, one reply out, everything it changes kept in the world."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from resayil.emulator import billing, drafts, exchanges, faults, whatsapp
from resayil.emulator.drafts import Draft
from resayil.emulator.exchanges import Exchange, StatusFaultError
from resayil.emulator.refusals import (
    HTML,
    MESSAGES_DIALECTS,
    NOT_FOUND,
    SERVER,
    TOO_MANY,
    UNPROCESSABLE,
    UPSTREAM_FAILURE,
    RefusalError,
    envelope,
    page,
)
from resayil.emulator.scripts import Fault
from resayil.emulator.upstream import Upstream
from resayil.emulator.values import BANNER, VERSION, HttpReply, HttpRequest, Json, RecordedRequest, Wait
from resayil.emulator.world import World

BAD_REQUEST, NOT_ALLOWED, UNAVAILABLE, MOVED = 400, 405, 503, 302
PREFIX = re.compile(r"^(?:/api)?(?:/v1){1,2}(?=/)")
SHORTEST_SHOWN = 8
NO_COUNT = frozenset({"no-messages-api", "no-count-tokens"})
SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its dialect, its method, its work, and the switches that take it away."""

    dialect: str
    method: str
    work: Callable[[Exchange], Draft]
    missing: frozenset[str] = frozenset()


API: dict[str, Route] = {
    "/chat/completions": Route("chat", "POST", exchanges.talk),
    "/messages": Route("messages", "POST", exchanges.talk, frozenset({"no-messages-api"})),
    "/messages/count_tokens": Route("count_tokens", "POST", exchanges.count, NO_COUNT),
    "/models": Route("models", "GET", exchanges.models),
    "/pricing/topups": Route("billing", "GET", billing.pricing),
}
BILLING: dict[str, Route] = {
    "/api/billing/subscription": Route("billing", "GET", billing.subscription),
    "/api/billing/topup-packs": Route("billing", "GET", billing.packs),
    "/api/billing/topup-history": Route("billing", "GET", billing.history),
}
MODELS = "/models/"


def located(path: str) -> tuple[Route | None, str]:
    """The endpoint of a path under any of the base URLs, and what the path says beyond it."""
    path = path.rstrip("/") or "/"
    if path in BILLING:
        return BILLING[path], ""
    tail = PREFIX.sub("", path)
    if tail.startswith(MODELS):
        return API["/models"], unquote(tail.removeprefix(MODELS))
    return API.get(tail), ""


class Service:
    """Answers requests; the same object serves the in-process transports and the socket."""

    def __init__(self, world: World, upstream: Upstream | None, delay: float) -> None:
        """Serve from this world."""
        self._world = world
        self._upstream = upstream
        self._delay = delay

    @property
    def _oddities(self) -> frozenset[str]:
        return self._world.oddities

    def handle(self, request: HttpRequest, now: float) -> HttpReply:
        """Answer one request."""
        if request.path == "/" and request.method in ("GET", "HEAD"):
            return self._played(drafts.text(f"{BANNER}\n", "text/plain; charset=utf-8"))
        route, rest = located(request.path)
        record = _record(request, route, now)
        with self._world.lock:
            self._world.requests.append(record)
            draft = self._drafted(request, route, rest, record)
            record.status = draft.status
        if draft.forwarded and self._upstream is not None:
            reply = self._upstream.forward(request)
            record.status = reply.status
            return replace(reply, record=record)
        return self._played(draft, record)

    def _drafted(
        self, request: HttpRequest, route: Route | None, rest: str, record: RecordedRequest
    ) -> Draft:
        fault: Fault | None = None
        try:
            fault = faults.from_header(request) or self._world.next_fault(request.path)
            record.fault = str(fault.kind) if fault else ""
            if fault is not None and isinstance(fault.kind, int):
                return self._failed(fault, record)
            if request.path == whatsapp.PATH and request.method == "POST":
                return whatsapp.send(request, record, self._world)
            return self._worked(request, _found(request, route, self._oddities), rest, record, fault)
        except StatusFaultError as scripted:
            record.fault = str(scripted.fault.kind)
            return self._failed(scripted.fault, record)
        except RefusalError as refusal:
            return faults.spoiled(self._refused(refusal, record, request), fault, record.dialect)

    def _worked(
        self, request: HttpRequest, route: Route, rest: str, record: RecordedRequest, fault: Fault | None
    ) -> Draft:
        account = self._world.account(request.headers)
        fixed = "fixed-minute" in self._oddities
        record.limit = account.limit
        record.place = account.take(record.at, fixed=fixed)
        if self._upstream is not None and route.dialect == "chat" and not self._world.script:
            return Draft(0, (), forwarded=True)
        exchange = Exchange(self._world, request, record, account, record.at, rest, fault)
        draft = route.work(exchange)
        if "limit-headers-on-429" not in self._oddities:
            draft = draft.headed(account.headers(record.at, fixed=fixed))
        if exchange.fault:
            record.fault = str(exchange.fault.kind)
        return faults.spoiled(draft, exchange.fault, record.dialect)

    def _failed(self, fault: Fault, record: RecordedRequest) -> Draft:
        """A fault that is a status."""
        refusal = RefusalError(int(fault.kind))
        if refusal.status >= SERVER and "ollama-503" in self._oddities:
            refusal = RefusalError(UNAVAILABLE, UPSTREAM_FAILURE)
        if "html-error" in self._oddities and refusal.status >= SERVER and fault.body is None:
            return drafts.text(page(refusal.status), HTML, status=refusal.status)
        told = envelope(refusal, record.dialect, self._oddities)
        return faults.status_draft(fault, refusal.status, told)

    def _refused(self, refusal: RefusalError, record: RecordedRequest, request: HttpRequest) -> Draft:
        if refusal.status == UNPROCESSABLE and record.dialect in MESSAGES_DIALECTS:
            refusal.status = BAD_REQUEST
        if refusal.malformed and "redirect-302" in self._oddities and not request.path.startswith("/api/"):
            return drafts.text(page(MOVED), HTML, status=MOVED).headed({"location": "/login"})
        if "html-error" in self._oddities and refusal.status >= SERVER:
            return drafts.text(page(refusal.status), HTML, status=refusal.status)
        limits = self._limits(request, record) if refusal.status == TOO_MANY else {}
        if refusal.status == TOO_MANY and "bare-stream-429" in self._oddities and record.stream:
            refusal.extra, limits = {}, {}
        body = envelope(refusal, record.dialect, self._oddities)
        draft = drafts.whole(body, status=refusal.status, escaped="escaped-arabic" in self._oddities)
        return draft.headed({**limits, **refusal.headers})

    def _limits(self, request: HttpRequest, record: RecordedRequest) -> dict[str, str]:
        account = self._world.account(request.headers)
        return account.headers(record.at, fixed="fixed-minute" in self._oddities)

    def _played(self, draft: Draft, record: RecordedRequest | None = None) -> HttpReply:
        marks = {"x-resayil-emulator": VERSION, "x-request-id": self._world.new_id("req_")}
        delay, events = 0.0, draft.events
        if draft.late and isinstance(events[0], Wait):
            delay, events = events[0].seconds, events[1:]
        steps = replace(draft, events=events).steps(self._delay)
        return HttpReply(draft.status, {**draft.headers, **marks}, steps, delay, record=record)


def _found(request: HttpRequest, route: Route | None, oddities: frozenset[str]) -> Route:
    if route is None or not oddities.isdisjoint(route.missing):
        raise RefusalError(NOT_FOUND, f"There is no {request.path} here.")
    if request.method != route.method:
        raise RefusalError(NOT_ALLOWED, headers={"allow": route.method})
    return route


def _record(request: HttpRequest, route: Route | None, now: float) -> RecordedRequest:
    try:
        body: Json = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    masked = {
        name: _masked(value) if name in SECRET_HEADERS else value for name, value in request.headers.items()
    }
    record = RecordedRequest(
        request.method,
        request.path,
        dict(request.query),
        masked,
        body,
        route.dialect if route else "",
        at=now,
    )
    if isinstance(body, dict):
        record.model = str(body.get("model") or "")
        record.stream = body.get("stream") is True
    return record


def _masked(value: str) -> str:
    scheme, space, key = value.rpartition(" ")
    return f"{scheme}{space}{key[:3]}…{key[-4:]}" if len(key) > SHORTEST_SHOWN else f"{scheme}{space}…"
