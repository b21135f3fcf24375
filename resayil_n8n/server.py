"""The gallery on a socket: a thin rim around `Gallery.answer`, from the standard library alone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from resayil_n8n.gallery import Gallery


@contextmanager
def serving(gallery: Gallery, host: str, port: int) -> Generator[int]:
    """Answer on an address within the block; gives the port.

    Raises:
        OSError: the address is taken or not this machine's.
    """

    class Handler(BaseHTTPRequestHandler):
        server_version = "resayil-n8n"
        sys_version = ""

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = gallery.answer(self.command, self.path, headers)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_OPTIONS = do_GET  # noqa: N815 - the standard library's name

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Log nothing: a request line may name what somebody searches for."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="resayil-n8n-gallery", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
