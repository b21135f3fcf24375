"""One process of a load: threads or tasks that ask one after another, their wall clock set apart."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time

_settings, _kind, _count, _skew = sys.argv[1:]
_true = time.time
time.time = lambda: _true() + float(_skew)

from resayil import AsyncClient, Client  # noqa: E402 - with the clock set

GIVEN = json.loads(_settings)
COUNT = int(_count)


def _began(worker: int, n: int) -> dict[str, str]:
    name = f"{os.getpid()}-{worker}-{n}"
    sys.stdout.write(f"{name} {time.monotonic()!r}\n")
    sys.stdout.flush()
    return {"x-id": name}


def _thread(client: Client, worker: int) -> None:
    for n in range(10**6):
        client.chat("m", "س", extra_headers=_began(worker, n))


async def _task(client: AsyncClient, worker: int) -> None:
    for n in range(10**6):
        await client.chat("m", "س", extra_headers=_began(worker, n))


async def _tasks() -> None:
    client = AsyncClient("sk-loaded-0123456789", **GIVEN)
    await asyncio.gather(*(_task(client, worker) for worker in range(COUNT)))


sys.stdout.write("ready\n")
sys.stdout.flush()
sys.stdin.readline()
if _kind == "tasks":
    asyncio.run(_tasks())
else:
    shared = Client("sk-loaded-0123456789", **GIVEN)
    for number in range(COUNT):
        threading.Thread(target=_thread, args=(shared, number)).start()
