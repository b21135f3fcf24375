"""Two proxies and one Redis: cooldowns and limits are shared."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from litellm_provider.config import Plan, proxy_config
from resayil.emulator import Emulator
from resayil.models import SNAPSHOT

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(
        shutil.which("redis-server") is None,
        reason="redis-server (package redis-server) is missing: two proxies sharing Redis were not run",
    ),
]

HELLO = [{"role": "user", "content": "مرحبا"}]


@pytest.fixture
def redis_port(find_port: Any) -> Iterator[int]:
    """A Redis of this test's own, which keeps nothing."""
    port: int = find_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:
            for _ in range(100):
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def test_two_proxies_share_cooldowns_and_limits(redis_port: int, start_proxy: Any, tmp_path: Path) -> None:
    """What one proxy learns of a deployment, a refusal or a minute used up, the other one knows."""
    emulated = Emulator()
    with emulated.serve() as server, ExitStack() as stack:
        plan = Plan(base_url=server.base_url, requests_per_minute=3, redis=True)
        text = proxy_config(SNAPSHOT.values(), plan).replace("cooldown_time: 5 ", "cooldown_time: 60 ")
        environment = {
            "LLM_RESAYIL_API_KEY": server.key,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(redis_port),
            "REDIS_PASSWORD": "",
        }
        proxies = []
        for name in ("one", "two"):
            config = tmp_path / f"{name}.yaml"
            config.write_text(text, "utf-8")
            proxies.append(stack.enter_context(start_proxy(config, environment)))
        first, second = (stack.enter_context(proxy.http()) for proxy in proxies)

        def ask(client: Any, model: str) -> Any:
            body = {"model": model, "messages": HELLO, "num_retries": 0}
            return client.post("/v1/chat/completions", json=body)

        emulated.fault(401, times=9)
        assert ask(first, "resayil/gemma3:27b").status_code == 401
        time.sleep(1)
        refused = ask(second, "resayil/gemma3:27b")
        assert (refused.status_code, len(emulated.requests)) == (429, 1), refused.text
        assert "cooldown" in refused.text
        emulated.reset()
        assert [ask(first, "resayil/mistral").status_code for _ in range(2)] == [200, 200]
        time.sleep(1)
        statuses = [ask(second, "resayil/mistral").status_code for _ in range(3)]
        assert 429 in statuses, statuses
        assert len(emulated.requests) == 3
