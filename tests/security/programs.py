"""Programs of their own, for what a library does once in a process: tracing, callbacks, debug output."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from faults.replies import MODEL
from faults.server import Play, Seen
from security.canary import CANARY

ROOT = Path(__file__).parents[2]
SECONDS = 120


def two_right_then_wrong(right: Callable[[Seen], Play], wrong: Play) -> Callable[[Seen], Play]:
    """Every third request fails."""
    count = 0

    def choose(seen: Seen) -> Play:
        nonlocal count
        count += 1
        return wrong if count % 3 == 0 else right(seen)

    return choose


TRACED = """
import asyncio, os, sys
from langchain_core.tracers.langchain import wait_for_all_tracers
from langchain_resayil import ChatResayil

def get_weather(city: str) -> str:
    "The weather of a city."
    return city

async def awaited(model):
    await model.ainvoke("?")
    async for _ in model.astream("?"):
        pass
    try:
        await model.ainvoke("?")
    except Exception as error:
        print(repr(error))

for given in ({"api_key": os.environ["LLM_RESAYIL_API_KEY"]}, {}):
    model = ChatResayil(model="MODEL", base_url=sys.argv[1], max_retries=0, **given)
    model.bind_tools([get_weather]).invoke("?", config={"tags": ["t"], "metadata": {"m": 1}})
    list(model.stream("?"))
    try:
        list(model.stream("?"))
    except Exception as error:
        print(repr(error))
    asyncio.run(awaited(model))
wait_for_all_tracers()
"""


ABILITIES = (
    b'{"batch_ingest_config": {"use_multipart_endpoint": true, "size_limit": 100,'
    b' "size_limit_bytes": 20000000, "scale_up_nthreads_limit": 4, "scale_up_qsize_trigger": 1000,'
    b' "scale_down_nempty_trigger": 4}, "instance_flags": {"zstd_compression_enabled": true}}'
)
"""What the collector says of itself, so that it is sent what LangSmith is sent."""


class _Collector(ThreadingHTTPServer):
    """Takes whatever is posted to it as LangSmith would, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.taken: list[bytes] = []


class _Taker(BaseHTTPRequestHandler):
    server: _Collector
    protocol_version = "HTTP/1.1"

    def _take(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        data = self.rfile.read(size) if size else self._chunks()
        self.server.taken.append(f"{self.path}\n{self.headers}".encode() + data)
        answer = ABILITIES
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = _take  # noqa: N815 - the names that the base class looks for

    def _chunks(self) -> bytes:
        pieces: list[bytes] = []
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline() or b"0", 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def collecting() -> Iterator[_Collector]:
    """A collector, for as long as the block lasts."""
    server = _Collector()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _ran(text: str, url: str, **environment: str) -> bytes:
    """What a program prints; it must end well."""
    given = {
        **os.environ,
        "LLM_RESAYIL_API_KEY": CANARY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        **environment,
    }
    command = [sys.executable, "-c", text.replace("MODEL", MODEL), url]
    done = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-4000:]
    return done.stdout + done.stderr


def traced(url: str, *, packed: bool) -> Iterator[bytes]:
    """What a traced program prints, and what arrives at the address that its environment names."""
    with collecting() as collector:
        yield _ran(
            TRACED,
            url,
            LANGSMITH_TRACING="true",
            LANGSMITH_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            LANGSMITH_API_KEY="lsv2_made_up",
            LANGSMITH_DISABLE_RUN_COMPRESSION="false" if packed else "true",
        )
        assert any(b"/runs/multipart" in taken for taken in collector.taken), collector.taken
        yield from collector.taken


LOGGED = """
import asyncio, os, sys, time, traceback
import litellm, litellm_provider
from litellm.integrations.custom_logger import CustomLogger

litellm_provider.register()
litellm._turn_on_debug()
seen = []

class Watch(CustomLogger):
    def log_success_event(self, kwargs, **_):
        seen.append(kwargs)
    log_failure_event = log_success_event
    async def async_log_success_event(self, kwargs, **_):
        seen.append(kwargs)
    async_log_failure_event = async_log_success_event

litellm.callbacks = [Watch()]
call = {"model": "resayil/MODEL", "api_base": sys.argv[1], "max_retries": 0}
call["messages"] = [{"role": "user", "content": "?"}]

def told(error):
    traceback.print_exc()
    print(repr(error), str(error), error.args)

async def awaited(call):
    await litellm.acompletion(**call)
    async for _ in await litellm.acompletion(**call, stream=True):
        pass
    try:
        await litellm.acompletion(**call)
    except Exception as error:
        told(error)
    await asyncio.sleep(0.5)

for given in ({"api_key": os.environ["LLM_RESAYIL_API_KEY"]}, {}):
    seen.clear()
    call = {**call, **given}
    litellm.completion(**call)
    list(litellm.completion(**call, stream=True))
    try:
        litellm.completion(**call)
    except Exception as error:
        told(error)
    asyncio.run(awaited(call))
    until = time.monotonic() + 10
    while len(seen) < 6 and time.monotonic() < until:
        time.sleep(0.05)
    assert len(seen) == 6, len(seen)
    for event in seen:
        # A key that a caller passes is handed by LiteLLM itself to every callback, in litellm_params.
        shown = event["standard_logging_object"] if given else event
        print("standard_logging_object", shown)
    call.pop("api_key", None)
"""


def logged_by_litellm(url: str) -> Iterator[bytes]:
    """What LiteLLM prints in its debug mode, and what its callbacks are told."""
    yield _ran(LOGGED, url)
