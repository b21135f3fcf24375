"""What a terminal is shown of text that strangers wrote, and Arabic where it cannot set it itself.

Most terminals put letters from left to right as they come and join none. There the lines are shaped and
reordered before they are written, whole lines at a time; in all others text goes out as it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import StrEnum

from rich.console import Console
from rich.text import Text

VARIABLE = "RESAYIL_ARABIC"

_LINE, _TAB, _DELETE = 0x0A, 0x09, 0x7F
_SHOWN: Mapping[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in {_LINE, _TAB}},
    _DELETE: "\u2421",
    **{
        code: f"<U+{code:04X}>"
        for code in (*range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    },
}
"""Control characters by their pictures, separators and bidirectional overrides by their code points."""

_LEFT_TO_RIGHT: Mapping[str, str] = {
    "TERM": "linux",
    "XTERM_VERSION": "",
    "ALACRITTY_WINDOW_ID": "",
    "WT_SESSION": "",
}
"""Variables of terminals that are known to leave letters as they come, and the value that tells it."""


class Arabic(StrEnum):
    """Who sets Arabic: the terminal (``logical``), or the command (``visual``)."""

    auto = "auto"
    logical = "logical"
    visual = "visual"


def visible(text: str) -> str:
    """Text in which nothing can steer a terminal, and everything that would have can be seen.

    Line breaks and tabs stay. Each character stands for itself, so a stream may be cut anywhere.
    """
    return text if text.isprintable() else text.translate(_SHOWN)


def sets_arabic(wanted: Arabic, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the command has to shape and reorder Arabic for this terminal."""
    if wanted is not Arabic.auto:
        return wanted is Arabic.visual
    return any(
        name in environment and value in {"", environment[name]} for name, value in _LEFT_TO_RIGHT.items()
    )


def reordered(line: str) -> str:
    """A line as its letters stand from left to right, joined."""
    # Only such terminals need these packages, which have no types.
    from arabic_reshaper import reshape  # type: ignore[import-untyped] # noqa: PLC0415 - see above
    from bidi import get_display  # type: ignore[import-untyped] # noqa: PLC0415 - see above

    return str(get_display(reshape(line)))


class Screen:
    """Writes pieces of text as they come, each in its style.

    Args:
        console: Where.
        sets_arabic: Whether lines are shaped and reordered; a line is then held until it is whole.
    """

    def __init__(self, console: Console, *, sets_arabic: bool = False) -> None:
        self._console = console
        self._sets_arabic = sets_arabic
        self._held = ""
        self._style = ""
        self._at_start = True

    def write(self, text: str, style: str = "") -> None:
        """Write a piece; a change of style begins a new line."""
        if not text:
            return
        if style != self._style:
            self.end()
            self._style = style
        text = visible(text)
        self._at_start = text.endswith("\n")
        if not self._sets_arabic:
            self._put(text)
            return
        *whole, self._held = (self._held + text).split("\n")
        for line in whole:
            self._put_line(line)

    def end(self) -> None:
        """End the line that was begun, if any."""
        if self._held:
            self._put_line(self._held)
            self._held = ""
        elif not self._at_start:
            self._put("\n")
        self._at_start = True

    def _put(self, text: str) -> None:
        self._console.print(Text(text, style=self._style), end="", soft_wrap=True)

    def _put_line(self, line: str) -> None:
        for wrapped in Text(line).wrap(self._console, self._console.width):
            self._put(f"{reordered(wrapped.plain.rstrip())}\n")
