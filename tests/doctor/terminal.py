"""A command in a pseudo-terminal, as a person sits before it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATIENCE = 60.0
"""Seconds within which a command ends."""


@dataclass(frozen=True, slots=True)
class Sat:
    """What a person saw, and how the command ended."""

    shown: str
    code: int


def sit(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    answers: Sequence[tuple[str, str]] = (),
    columns: int = 160,
) -> Sat:
    """Run ``resayil``; each answer is typed when its question has been shown."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", "from resayil.cli import main; main()", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        shown = _talk(ours, list(answers))
        return Sat(shown, process.wait(PATIENCE))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _talk(ours: int, answers: list[tuple[str, str]]) -> str:
    shown, seen, due = b"", 0, time.monotonic() + PATIENCE
    while time.monotonic() < due:
        if not select.select([ours], [], [], 0.5)[0]:
            continue
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            piece = b""
        if not piece:
            return shown.decode("utf-8")
        shown += piece
        if answers and (found := shown.find(answers[0][0].encode(), seen)) >= 0:
            seen = found + len(answers[0][0])
            os.write(ours, f"{answers.pop(0)[1]}\n".encode())
    raise TimeoutError(shown.decode("utf-8", "replace"))
