"""What may be shown of keys and of text that strangers wrote."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_BIDI_CONTROLS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
_IMAGE_STARTS = ("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR")  # PNG, JPEG, GIF and WebP in base64
_VISIBLE = {code: f"<U+{code:04X}>" for code in _BIDI_CONTROLS}
_BASE64 = re.compile(r"(data:image/[\w.+-]+;base64,)?[A-Za-z0-9+/]{200,}={0,2}")
_SHORT_KEY = 12
_PRIVATE_HEADERS = frozenset({"authorization", "x-api-key", "proxy-authorization", "cookie", "set-cookie"})


def printable(text: str, *, limit: int | None = None) -> str:
    """Text that is safe in a terminal, a log and an error message.

    Terminal escapes vanish, control characters become spaces, bidirectional overrides are shown by
    their code point; joiners and marks, which Arabic needs, stay. Base64 that a server echoes is told by
    its size. ``limit`` is in bytes of UTF-8.
    """
    text = _BASE64.sub(_by_size, text)
    if not text.isprintable():
        text = _ESCAPE_SEQUENCES.sub("", text).translate(_VISIBLE)
        text = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in text)
    data = text.encode("utf-8", "replace")
    if limit is None or len(data) <= limit:
        return data.decode("utf-8")
    return data[: limit - 3].decode("utf-8", "ignore") + "…"


def _by_size(found: re.Match[str]) -> str:
    kind = "image" if found[1] or found[0].startswith(_IMAGE_STARTS) else "base64"
    return f"<{kind} {max(1, round(len(found[0]) * 3 / 4000))} kB>"


def mask(secret: str) -> str:
    """How a key is shown: its first three and last four characters."""
    return f"{secret[:3]}…{secret[-4:]}" if len(secret) > _SHORT_KEY else "…"


def redact(text: str, secret: str) -> str:
    """The text with every occurrence of the secret masked."""
    return text.replace(secret, mask(secret)) if secret and secret in text else text


def redact_headers(headers: Mapping[str, str], secret: str) -> dict[str, str]:
    """Headers by lower-case name, the private ones emptied and the secret masked in the others."""
    return {
        (lower := name.lower()): "…" if lower in _PRIVATE_HEADERS else redact(value, secret)
        for name, value in headers.items()
    }
