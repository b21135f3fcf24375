"""What the page can show: the last requests on the socket, and what was sent back when.

It is written while replies are played, so it only keeps references and counts; whoever looks pays for more.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from resayil.emulator.values import Cut, HttpReply, HttpRequest, RecordedRequest

REQUESTS_KEPT = 500
BYTES_KEPT = 64 * 2**20
BODY_KEPT = 8 * 2**20
BODY_BEGINNING = 64 * 2**10
REPLY_KEPT = 2**20
PIECES_KEPT = 20_000
SHOWN_HEADERS = ("user-agent", "content-type", "accept", "idempotency-key", "x-resayil-fault")


@dataclass(slots=True)
class Trace:
    """One request and its reply; `pieces` are the bytes as they went out, with seconds since `began`."""

    number: int
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    body_size: int
    at: float = field(default_factory=time.time)
    began: float = field(default_factory=time.perf_counter)
    record: RecordedRequest | None = None
    status: int = 0
    content_type: str = ""
    relayed: bool = False
    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    sent: int = 0
    kept: int = 0
    ending: str = ""
    seconds: float | None = None

    def answered(self, reply: HttpReply) -> None:
        """Note the head of the reply, and what the emulator found out about the request."""
        self.status = reply.status
        self.content_type = reply.headers.get("content-type", "")
        self.relayed = "x-resayil-upstream" in reply.headers
        self.record = replace(reply.record, body=None) if reply.record else None

    def add(self, piece: bytes) -> None:
        """Note bytes that went out; beyond the limit they are only counted."""
        self.sent += len(piece)
        if self.kept + len(piece) <= REPLY_KEPT and len(self.pieces) < PIECES_KEPT:
            self.kept += len(piece)
            self.pieces.append((time.perf_counter() - self.began, piece))

    def broke(self, cut: Cut) -> None:
        """Note that the connection was broken on purpose."""
        self.ending = "reset" if cut.hard else "cut"

    def left(self) -> None:
        """Note that the client went before the end."""
        self.ending = "left"

    def end(self) -> None:
        """Note that nothing follows."""
        self.seconds = time.perf_counter() - self.began


class Trail:
    """The last requests, oldest first, within a number and a size."""

    def __init__(self) -> None:
        """Begin with none."""
        self._traces: deque[Trace] = deque(maxlen=REQUESTS_KEPT)
        self._made = 0

    def begin(self, request: HttpRequest) -> Trace:
        """Note a request that arrived; the oldest go when there are too many, or they hold too much."""
        self._made += 1
        size = len(request.body)
        trace = Trace(
            self._made,
            request.method,
            request.path,
            {name: request.headers[name] for name in SHOWN_HEADERS if name in request.headers},
            request.body if size <= BODY_KEPT else request.body[:BODY_BEGINNING],
            size,
        )
        self._traces.append(trace)
        held = sum(len(each.body) + each.kept for each in self._traces)
        while held > BYTES_KEPT:
            oldest = self._traces.popleft()
            held -= len(oldest.body) + oldest.kept
        return trace

    def find(self, number: int) -> Trace | None:
        """The request of this number, while it is kept."""
        return next((trace for trace in self._traces if trace.number == number), None)

    def since(self, number: int, unended: Collection[int]) -> list[Trace]:
        """Those that came after this number, and those of these numbers."""
        return [trace for trace in self._traces if trace.number > number or trace.number in unended]

    @property
    def oldest(self) -> int:
        """The number of the oldest that is kept, 0 when there is none."""
        return self._traces[0].number if self._traces else 0
