"""What the doctor is shown: the emulator in both profiles, and ten broken servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from core.support import Scripted, Told
from faults.certificate import untrusted

from resayil.doctor import Report, examine
from resayil.emulator import Emulator

KEY = "sk-doctor-canary-5511aa77"
WRONG_KEY = "sk-a-wrong-key-998877"
SLOW = 0.2
"""Seconds above which these tests call a server slow."""

PAGE = Told(200, {"content-type": "text/html"}, (b"<!doctype html><html>Sign in</html>",))


def emulator(*oddities: str, profile: str = "documented", credits: int = 10_000) -> Emulator:  # noqa: A002 - the emulator's word
    """An emulator that knows the key."""
    made = Emulator(profile, oddities)
    made.add_key(KEY, plan="enterprise", credits=credits)
    return made


def examined(made: Emulator, **given: Any) -> Report:
    """What the doctor finds of an emulator."""
    return examine(KEY, made.base_url, transport=made.transport(), **given)


def _at(made: Emulator, path: str = "/v1", api_key: str = KEY, **given: Any) -> AbstractContextManager[Any]:
    url = made.base_url.removesuffix("/v1") + path
    return nullcontext({"api_key": api_key, "base_url": url, "transport": made.transport(), **given})


def _slow() -> AbstractContextManager[Any]:
    made = emulator()
    made.fault("stall", seconds=2 * SLOW, times=2, path="chat/completions")
    return _at(made, slow=SLOW)


def _page(base_url: str) -> AbstractContextManager[Any]:
    return nullcontext({"api_key": KEY, "base_url": base_url, "transport": Scripted(PAGE)})


@contextmanager
def _dead_tls() -> Iterator[Any]:
    listener, context = socket.create_server(("127.0.0.1", 0)), untrusted()

    def serve() -> None:
        while True:
            try:
                found, _ = listener.accept()
            except OSError:
                return
            with found:
                try:
                    context.wrap_socket(found, server_side=True).close()
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield {"api_key": KEY, "base_url": f"https://127.0.0.1:{listener.getsockname()[1]}/v1"}
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


SERVERS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "documented": lambda: _at(emulator()),
    "march-2026": lambda: _at(emulator(profile="march-2026")),
    "wrong path": lambda: _at(emulator(), "/wrong/place"),
    "a page": lambda: _page("https://emulator.test/v1"),
    "dead TLS": _dead_tls,
    "no stream": lambda: _at(emulator("empty-stream")),
    "no usage": lambda: _at(emulator("no-stream-usage")),
    "no vision": lambda: _at(emulator("content-array-422")),
    "401": lambda: _at(emulator(), api_key=WRONG_KEY),
    "402": lambda: _at(emulator(credits=0)),
    "slow": _slow,
    "WhatsApp": lambda: _page("https://api.resayil.io/v1"),
}
"""Each is entered for the arguments of `examine`; the first two are whole, the others broken."""
