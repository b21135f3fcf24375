"""What is kept of the traffic, within bounds, and how it is cut for showing."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from core.support import data_url, png

from resayil.emulator import Emulator, HttpReply, HttpRequest
from resayil.emulator.page_trail import BODY_KEPT, BYTES_KEPT, REPLY_KEPT, REQUESTS_KEPT, Trace, Trail
from resayil.emulator.page_views import details, row, timeline
from resayil.emulator.server import app

STREAM = {"content-type": "text/event-stream"}
WHOLE = {"content-type": "application/json"}


def asked(body: bytes = b"{}") -> HttpRequest:
    """A request with this body."""
    return HttpRequest("POST", "/v1/chat/completions", {}, {}, body)


def played(*pieces: bytes, ended: bool = True, headers: dict[str, str] = STREAM) -> Trace:
    """The trace of a reply in these pieces."""
    trace = Trail().begin(asked())
    trace.answered(HttpReply(200, headers, ()))
    for piece in pieces:
        trace.add(piece)
    if ended:
        trace.end()
    return trace


def texts(trace: Trace, after: int = 0) -> list[str]:
    """The events of a trace."""
    return [event["text"] for event in timeline(trace, after)["events"]]


def test_only_so_many_requests_are_kept() -> None:
    """The oldest go; numbers go on."""
    trail = Trail()
    for _ in range(REQUESTS_KEPT + 7):
        trail.begin(asked())
    assert trail.oldest == 8
    assert trail.find(7) is None
    assert len(trail.since(0, ())) == REQUESTS_KEPT


def test_only_so_many_bytes_are_kept() -> None:
    """Large bodies push older ones out, and one too large is kept in its beginning."""
    trail, body = Trail(), b"x" * BODY_KEPT
    for _ in range(12):
        trail.begin(asked(body))
    kept = trail.since(0, ())
    assert sum(len(trace.body) for trace in kept) <= BYTES_KEPT
    assert kept[-1].number == 12
    huge = trail.begin(asked(body + b"x"))
    assert len(huge.body) < 100_000
    assert details(huge)["shortened"]
    assert details(huge)["size"] == BODY_KEPT + 1


def test_only_so_much_of_a_reply_is_kept() -> None:
    """Beyond its bound a reply is counted, and the view says how much is missing."""
    trace = played(*[b"data: x\n\n" * 100] * 3000)
    told = timeline(trace, 0)
    assert trace.sent == 2_700_000
    assert trace.kept <= REPLY_KEPT
    assert told["left_out"] == trace.sent - trace.kept > 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("gap", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_events_are_found_in_any_cut(size: int, gap: bytes) -> None:
    """However the bytes were cut, the events are those of the stream, each with its length."""
    events = ["data: أهلًا", "event: ping\ndata: {}", ": a comment", "data: [DONE]"]
    data = b"".join(event.encode() + gap for event in events)
    trace = played(*(data[at : at + size] for at in range(0, len(data), size)))
    assert texts(trace) == events
    assert texts(trace, 2) == events[2:]
    assert [event["bytes"] for event in timeline(trace, 0)["events"]] == [
        len(event.encode() + gap) for event in events
    ]


def test_an_unfinished_event_is_shown_when_all_is_over() -> None:
    """While a stream runs its last piece may grow; afterwards it is shown as it is, whatever its bytes."""
    pieces = (b"data: 1\n\nda", b"ta: \xff")
    assert texts(played(*pieces, ended=False)) == ["data: 1"]
    assert texts(played(*pieces)) == ["data: 1", "data: \\xff"]
    assert texts(played(b'{"a":', b"1}", headers=WHOLE)) == ['{"a":1}']
    assert texts(played(b'{"a":', ended=False, headers=WHOLE)) == []


def test_only_so_many_images_are_drawn() -> None:
    """Each is told by its type and size; the first eight can be looked at."""
    images = [data_url(png(width, 5)) for width in range(1, 12)]
    told = details(Trail().begin(asked(json.dumps(images).encode())))
    assert [text.split(",")[0] for text in told["payload"]] == [f"[PNG {n} × 5" for n in range(1, 12)]
    assert [image["width"] for image in told["images"]] == [*range(1, 9)]


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": NaN, "b": 1e999, "c": 123456789012345678901234567890}',
        b'{"a": "\\ud800"}',
        b"[" * 900 + b"]" * 900,
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b"",
        json.dumps({"messages": ["x" * 50_000] * 30}).encode(),
        json.dumps([[1] * 1000] * 1000).encode(),
        json.dumps({str(n): n for n in range(220_000)}).encode(),
    ],
    ids=["numbers", "surrogate", "deep", "deeper", "binary", "empty", "long", "wide", "keys"],
)
def test_any_body_can_be_shown(body: bytes) -> None:
    """Whatever was sent, the view is JSON that a browser reads, and of a bounded size."""
    told = json.dumps(details(Trail().begin(asked(body))))
    assert "NaN" not in told.replace('"NaN"', "")
    assert len(told) < 2_000_000
    assert json.loads(told)["shortened"] == (len(body) > 1000)


async def test_in_process_transports_leave_no_trail(resayil_emulator: Emulator) -> None:
    """The page tells of the socket; what an emulator answers in process is not kept twice."""
    inside = resayil_emulator.async_transport()
    async with httpx.AsyncClient(transport=inside, base_url=resayil_emulator.base_url) as http:
        await http.get("/models", headers={"x-api-key": resayil_emulator.key})
    transport = httpx.ASGITransport(app(resayil_emulator))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as served:
        assert (await served.get("/_emulator/requests/1")).status_code == 404
        await served.get("/v1/models", headers={"x-api-key": resayil_emulator.key})
        told: dict[str, Any] = (await served.get("/_emulator/requests/1")).json()
        for unknown in ("2/timeline", "1/timeline?after=x", f"1/timeline?after={'9' * 5000}"):
            assert (await served.get(f"/_emulator/requests/{unknown}")).status_code == 404
    assert told["row"]["dialect"] == "models"


def test_a_client_that_leaves_is_told(resayil_server: Any) -> None:
    """A stream whose client went ends there, and the line says why."""
    resayil_server.emulator.fault("pings", seconds=20)
    body = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    url = f"{resayil_server.base_url}/chat/completions"
    with httpx.stream("POST", url, json=body, headers={"x-api-key": resayil_server.key}) as response:
        next(response.iter_raw())
    told: dict[str, Any] = {"duration": None}
    while told["duration"] is None:
        told = httpx.get(f"{resayil_server.origin}/_emulator/requests/1/timeline").json()["row"]
    assert told["ending"] == "left"
    assert told["duration"] < 15_000
    assert row(played())["ending"] == ""
