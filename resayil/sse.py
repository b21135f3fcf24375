"""Server-sent events from bytes, whatever the cuts between them.

Lines end at CR, LF or CRLF and nowhere else: U+2028 and U+0085 are content. Cuts may fall inside a
UTF-8 character and between CR and LF, so bytes are kept, never text.
"""

from __future__ import annotations

from typing import TypeAlias

from resayil.errors import ResponseTooLargeError

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""Largest event that is kept, in bytes."""

_BOM = b"\xef\xbb\xbf"


ServerSentEvent: TypeAlias = tuple[str, bytes]
"""One event: its name, empty where the wire gives none, and its data.

A named tuple costs seven times as much, and one is made for every chunk.
"""


class SSEDecoder:
    """Feed it bytes, get events; ``close()`` gives an event whose blank line never came."""

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._tail: list[bytes] = []
        self._size = 0
        self._data: list[bytes] = []
        self._name = ""
        self._skip_newline = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete.

        Raises:
            ResponseTooLargeError: an event larger than the limit.
        """
        if not (self._tail or self._data or self._name or self._skip_newline) and len(chunk) <= self._max:
            # One whole event in one piece, as servers send them: the general way would cost twice as much.
            data = chunk[6:-2]
            if chunk[:6] == b"data: " and chunk[-2:] == b"\n\n" and b"\n" not in data and b"\r" not in data:
                return [("", data)] if data else []
        if self._skip_newline and chunk:
            self._skip_newline = False
            if chunk.startswith(b"\n"):
                chunk = chunk[1:]
        if b"\r" in chunk:
            self._skip_newline = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            self._hold(chunk)
            return []
        if self._tail:
            self._tail.append(lines[0])
            lines[0] = b"".join(self._tail)
            self._tail.clear()
        rest = lines.pop()
        events = self._take(lines)
        self._size = sum(map(len, self._data)) if self._data else 0
        self._hold(rest)
        return events

    def _hold(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max:
            raise ResponseTooLargeError(f"One event of the stream is larger than {self._max} bytes.")
        if piece:  # an empty tail would look like a blank line at the end
            self._tail.append(piece)

    def _take(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        data = self._data
        for line in lines:
            if line.startswith(b"data: "):
                data.append(line[6:])
            elif line:
                self._field(line)
            elif data:
                events += self._dispatch()
            else:
                self._name = ""
        return events

    def _field(self, line: bytes) -> None:
        field, _, value = line.removeprefix(_BOM).partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")

    def _dispatch(self) -> list[ServerSentEvent]:
        """The event so far; one whose data is empty says nothing and is none."""
        data, name = self._data[0] if len(self._data) == 1 else b"\n".join(self._data), self._name
        self._data.clear()
        self._name = ""
        if len(data) > self._max:
            raise ResponseTooLargeError(f"One event of the stream is larger than {self._max} bytes.")
        return [(name, data)] if data else []

    def close(self) -> list[ServerSentEvent]:
        """The last event, where the stream ended without its blank line."""
        if self._tail:
            self._take([b"".join(self._tail)])
            self._tail.clear()
        return self._dispatch()
