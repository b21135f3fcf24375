"""The command's memory does not grow with the number of rows."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from batch.support import COMMAND, QUESTION, write_lines

from resayil.emulator import Emulator

MEGABYTE = 1024
"""In the unit of the kernel's figure, which is kilobytes."""


@contextmanager
def forgetting(emulator: Emulator) -> Iterator[None]:
    """The emulator keeps every request for tests to look at; here it forgets them now and then."""
    over = threading.Event()

    def forget() -> None:
        while not over.wait(1):
            emulator.reset()

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def peak(folder: Path, environment: Mapping[str, str], rows: int) -> int:
    """The most memory that the command held over so many rows, in kB."""
    source, output = write_lines(folder / f"{rows}.jsonl", rows), folder / f"{rows}.out.jsonl"
    process = subprocess.Popen(
        [*COMMAND, str(source), str(output)], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    with output.open(encoding="utf-8") as lines:
        assert sum(1 for _ in lines) == rows
    return used.ru_maxrss


@pytest.mark.parametrize(
    ("rows", "letters"),
    [(1_500, 20_000), pytest.param(100_000, 1_000, marks=pytest.mark.prove)],
    ids=["1,500 long rows", "100,000 rows"],
)
def test_memory_is_flat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rows: int, letters: int) -> None:
    """Many rows, some 100 MB of them, take the memory that a few take, to a few megabytes."""
    monkeypatch.setattr("batch.support.QUESTION", QUESTION + "ب" * letters)
    emulator = Emulator()
    emulator.reply("x")
    with emulator.serve() as server, forgetting(emulator):
        environment = {**os.environ, "LLM_RESAYIL_API_KEY": server.key, "RESAYIL_BASE_URL": server.base_url}
        few, many = (peak(tmp_path, environment, count) for count in (50, rows))
    size = (tmp_path / f"{rows}.jsonl").stat().st_size / 1024
    assert size > 50 * MEGABYTE, "what must not be held is much"
    assert many - few < 16 * MEGABYTE, f"{few} kB for 50 rows, {many} kB for {rows}"
