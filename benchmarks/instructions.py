"""Instructions of a streamed chunk, counted by callgrind: a figure that repeats, beside noisy seconds.

Each client reads two streams of different lengths from a network in memory, each in a process of its own under
valgrind; the difference divided by the chunks that make it is what a chunk costs. Start-up cancels out.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpcore
import httpx

from benchmarks.bodies import streamed
from benchmarks.floors import Reader
from resayil import Client

FEW, MANY = 500, 2_500
CASES = ("floor", "Client.stream")
_URL = "http://127.0.0.1/v1"
_PIECE = 65_536


def _memory(chunks: int) -> httpx.HTTPTransport:
    """Httpx's own transport on a network that holds the stub's reply, in pieces as a socket gives them."""
    reply = b"".join(streamed("chat", "text", chunks, usage=True))
    pieces = [reply[start : start + _PIECE] for start in range(0, len(reply), _PIECE)]
    transport = httpx.HTTPTransport()
    # httpx has no argument for the network
    transport._pool = httpcore.ConnectionPool(network_backend=httpcore.MockBackend(pieces))  # noqa: SLF001
    return transport


def read(case: str, chunks: int) -> None:
    """Read one stream to its end."""
    transport = _memory(chunks)
    if case == "floor":
        with (
            httpx.Client(transport=transport) as bare,
            bare.stream("POST", f"{_URL}/chat/completions", content=b"{}") as response,
        ):
            reader = Reader()
            for piece in response.iter_bytes():
                reader.read(piece)
    else:
        with Client("sk-bench", _URL, transport=transport) as client:
            for _ in client.stream("m", "x"):
                pass


def _counted(case: str, chunks: int) -> int:
    """Instructions of a process that reads one stream."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise FileNotFoundError("valgrind")
    with tempfile.TemporaryDirectory() as folder:
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/out", sys.executable]
        command += ["-m", "benchmarks.instructions", "--read", case, str(chunks)]
        environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        ran = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, check=True, env=environment
        )
        summary = re.search(
            r"^(?:totals|summary): (\d+)", Path(folder, "out").read_text(encoding="utf-8"), re.MULTILINE
        )
    if summary is None:
        raise ValueError(f"callgrind told no sum: {ran.stderr[-200:]}")
    return int(summary[1])


def measure() -> dict[str, float]:
    """Instructions of a chunk, by case; two processes at a time."""
    asked = [(case, chunks) for case in CASES for chunks in (FEW, MANY)]
    with ThreadPoolExecutor(2) as pool:
        counts = dict(zip(asked, pool.map(lambda one: _counted(*one), asked), strict=True))
    return {case: (counts[case, MANY] - counts[case, FEW]) / (MANY - FEW) for case in CASES}


def main() -> None:
    """Count and print, or read one stream for the counter."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    arguments.add_argument(
        "--read", nargs=2, metavar=("CASE", "CHUNKS"), help="what is counted; for valgrind"
    )
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    if given.read:
        read(given.read[0], int(given.read[1]))
        return
    figures = measure()
    if given.json:
        print(json.dumps(figures))
        return
    for case, count in figures.items():
        print(f"{case:16} {count:12,.1f} instructions per chunk  {count / figures['floor']:.3f} × floor")


if __name__ == "__main__":
    main()
