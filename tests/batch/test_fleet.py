"""Over a fleet of LiteLLM's proxies: the page's own commands, two real proxies, one real Redis, two keys."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from batch.support import asked, read_lines, write_lines

from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
(START,) = BLOCK.findall((ROOT / "docs" / "batch.md").read_text("utf-8"))
COMPOSE = ROOT / "examples" / "fleet" / "compose.yaml"
KEYS = {"KEY_A": "sk-first-fleet-key-aaaa", "KEY_B": "sk-other-fleet-key-bbbb"}
ROWS = 30
PER_MINUTE = 10


def _moved(script: str) -> str:
    """The page's commands on ports that nobody uses."""
    for port in ("4001", "4002", "6379"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            script = script.replace(port, str(probe.getsockname()[1]))
    return script


@pytest.mark.prove
@pytest.mark.skipif(
    shutil.which("redis-server") is None or shutil.which("curl") is None,
    reason="redis-server or curl (packages redis-server, curl) is missing: the fleet of proxies was not run",
)
def test_the_pages_commands_run_a_batch_over_a_fleet(tmp_path: Path) -> None:
    """More rows than a key's minute allows: each answered once, by both keys, within the shared limits."""
    emulator = Emulator()
    for key in KEYS.values():
        emulator.add_key(key, plan="starter", credits=1_000_000)
    source = write_lines(tmp_path / "in.jsonl", ROWS)
    source.write_text(source.read_text("utf-8").replace('"model": "mistral", ', ""), "utf-8")
    with emulator.serve() as server:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            **KEYS,
            "LLM_RESAYIL_API_KEY": KEYS["KEY_A"],
            "RESAYIL_BASE_URL": server.base_url,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        with (tmp_path / "log").open("wb") as log:
            shell = subprocess.Popen(
                ["bash", "-eu", "-c", _moved(START)],
                env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
            try:
                assert shell.stdout is not None
                summary = next(
                    (json.loads(line) for line in shell.stdout if line.startswith(b'{"rows"')), None
                )
            finally:
                os.killpg(shell.pid, signal.SIGTERM)
                shell.communicate(timeout=60)
        assert summary, (tmp_path / "log").read_text("utf-8", "replace")[-4000:]
    assert (summary["answered"], summary["failed"], summary["left"]) == (ROWS, 0, 0)
    answers = read_lines(tmp_path / "out.jsonl")
    assert [answer["custom_id"] for answer in answers] == [f"row-{n}" for n in range(ROWS)]
    served = [request for request in emulator.requests if request.dialect == "chat" and request.status == 200]
    assert sorted(asked(emulator)) == sorted([*range(ROWS), *_refused(emulator)])
    by_key = Counter(request.headers["authorization"][-4:] for request in served)
    assert by_key.keys() == {"aaaa", "bbbb"}
    assert min(by_key.values()) > ROWS / 5, "both keys share the work"
    assert len(_refused(emulator)) < PER_MINUTE / 3, "what one proxy has sent, the other one knows"


def _refused(emulator: Emulator) -> list[int]:
    """The rows that the service refused for a key's limit, once for each time."""
    chats = [request for request in emulator.requests if request.dialect == "chat"]
    return [n for request, n in zip(chats, asked(emulator), strict=True) if request.status == 429]


def test_the_compose_file_says_the_same_as_the_page() -> None:
    """Two proxies on the page's ports with its command and variables, one Redis, and its honest word."""
    text = COMPOSE.read_text("utf-8")
    services = yaml.safe_load(text)["services"]
    assert "not built here" in " ".join(text.split("\n# "))
    first, second = services["proxy-1"], services["proxy-2"]
    assert [first["ports"], second["ports"]] == [["127.0.0.1:4001:4000"], ["127.0.0.1:4002:4000"]]
    for proxy in (first, second):
        assert proxy["command"][:2] == ["litellm", "--config"]
        assert proxy["command"][2] in {volume.split(":")[1] for volume in proxy["volumes"]}
        assert (COMPOSE.parent / proxy["build"] / "Dockerfile").is_file()
        assert set(proxy["depends_on"]) <= services.keys()
        named = {"LITELLM_MASTER_KEY", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", *KEYS}
        named |= {"RESAYIL_PLAN", "RESAYIL_LIMIT_STORAGE"}
        assert named <= proxy["environment"].keys()
        assert all(name in START for name in named)
