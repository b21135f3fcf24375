"""What the page is told: JSON values of the trail, of the faults and of the switches.

Requests are shortened here, when somebody looks: long texts and deep nesting are cut with a mark that says
so, and images become their type and size.
"""

from __future__ import annotations

import base64
import json
import re

from resayil.emulator import pictures
from resayil.emulator.emulator import Emulator
from resayil.emulator.faults import FAULTS
from resayil.emulator.oddities import ODDITIES, PROFILES
from resayil.emulator.page_trail import Trace
from resayil.emulator.refusals import REASONS
from resayil.emulator.values import BANNER, Json, JsonObject, Picture

PAYLOAD_SHOWN = 200_000
TEXT_SHOWN = 20_000
DEPTH_SHOWN = 24
EVENT_SHOWN = 8_000
BODY_SHOWN = 200_000
IMAGES_SHOWN = 8
IMAGE_SHOWN = 512 * 2**10
PIXELS_SHOWN = 16_000_000
EXACT_IN_BROWSERS = 2**53
BASE64_BEGINNING = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,", re.ASCII)
SEPARATOR = re.compile(rb"\r\n\r\n|\n\n|\r\r")
STATUSES = (401, 402, 404, 429, 500, 503, 529)


def row(trace: Trace) -> JsonObject:
    """A request as one line: times in milliseconds, `status` 0 where no reply has begun."""
    shown: JsonObject = {
        "number": trace.number,
        "at": round(trace.at * 1000),
        "method": trace.method,
        "path": _cut(trace.path, EVENT_SHOWN),
        "status": trace.status,
        "sent": trace.sent,
        "ending": trace.ending,
        "duration": None if trace.seconds is None else round(trace.seconds * 1000, 1),
    }
    if (record := trace.record) is not None:
        shown |= {
            "dialect": record.dialect,
            "model": _cut(record.model, EVENT_SHOWN),
            "stream": record.stream,
            "tokens": record.tokens,
            "credits": str(record.credits),
            "place": record.place,
            "limit": record.limit,
            "fault": record.fault,
        }
    return shown


def details(trace: Trace) -> JsonObject:
    """One request's payload, and how its reply began."""
    shortened = _Shortened()
    try:
        body: Json = json.loads(trace.body, parse_constant=str) if trace.body else None
        payload = shortened.of(body, DEPTH_SHOWN)
    except (ValueError, RecursionError):
        payload = shortened.text(trace.body.decode("utf-8", "backslashreplace"))
    return {
        "row": row(trace),
        "headers": trace.headers,
        "size": trace.body_size,
        "payload": payload,
        "shortened": shortened.cut or len(trace.body) < trace.body_size,
        "images": shortened.images,
        "content_type": trace.content_type,
        "relayed": trace.relayed,
    }


def timeline(trace: Trace, after: int) -> JsonObject:
    """The events of a reply from a number on: milliseconds since the request, bytes, and the text itself."""
    events = _events(trace) if trace.content_type.startswith("text/event-stream") else _body(trace)
    return {
        "row": row(trace),
        "after": after,
        "events": [
            {"at": round(at * 1000, 2), "bytes": size, "text": text} for at, size, text in events[after:]
        ],
        "left_out": trace.sent - trace.kept,
    }


def switches(emulator: Emulator) -> JsonObject:
    """The faults that wait, by kind: how many requests they meet."""
    waiting: dict[str, int] = {}
    for fault in emulator.faults:
        waiting[str(fault.kind)] = waiting.get(str(fault.kind), 0) + fault.times
    return waiting


def setting(emulator: Emulator) -> JsonObject:
    """What does not change while the server runs."""
    on = emulator.oddities
    profile = max((name for name, row in PROFILES.items() if row <= on), key=lambda name: len(PROFILES[name]))
    statuses = {str(status): REASONS[status].message for status in STATUSES}
    return {
        "banner": BANNER,
        "profile": profile,
        "oddities": [{"name": name, "summary": ODDITIES[name].summary} for name in ODDITIES if name in on],
        "faults": [
            {"kind": kind, "summary": summary}
            for kind, summary in (statuses | {name: kind.summary for name, kind in FAULTS.items()}).items()
        ],
    }


def _events(trace: Trace) -> list[tuple[float, int, str]]:
    """Each event when its last byte went out; what follows the last one is shown when all is over."""
    found: list[tuple[float, int, str]] = []
    rest, at = b"", 0.0
    for at, piece in tuple(trace.pieces):
        looked = max(0, len(rest) - 3)
        rest += piece
        while separator := SEPARATOR.search(rest, looked):
            found.append((at, separator.end(), _text(rest[: separator.start()])))
            rest, looked = rest[separator.end() :], 0
    if rest and trace.seconds is not None:
        found.append((at, len(rest), _text(rest)))
    return found


def _body(trace: Trace) -> list[tuple[float, int, str]]:
    """A whole reply as its one event, once it is over."""
    if trace.seconds is None or not trace.pieces:
        return []
    body = b"".join(piece for _, piece in trace.pieces)
    return [(trace.pieces[-1][0], trace.sent, _text(body, BODY_SHOWN))]


def _text(data: bytes, limit: int = EVENT_SHOWN) -> str:
    return _cut(data.decode("utf-8", "backslashreplace"), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … [{len(text) - limit} more characters]"


class _Shortened:
    """A JSON value within a number of characters; `cut` tells whether anything is missing."""

    def __init__(self) -> None:
        self._left = PAYLOAD_SHOWN
        self.cut = False
        self.images: list[JsonObject] = []

    def of(self, value: Json, depth: int) -> Json:
        """The value as it is shown."""
        self._left -= 1
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and not -EXACT_IN_BROWSERS < value < EXACT_IN_BROWSERS:
            return str(value)
        if not isinstance(value, dict | list):
            return value
        if depth == 0 or self._left <= 0:
            self.cut = True
            return "… [more]"
        if isinstance(value, list):
            return [self.of(item, depth - 1) for item in self._fitting(value)]
        if _is_image_source(value):
            return {**value, "data": self._image(value["data"])}
        return {self.text(name): self.of(value[name], depth - 1) for name in self._fitting(list(value))}

    def text(self, text: str) -> str:
        """A text, cut where it is too long."""
        if found := BASE64_BEGINNING.match(text):
            return self._image(text[found.end() :])
        limit = max(0, min(TEXT_SHOWN, self._left))
        self._left -= min(len(text), limit)
        self.cut = self.cut or len(text) > limit
        return _cut(text, limit)

    def _fitting(self, items: list[Json]) -> list[Json]:
        if len(items) > self._left:
            self.cut = True
        return items[: max(0, self._left)]

    def _image(self, encoded: str) -> str:
        try:
            data = base64.b64decode(encoded, validate=True)
            picture = pictures.read(data)
        except ValueError as error:
            return f"[no readable image, {len(encoded)} characters: {error}]"
        if len(self.images) < IMAGES_SHOWN:
            self.images.append(_thumbnail(picture, data, encoded))
        return f"[{picture.kind} {picture.width} × {picture.height}, {len(data)} bytes]"


def _is_image_source(value: JsonObject) -> bool:
    return value.get("type") == "base64" and isinstance(value.get("data"), str)


def _thumbnail(picture: Picture, data: bytes, encoded: str) -> JsonObject:
    """Type and size, and the image itself where a browser may safely draw it."""
    small = len(data) <= IMAGE_SHOWN and 0 < picture.width * picture.height <= PIXELS_SHOWN
    return {
        "kind": picture.kind,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(data),
        "url": f"data:image/{picture.kind.lower()};base64,{encoded}" if small else "",
    }
