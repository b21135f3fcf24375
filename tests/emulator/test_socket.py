from __future__ import annotations

import ast
import asyncio
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import resayil.emulator
from resayil.emulator import Emulator
from resayil.emulator.server import app

BODY = {"model": "mistral", "stream": True, "messages": [{"role": "user", "content": "مرحبا"}]}
FOLDER = Path(resayil.emulator.__file__).parent


def test_server_answers_on_loopback_and_stops(resayil_server: Any) -> None:
    """The base URL ends in /v1 and answers; the banner says whose reading it is."""
    assert resayil_server.base_url.startswith("http://127.0.0.1:")
    assert resayil_server.base_url.endswith("/v1")
    assert "not the service" in resayil_server.banner
    response = httpx.get(f"{resayil_server.base_url}/models", headers={"x-api-key": resayil_server.key})
    assert response.headers["x-resayil-emulator"]


def test_port_is_free_after_the_block() -> None:
    """Leaving the block stops the server within a second, even with a stream half read."""
    emulator = Emulator(chunk_delay=0.2)
    http = httpx.Client()
    with emulator.serve() as server:
        request = http.build_request(
            "POST", f"{server.base_url}/chat/completions", json=BODY, headers={"x-api-key": server.key}
        )
        response = http.send(request, stream=True)
        next(response.iter_raw())
        began = time.monotonic()
    assert time.monotonic() - began < 2
    response.close()
    http.close()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_stream_is_incremental_on_the_socket() -> None:
    """The first bytes arrive long before the last are sent."""
    emulator = Emulator(chunk_delay=0.02)
    with emulator.serve() as server, httpx.Client(headers={"x-api-key": server.key}) as http:
        began = time.monotonic()
        with http.stream("POST", f"{server.base_url}/chat/completions", json=BODY) as response:
            parts = response.iter_raw()
            next(parts)
            first = time.monotonic() - began
            list(parts)
        assert first < 0.25 < time.monotonic() - began


def test_two_servers_run_beside_each_other() -> None:
    """Each server has a world of its own."""
    one, other = Emulator(), Emulator()
    one.reply("one")
    other.reply("other")
    body = {**BODY, "stream": False}
    with one.serve() as first, other.serve() as second:
        said = [
            httpx.post(
                f"{server.base_url}/chat/completions", json=body, headers={"x-api-key": server.key}
            ).json()
            for server in (first, second)
        ]
    assert [reply["choices"][0]["message"]["content"] for reply in said] == ["one", "other"]


def test_a_server_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it gets an error, and the port is free again."""
    taken: list[socket.socket] = []

    async def hang(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        taken.extend(sockets)
        await asyncio.sleep(0.2)

    monkeypatch.setattr(uvicorn.Server, "startup", hang)
    monkeypatch.setattr("resayil.emulator.server.PATIENCE", 0.05)
    with pytest.raises(RuntimeError, match="did not start"), Emulator().serve():
        pass
    assert [listener.fileno() for listener in taken] == [-1]


def test_clients_that_are_gone_at_once_disturb_nobody(
    resayil_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that are reset before the server looks at them leave it as it was, and no complaint."""
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", resayil_server.port)) as gone:
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert httpx.get(resayil_server.origin).status_code == 200
    assert not caplog.records


async def test_application_runs_under_any_asgi_server() -> None:
    """Without the emulator's own server a cut still ends in an error, since the application raises."""
    emulator = Emulator()
    transport = httpx.ASGITransport(app(emulator), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test/v1") as http:
        models = await http.get("/models", headers={"x-api-key": emulator.key})
        assert models.status_code == 200
        emulator.fault("refused")
        refused = await http.get("/models")
        assert refused.status_code == 500


def test_upstream_gets_chat_requests_and_only_those() -> None:
    """Whole and streamed replies are relayed byte for byte; the user's key and other endpoints are not."""
    behind = Emulator(oddities=["no-x-api-key"])
    behind.add_key("sk-none")
    with behind.serve() as server:
        front = Emulator(upstream=server.base_url)
        headers = {"x-api-key": front.key}
        with httpx.Client(transport=front.transport(), base_url=front.base_url, headers=headers) as http:
            refused = http.post("/chat/completions", json=BODY)
            assert refused.status_code == 401
            assert refused.headers["x-resayil-upstream"] == "relayed"
            assert http.get("/models").status_code == 200
            front.reply("scripted")
            assert "scripted" in http.post("/chat/completions", json={**BODY, "stream": False}).text
    assert [request.path for request in behind.requests] == ["/v1/chat/completions"]
    assert "authorization" not in behind.requests[0].headers
    assert "x-api-key" not in behind.requests[0].headers
    assert behind.requests[0].body == BODY


async def test_upstream_fails_as_an_upstream() -> None:
    """What it refuses is refused, a cut stays a cut behind what came before it, and a dead server is 503."""
    behind = Emulator()
    with behind.serve() as server, Emulator(upstream=f"{server.origin}/open/v1").serve() as front:
        async with httpx.AsyncClient(headers={"x-api-key": front.key}) as http:
            lost = await http.post(f"{front.base_url}/chat/completions", json=BODY)
            assert lost.status_code == 404
            behind.fault("cut")
            parts = []
            with pytest.raises(httpx.RemoteProtocolError):
                async with http.stream("POST", f"{front.base_url}/chat/completions", json=BODY) as cut:
                    parts += [part async for part in cut.aiter_raw()]
            assert cut.headers["x-resayil-upstream"] == "relayed"
    front_of_none = Emulator(upstream=server.base_url)
    transport = front_of_none.async_transport()
    async with httpx.AsyncClient(transport=transport, base_url=front_of_none.base_url) as http:
        dead = await http.post("/chat/completions", json=BODY, headers={"x-api-key": front_of_none.key})
    assert dead.status_code == 503
    assert "Failed to connect" in dead.json()["error"]["message"]


def test_emulator_imports_nothing_of_the_package_around_it() -> None:
    """No module of the emulator imports resayil outside its own folder."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            outside = [name for name in names if name.partition(".")[0] == "resayil"]
            assert all(name.startswith("resayil.emulator") for name in outside), path.name


def test_import_needs_no_server_packages() -> None:
    """`import resayil.emulator` loads neither starlette nor uvicorn."""
    code = (
        "import sys, resayil.emulator; "
        "print([name for name in ('starlette', 'uvicorn', 'anthropic', 'openai') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_plugin_module_imports_pytest_alone() -> None:
    """At its top the plugin imports pytest and the standard library only."""
    tree = ast.parse((FOLDER.parent / "pytest_plugin.py").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "collections.abc", "typing", "pytest"}


USERS_TEST = """
import httpx

def test_mine(resayil_emulator, resayil_server):
    resayil_emulator.reply("ok")
    body = {"model": "mistral", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-api-key": resayil_server.key}
    url = f"{resayil_server.base_url}/chat/completions"
    reply = httpx.post(url, json=body, headers=headers).json()
    assert reply["choices"][0]["message"]["content"] == "ok"
    assert resayil_server.emulator is resayil_emulator
"""


def test_plugin_serves_a_users_own_tests(tmp_path: Path) -> None:
    """A project that only has the package installed can script and serve the emulator in its tests."""
    tests = tmp_path / "test_users.py"
    tests.write_text(USERS_TEST, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "1 passed" in run.stdout, run.stdout
