"""The page at `/` of the emulator's server: what arrives, what is answered, and faults at a click.

It is for the machine the emulator runs on: another machine, another site's page and a host name that only
points here are refused. Nothing on it comes from elsewhere, and no key is ever part of it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from resayil.emulator import checks, page_views
from resayil.emulator.page_trail import Trail
from resayil.emulator.values import BANNER, Json, JsonObject

if TYPE_CHECKING:
    from resayil.emulator.emulator import Emulator

LOOK_EVERY = 0.2
LONGEST_ORDER = 256
MOST_TIMES = 1000
LOCAL_NAME = "localhost"
OWN_SITE = frozenset({"same-origin", "none"})
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "page_text.js": "text/javascript",
    "page_words.js": "text/javascript",
}
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class _ThisMachine:
    """Lets the machine's own browser pass, and answers everything else with 403."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        refusal = _refusal(Request(scope))
        app = PlainTextResponse(refusal, 403, HEADERS) if refusal else self._app
        await app(scope, receive, send)


class _ThisSite:
    """Lets the page's own requests pass; another site's are answered with 403."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request."""
        headers = Request(scope).headers
        own = headers.get("sec-fetch-site", "none") in OWN_SITE
        if "origin" in headers:
            own = own and urlsplit(headers["origin"]).netloc == headers.get("host")
        app = self._app if own else PlainTextResponse("Only the emulator's own page may ask.", 403, HEADERS)
        await app(scope, receive, send)


def _refusal(request: Request) -> str:
    if request.client is None or not _is_local(request.client.host):
        return "The emulator's page is for the machine that the emulator runs on."
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if name != LOCAL_NAME and not _is_local(name):
        return "The emulator's page is at localhost or 127.0.0.1, not under another name."
    return ""


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Page:
    """The endpoints before one emulator and one trail."""

    def __init__(self, emulator: Emulator, trail: Trail) -> None:
        self._emulator = emulator
        self._trail = trail

    async def front(self, request: Request) -> Response:
        """The page for a browser; for anything else, whose reading this is."""
        if "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(f"{BANNER}\n", headers=HEADERS)
        return _file("page.html", "text/html")

    async def file(self, request: Request) -> Response:
        """A style sheet or a script."""
        name: str = request.path_params["name"]
        return _file(name, FILES[name]) if name in FILES else _missing()

    async def changes(self, _request: Request) -> Response:
        """Everything that is kept, then whatever changes, as server-sent events."""
        return StreamingResponse(self._changes(), headers={**HEADERS, "content-type": "text/event-stream"})

    async def _changes(self) -> AsyncIterator[bytes]:
        yield _event("setting", page_views.setting(self._emulator))
        last, running, told = 0, set[int](), None
        while True:
            traces = self._trail.since(last, running)
            waiting = page_views.switches(self._emulator)
            if traces or waiting != told:
                last = max([last, *(trace.number for trace in traces)])
                running = {trace.number for trace in traces if trace.seconds is None}
                told = waiting
                rows = [page_views.row(trace) for trace in traces]
                yield _event("change", {"oldest": self._trail.oldest, "rows": rows, "faults": waiting})
            await asyncio.sleep(LOOK_EVERY)

    async def details(self, request: Request) -> Response:
        """One request's payload."""
        number: int = request.path_params["number"]
        trace = self._trail.find(number)
        return _missing() if trace is None else _json(page_views.details(trace))

    async def timeline(self, request: Request) -> Response:
        """The events of one reply, from `?after=` on."""
        number: int = request.path_params["number"]
        trace, after = self._trail.find(number), checks.whole(request.query_params.get("after", "0"))
        if trace is None or after is None:
            return _missing()
        return _json(page_views.timeline(trace, after))

    async def fault(self, request: Request) -> Response:
        """Switch a fault on for the next requests, or off."""
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return PlainTextResponse("Send application/json.", 415, HEADERS)
        kind: str = request.path_params["kind"]
        try:
            wanted = _order(await request.body()) if request.method == "PUT" else None
            self._emulator.drop_fault(kind)
            if wanted is not None:
                self._emulator.fault(kind, **wanted)
        except ValueError as error:
            return PlainTextResponse(str(error), 400, HEADERS)
        return _json(page_views.switches(self._emulator))


def _order(body: bytes) -> dict[str, Json]:
    """How many requests a fault meets, how long it lasts and after how many events it comes.

    Raises:
        ValueError: One of the three is out of its bounds.
    """
    given: Json = json.loads(body) if 0 < len(body) <= LONGEST_ORDER else None
    if not isinstance(given, dict):
        raise ValueError("A fault is switched on with a small JSON object.")  # noqa: TRY004 - a wire value
    times, seconds, events = given.get("times", 1), given.get("seconds"), given.get("after_events")
    if not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
        raise ValueError(f"times is a number from 1 to {MOST_TIMES}, not {times!r}.")
    if seconds is not None and not (isinstance(seconds, int | float) and 0 <= seconds <= MOST_TIMES):
        raise ValueError(f"seconds is a number from 0 to {MOST_TIMES}, not {seconds!r}.")
    if events is not None and not (isinstance(events, int) and events >= 0):
        raise ValueError(f"after_events is a whole number from 0, not {events!r}.")
    return {"times": times, "seconds": seconds, "after_events": events}


def _file(name: str, media_type: str) -> Response:
    content = (files("resayil.emulator") / name).read_bytes()
    return Response(content, headers=HEADERS, media_type=media_type)


def _json(value: JsonObject) -> Response:
    # Escaped for the browser: what a client has sent may hold lone surrogates, which UTF-8 cannot say.
    return Response(json.dumps(value), headers=HEADERS, media_type="application/json")


def _event(name: str, value: JsonObject) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n".encode()


def _missing() -> Response:
    return PlainTextResponse("This is not kept, or never was.", 404, HEADERS)


def routes(emulator: Emulator, trail: Trail) -> list[BaseRoute]:
    """The page, its files and what it asks for."""
    page = _Page(emulator, trail)
    machine = Middleware(_ThisMachine)
    asked: list[BaseRoute] = [
        Route("/changes", page.changes),
        Route("/requests/{number:int}", page.details),
        Route("/requests/{number:int}/timeline", page.timeline),
        Route("/faults/{kind}", page.fault, methods=["PUT", "DELETE"]),
        Route("/{name}", page.file),
    ]
    return [
        Route("/", page.front, middleware=[machine]),
        Mount("/_emulator", routes=asked, middleware=[machine, Middleware(_ThisSite)]),
    ]
