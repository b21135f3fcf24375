"""What a slot of the rate limit costs where nobody waits: CPU per request, by where the limit is kept."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from resayil.config import Settings
from resayil.limiters import limiter_for

_REQUESTS = 10**9
_PORT = 6390


def _limiter(storage: str) -> Callable[[str], object]:
    settings = Settings.load(
        api_key=f"sk-benchmark-{storage}",
        requests_per_minute=_REQUESTS,
        limit_storage=storage,
        limit_window=1e-3,
        limit_margin=0.0,
    )
    slots = limiter_for(settings)
    return lambda identity: slots.ask(identity, 0.0)


@contextmanager
def _storages() -> Iterator[dict[str, tuple[str, int]]]:
    with tempfile.TemporaryDirectory() as folder:
        found = {"memory": ("memory", 20_000), "file": (f"file:{folder}/limits.json", 500)}
        if shutil.which("redis-server") is None:
            yield found
            return
        command = ["redis-server", "--port", str(_PORT), "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - as above
        try:
            time.sleep(0.3)
            yield {**found, "redis": (f"redis://127.0.0.1:{_PORT}", 2_000)}
        finally:
            server.kill()
            server.wait()


def measure(rounds: int) -> dict[str, tuple[float, float]]:
    """Microseconds of CPU and of time per uncontended slot, medians over the rounds."""
    figures = {}
    with _storages() as storages:
        for name, (storage, count) in storages.items():
            ask = _limiter(storage)
            cpu, wall = [], []
            for turn in range(rounds):
                names = [f"{Path(storage).name}-{turn}-{n}" for n in range(count)]
                began, ticked = time.perf_counter(), time.process_time()
                for identity in names:
                    ask(identity)
                cpu.append((time.process_time() - ticked) / count * 1e6)
                wall.append((time.perf_counter() - began) / count * 1e6)
            figures[name] = statistics.median(cpu), statistics.median(wall)
    return figures


if __name__ == "__main__":
    for kept, (busy, passed) in measure(7).items():
        print(f"{kept:8} {busy:8.2f} µs CPU  {passed:8.2f} µs  per uncontended slot")
