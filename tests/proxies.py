"""LiteLLM's real proxy as a process: started as a user starts it, and always ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from limits.conftest import free_port

MASTER_KEY = "sk-master-1234"
START_SECONDS = 90


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def http(self, key: str = MASTER_KEY) -> httpx.Client:
        """A plain client of it."""
        return httpx.Client(base_url=self.url, headers={"authorization": f"Bearer {key}"}, timeout=30)

    def kill(self) -> None:
        """End it at once, without a goodbye."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_proxy(config: Path, environment: Mapping[str, str]) -> Iterator[Proxy]:
    """A proxy with this configuration, once it answers."""
    port, log = free_port(), config.with_suffix(".log")
    command = Path(sys.executable).with_name("litellm")
    given = {
        **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": MASTER_KEY,
        **environment,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(command), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            env=given,
            cwd=config.parent,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    proxy = Proxy(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(proxy)
        yield proxy
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                proxy.kill()


def _wait(proxy: Proxy) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends:
        if proxy.process.poll() is not None:
            break
        try:
            if httpx.get(f"{proxy.url}/health/liveliness", timeout=2).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"The proxy did not start:\n{proxy.log.read_text('utf-8', 'replace')[-4000:]}")
