"""A server on a loopback socket that does exactly what a test says, connection by connection."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from core.support import chunk, event

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
PATIENCE = 5.0


def chunked(data: bytes) -> bytes:
    """The bytes as one HTTP chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def plain(body: bytes, *, media_type: str = "application/json") -> bytes:
    """A whole reply that leaves its connection open."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


FIRST, SECOND = (chunked(chunk({"content": text})) for text in ("أول", "ثانٍ"))
END = chunked(chunk({}, "stop") + event("[DONE]")) + b"0\r\n\r\n"


@dataclass
class Connection:
    """One connection, as the handler sees it."""

    socket: socket.socket
    number: int

    def request(self) -> bytes:
        """The next whole request; nothing when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        while length and len(body) < int(length.group(1)):
            body += self.socket.recv(65536)
        return head + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def closed_within(self, seconds: float = PATIENCE) -> bool:
        """Whether the client closes in time."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


@dataclass
class RawServer:
    """Where it listens, and how many came."""

    base_url: str
    connections: list[int] = field(default_factory=list)


@contextmanager
def raw_server(handle: Callable[[Connection], None]) -> Iterator[RawServer]:
    """Serve each connection in a thread of its own until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
    threads: list[threading.Thread] = []
    open_sockets: list[socket.socket] = []

    def serve(connection: Connection) -> None:
        with connection.socket, contextlib.suppress(OSError):
            handle(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                found, _ = listener.accept()
                open_sockets.append(found)
                server.connections.append(len(server.connections))
                thread = threading.Thread(target=serve, args=(Connection(found, server.connections[-1]),))
                threads.append(thread)
                thread.start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join(PATIENCE)
        for found in open_sockets:
            with contextlib.suppress(OSError):
                found.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE)
