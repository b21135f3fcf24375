"""Handing chat requests on to a real server that speaks the chat completions dialect."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from resayil.emulator import drafts
from resayil.emulator.refusals import UPSTREAM_FAILURE, RefusalError, envelope
from resayil.emulator.values import VERSION, Cut, HttpReply, HttpRequest, Step

ENDPOINT = "/chat/completions"
TIMEOUT = httpx.Timeout(300.0, connect=10.0)
UNAVAILABLE = 503
RELAYED = frozenset({"content-type", "content-encoding", "cache-control", "retry-after"})
MARKS = {"x-resayil-emulator": VERSION, "x-resayil-upstream": "relayed"}


class Upstream:
    """A server behind the emulator; the user's key for the emulator is not passed on."""

    def __init__(self, url: str) -> None:
        """Forward to this base URL."""
        self._url = url.rstrip("/").removesuffix(ENDPOINT) + ENDPOINT

    def forward(self, request: HttpRequest) -> HttpReply:
        """Send the request on and relay what comes back, byte for byte."""
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        client = httpx.Client(timeout=TIMEOUT)
        try:
            sent = client.build_request("POST", self._url, content=request.body, headers=headers)
            response = client.send(sent, stream=True)
        except httpx.TransportError as error:
            client.close()
            refusal = RefusalError(UNAVAILABLE, f"{UPSTREAM_FAILURE}: {error}")
            draft = drafts.whole(envelope(refusal, "chat", frozenset()), status=UNAVAILABLE)
            return HttpReply(draft.status, {**draft.headers, **MARKS}, draft.events)
        kept = {name: value for name, value in response.headers.items() if name in RELAYED}
        return HttpReply(response.status_code, {**kept, **MARKS}, _relayed(client, response), blocking=True)


def _relayed(client: httpx.Client, response: httpx.Response) -> Iterator[Step]:
    try:
        yield from response.iter_raw()
    except httpx.TransportError:
        yield Cut()
    finally:
        response.close()
        client.close()
