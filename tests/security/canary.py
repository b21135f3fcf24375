"""A made-up key that is easy to recognise, and the search for it in whatever was shown."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

import zstandard

CANARY = "sk-canary+51d0/9e7b=c3a8f26407"
"""The key: made up, and with characters that a URL has to quote."""

WINDOW = 12
"""Characters of the key in a row that count as a leak; its mask, ``sk-…6407``, shows four."""


def _windows(text: str, size: int = WINDOW) -> Iterator[bytes]:
    """Every piece of a text of so many characters."""
    yield from (text[start : start + size].encode() for start in range(len(text) - size + 1))


def _quoted() -> Iterator[bytes]:
    yield quote(CANARY, safe="").encode()
    yield quote(CANARY, safe="").lower().encode()


def _base64(alphabet: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """The key inside a longer text in base64, at each of the three places that it can begin at."""
    for before in range(3):
        text = alphabet(bytes(before) + CANARY.encode()).decode()
        yield from _windows(text[4:-4], 16)


FORMS: Mapping[str, frozenset[bytes]] = {
    "plain": frozenset(_windows(CANARY)),
    "URL-quoted": frozenset(_quoted()),
    "base64": frozenset(_base64(base64.b64encode)),
    "URL-safe base64": frozenset(_base64(base64.urlsafe_b64encode)),
    "hexadecimal": frozenset(_windows(CANARY.encode().hex(), 2 * WINDOW)),
    "UTF-16": frozenset(piece.decode().encode("utf-16-le") for piece in _windows(CANARY)),
    "reversed": frozenset(_windows(CANARY[::-1])),
}
"""The ways in which a key may stand somewhere."""


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what packed streams among them hold."""
    yield data
    for found in re.finditer(rb"\x1f\x8b\x08", data):
        try:
            yield zlib.decompressobj(wbits=31).decompress(data[found.start() :])
        except zlib.error:
            continue
    for found in re.finditer(rb"\x28\xb5\x2f\xfd", data):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(data[found.start() :])
        except zstandard.ZstdError:
            continue


def leaks(shown: bytes) -> list[str]:
    """The forms in which the key stands in what was shown, with what surrounds it."""
    found: list[str] = []
    for data in unpacked(shown):
        for form, pieces in FORMS.items():
            place = min((at for at in map(data.find, pieces) if at >= 0), default=-1)
            if place >= 0:
                around = data[max(0, place - 80) : place + 40].decode("utf-8", "replace")
                found.append(f"{form}: …{around}…")
    return found
