"""Where the examples run: on the emulator in this program, or on the service with your key.

The emulator is this project's reading of the published documents, not the service: no key, no cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from resayil.emulator import Emulator


@contextmanager
def service(*, live: bool, profile: str = "documented") -> Iterator[dict[str, Any]]:
    """What a client or model is given so that it finds its place: nothing, where that is the service."""
    if live:
        print("The service answers, with your key and your credits.")
        yield {}
        return
    print("The emulator answers, not the service; no key, no cost.")
    with Emulator(profile).serve() as server:
        yield {"api_key": server.key, "base_url": server.base_url}
