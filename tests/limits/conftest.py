"""What the limit's tests share: the three stores, a real Redis, or one loud line about its absence."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from resayil.limit_file import FileStore
from resayil.limit_redis import RedisStore
from resayil.limit_stores import MemoryStore

MISSING = "redis-server is missing (Debian's package redis-server): the limit was NOT tested on Redis"


@dataclass
class RedisServer:
    """A redis-server of this test alone; nothing of it outlives a restart."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(
            [*command, "--appendonly", "no", "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        due = time.monotonic() + 10
        while time.monotonic() < due:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise RuntimeError("redis-server did not start")

    def kill(self) -> None:
        """Kill it, without a chance to save anything."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Let it stop answering, its sockets open."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A running redis-server of its own."""
    if shutil.which("redis-server") is None:
        pytest.skip(MISSING)
    server = RedisServer(tmp_path, free_port())
    server.start()
    yield server
    server.kill()


def _memory(_request: pytest.FixtureRequest) -> MemoryStore:
    return MemoryStore()


def _file(request: pytest.FixtureRequest) -> FileStore:
    folder: Path = request.getfixturevalue("tmp_path")
    return FileStore(folder / "limits.json")


def _redis(request: pytest.FixtureRequest) -> RedisStore:
    server: RedisServer = request.getfixturevalue("redis_server")
    return RedisStore(server.url)


@pytest.fixture(params=[_memory, _file, _redis], ids=["memory", "file", "redis"])
def store(request: pytest.FixtureRequest) -> MemoryStore | FileStore | RedisStore:
    """One of the three stores, for slots and for budgets."""
    made: MemoryStore | FileStore | RedisStore = request.param(request)
    return made
