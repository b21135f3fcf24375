"""A command in a pseudo-terminal: typed at, looked at as a person sees it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Self

import pexpect
import pyte
from pyte.screens import Char

COLUMNS, LINES = 100, 40
RESAYIL = ("-c", "from resayil.cli import main; main()")
PATIENCE = 60
"""Seconds within which whatever is awaited appears, on a machine however busy."""

FOREIGN = ("VTE_VERSION", "XTERM_VERSION", "ALACRITTY_WINDOW_ID", "WT_SESSION", "NO_COLOR", "FORCE_COLOR")
"""Variables of the terminal that the tests themselves may run in."""


class Terminal:
    """``resayil``, or another Python program, in a terminal of its own.

    Args:
        arguments: Of the program.
        environment: Names the service.
        columns: Width.
        program: What Python is given to run.
        more: Further variables.
    """

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        columns: int = COLUMNS,
        program: Sequence[str] = RESAYIL,
        **more: str,
    ) -> None:
        given = {name: value for name, value in {**os.environ, **environment}.items() if name not in FOREIGN}
        self.bytes = io.BytesIO()
        self._screen = pyte.HistoryScreen(columns, LINES, history=5000)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0
        self.child = pexpect.spawn(
            sys.executable,
            [*program, *arguments],
            env={**given, "TERM": "xterm-256color", "PYTHONUTF8": "1", **more},  # type: ignore[arg-type] # str keys and values are what it wants
            dimensions=(LINES, columns),
            timeout=PATIENCE,
        )
        self.child.logfile_read = self.bytes

    def type(self, text: str) -> None:
        """Type a line."""
        self.child.sendline(text)

    def press(self, key: str) -> None:
        """Press Control and a key."""
        self.child.sendcontrol(key)

    def see(self, text: str) -> None:
        """Wait until a text has been shown."""
        self.child.expect_exact(text.encode())

    def end(self) -> int:
        """Wait for the end; its exit code."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        code: int = self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus
        return code

    def cells(self) -> list[list[Char]]:
        """What has been shown, row by row, as it stands on the screen, scrolled rows included."""
        data = self.bytes.getvalue()
        # pyte knows no faint text; grey stands for it.
        self._stream.feed(data[self._fed :].replace(b"\x1b[2m", b"\x1b[90m"))
        self._fed = len(data)
        shown = (self._screen.buffer[n] for n in range(self._screen.lines))
        rows = [[row[n] for n in range(self._screen.columns)] for row in (*self._screen.history.top, *shown)]
        while rows and not "".join(cell.data for cell in rows[-1]).strip():
            rows.pop()
        return rows

    @property
    def rows(self) -> list[str]:
        """The same as text."""
        return ["".join(cell.data for cell in row).rstrip() for row in self.cells()]

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.rows).strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        _, error, _ = raised
        if isinstance(error, BaseException):
            error.add_note(f"The screen:\n{self.text}")
        self.child.close(force=True)
