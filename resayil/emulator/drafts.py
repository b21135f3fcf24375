"""A reply before it is played: its events whole, so that faults can count them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from resayil.emulator.speech import torn
from resayil.emulator.values import Json, Step, Wait, dumps

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Draft:
    """Status, headers and events; a reply that is no stream has one event, its body.

    A `late` reply plays its first event, a wait, before its head; a `forwarded` one is left to the upstream.
    """

    status: int
    events: tuple[Step, ...]
    headers: dict[str, str] = field(default_factory=dict)
    stream: bool = False
    late: bool = False
    forwarded: bool = False

    def headed(self, headers: Mapping[str, str]) -> Draft:
        """The same reply with more headers; their names become lower case."""
        more = {name.lower(): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **more})

    def steps(self, delay: float) -> Iterator[Step]:
        """The events as they are played: torn where Arabic allows it, with a pause between them."""
        for index, event in enumerate(self.events):
            if delay and index and self.stream:
                yield Wait(delay)
            if self.stream and isinstance(event, bytes):
                yield from torn(event)
            else:
                yield event


def whole(body: Json, *, status: int = 200, escaped: bool = False) -> Draft:
    """A JSON reply."""
    data = dumps(body, escaped=escaped).encode()
    return Draft(status, (data,), {"content-type": JSON_TYPE, "content-length": str(len(data))})


def text(body: str, content_type: str, *, status: int = 200) -> Draft:
    """A reply of text, such as a page."""
    data = body.encode()
    return Draft(status, (data,), {"content-type": content_type, "content-length": str(len(data))})


def streamed(events: list[bytes]) -> Draft:
    """A reply as server-sent events."""
    return Draft(200, tuple(events), {"content-type": STREAM_TYPE, "cache-control": "no-cache"}, stream=True)


def event(data: Json, *, name: str = "", escaped: bool = False) -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    payload = data if isinstance(data, str) else dumps(data, escaped=escaped)
    return f"{head}data: {payload}\n\n".encode()
