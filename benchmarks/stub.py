"""A server of pre-built replies, in a process of its own, so that only the client's time is measured.

The model that a request names says what is wanted: ``arabic-5000`` is a stream of 5,000 Arabic fragments, and
``text-50-gate1000`` one that goes on behind its first fragment once 1,000 of its like have come so far. Any
other name gets as many fragments of text as the stub was started with.
"""

from __future__ import annotations

import multiprocessing
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from multiprocessing.connection import Connection

from benchmarks.bodies import KINDS, streamed, whole

GATE_PATIENCE = 30.0
"""Seconds that a stream waits for its like before it breaks off."""

_MODEL = re.compile(rb'"model": ?"(?:[a-z]+/)?(%s)-(\d+)(?:-gate(\d+))?"' % "|".join(KINDS).encode())
_STREAM = re.compile(rb'"stream": ?true')
_USAGE = re.compile(rb'"include_usage": ?true')


class _Gates:
    """Where streams that are to be open at once wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gates: dict[int, threading.Barrier] = {}

    def wait(self, parties: int) -> None:
        with self._lock:
            gate = self._gates.setdefault(parties, threading.Barrier(parties))
            if gate.broken:
                gate.reset()
        gate.wait(GATE_PATIENCE)


def _serve(pipe: Connection, count: int) -> None:
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    gates = _Gates()
    pipe.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_attend, args=(connection, count, gates), daemon=True).start()


def _attend(connection: socket.socket, count: int, gates: _Gates) -> None:
    """Answer each request on a connection, until the client leaves."""
    try:
        with connection, connection.makefile("rb") as reader:
            while request := _received(reader):
                _answer(connection, *request, count=count, gates=gates)
    except (ConnectionError, threading.BrokenBarrierError):
        pass  # a client that left early, or one that opens fewer streams than it said


def _received(reader: BufferedReader) -> tuple[str, bytes] | None:
    """The dialect and the body of the next request."""
    line = reader.readline()
    if not line:
        return None
    dialect = "messages" if b"/messages" in line else "chat"
    headers: dict[bytes, bytes] = defaultdict(bytes)
    while header := reader.readline().strip():
        name, _, value = header.partition(b":")
        headers[name.lower()] = value.strip()
    if headers[b"transfer-encoding"] != b"chunked":
        return dialect, reader.read(int(headers[b"content-length"] or 0))
    pieces = []
    while size := int(reader.readline(), 16):
        pieces.append(reader.read(size))
        reader.readline()
    reader.readline()
    return dialect, b"".join(pieces)


def _answer(connection: socket.socket, dialect: str, body: bytes, *, count: int, gates: _Gates) -> None:
    if not _STREAM.search(body):
        connection.sendall(whole(dialect))
        return
    kind, gate = "text", 0
    if named := _MODEL.search(body):
        kind, count, gate = named[1].decode(), int(named[2]), int(named[3] or 0)
    first, rest = streamed(dialect, kind, count, usage=_USAGE.search(body) is not None)
    if gate:
        connection.sendall(first)
        gates.wait(gate)
        connection.sendall(rest)
    else:
        connection.sendall(first + rest)


@contextmanager
def serving(count: int = 5_000) -> Iterator[str]:
    """The base URL of a running stub.

    Args:
        count: Fragments of a stream whose model does not say how many.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, count), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.kill()
        process.join()
