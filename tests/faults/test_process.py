from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults.outcome import KEY
from faults.replies import MODEL, TOKENS, Wire, streamed
from faults.server import FaultServer, Hold, Play, Seen, served

from langchain_resayil import ChatResayil
from resayil import (
    APIConnectionError,
    APITimeoutError,
    AsyncClient,
    Client,
    OverloadedError,
    ResayilError,
)

CHAT, STREAM = Wire("chat", "chat"), Wire("chat", "stream")
ROOT = Path(__file__).parents[2]


def echo(seen: Seen) -> Play:
    """An answer that repeats the question, so that a mix-up shows."""
    asked = json.loads(seen.body)
    wire = STREAM if asked.get("stream") else CHAT
    return wire.good(asked["messages"][0]["content"])


@pytest.fixture
def echoing() -> Iterator[FaultServer]:
    """A server that repeats questions."""
    with served() as server:
        server.answer_by(echo)
        yield server


@pytest.fixture
def endless() -> Iterator[FaultServer]:
    """A server whose streams never end."""
    with served(streamed(*STREAM.tokens(*TOKENS), then=[Hold()])) as server:
        yield server


def ask_by(client: Client, text: str, *, stream: bool) -> str:
    """The answer to a question, whole or streamed."""
    return "".join(client.stream(MODEL, text).text()) if stream else client.chat(MODEL, text).text


@pytest.mark.parametrize(
    ("threads", "calls"), [(8, 20), pytest.param(32, 200, marks=pytest.mark.prove)], ids=["small", "full"]
)
def test_p04_threads_share_a_client_without_cross_talk(
    echoing: FaultServer, threads: int, calls: int
) -> None:
    """Each call of each thread gets its own answer."""
    with Client(api_key=KEY, base_url=echoing.url()) as client, ThreadPoolExecutor(threads) as pool:

        def work(thread: int) -> list[str]:
            asked = [f"سؤال {thread}-{n}" for n in range(calls)]
            return [text for n, text in enumerate(asked) if ask_by(client, text, stream=n % 4 == 0) != text]

        assert [wrong for mixed in pool.map(work, range(threads)) for wrong in mixed] == []
    assert len(echoing.log.requests) == threads * calls
    assert not echoing.log.strange


@pytest.mark.parametrize("calls", [100, pytest.param(600, marks=pytest.mark.prove)], ids=["small", "full"])
async def test_p04_tasks_share_a_client_without_cross_talk(echoing: FaultServer, calls: int) -> None:
    """So does each task of a loop."""
    async with AsyncClient(api_key=KEY, base_url=echoing.url(), connect_timeout=60) as client:
        asked = [f"سؤال {n}" for n in range(calls)]
        answers = await asyncio.gather(*(client.chat(MODEL, text) for text in asked))
    assert [answer.text for answer in answers] == asked


def test_p05_a_closed_client_is_typed_at_once(echoing: FaultServer) -> None:
    """Nothing is sent, and nothing is tried again."""
    client = Client(api_key=KEY, base_url=echoing.url())
    client.close()
    client.close()
    began = time.monotonic()
    for call in (client.chat, client.stream):
        with pytest.raises(ResayilError, match="closed"):
            call(MODEL, "?")
    assert time.monotonic() - began < 0.1
    assert not echoing.log.links


async def test_p05_a_closed_async_client_is_typed_at_once(echoing: FaultServer) -> None:
    """The same on a loop."""
    client = AsyncClient(api_key=KEY, base_url=echoing.url())
    await client.aclose()
    for call in (client.chat, client.stream):
        with pytest.raises(ResayilError, match="closed"):
            await call(MODEL, "?")
    assert not echoing.log.links


def test_p05_a_client_closed_under_a_stream_ends_it_typed(endless: FaultServer) -> None:
    """The reader gets an error of the pack, soon."""
    client = Client(api_key=KEY, base_url=endless.url(), read_timeout=1, gap_timeout=1)
    reading = iter(client.stream(MODEL, "?"))
    next(reading)
    client.close()
    with pytest.raises(ResayilError):
        list(reading)


def descriptors() -> int:
    """Open file descriptors of this process."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_p06_broken_off_streams_keep_no_descriptor(endless: FaultServer) -> None:
    """Sixty of them leave at most four more."""
    with Client(api_key=KEY, base_url=endless.url()) as client:
        for event in client.stream(MODEL, "?"):
            assert event
            break
        before = descriptors()
        for _ in range(60):
            for _event in client.stream(MODEL, "?"):
                break
        assert endless.settled(1.5)
        assert descriptors() - before <= 4


async def test_p06_broken_off_async_streams_keep_no_descriptor(endless: FaultServer) -> None:
    """The same on a loop."""
    async with AsyncClient(api_key=KEY, base_url=endless.url()) as client:
        before = descriptors()
        for _ in range(60):
            async for _event in await client.stream(MODEL, "?"):
                break
        assert await asyncio.to_thread(endless.settled, 1.5)
        assert descriptors() - before <= 4


def test_p06_streams_that_nobody_iterates_keep_no_descriptor(endless: FaultServer) -> None:
    """Dropping a stream unread lets go of its connection as well."""
    with Client(api_key=KEY, base_url=endless.url()) as client:
        client.stream(MODEL, "?").close()
        before = descriptors()
        for _ in range(20):
            client.stream(MODEL, "?")
        assert endless.settled(1.5)
        assert descriptors() - before <= 4


async def test_c_gc_an_async_stream_that_is_dropped_lets_go(endless: FaultServer) -> None:
    """A stream dropped unread, and one dropped after an event, on a pool of one."""
    async with AsyncClient(
        api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=2
    ) as client:
        for _ in range(3):
            stream = await client.stream(MODEL, "?")
            del stream
            reading = aiter(await client.stream(MODEL, "?"))
            await anext(reading)
            del reading
        assert await asyncio.to_thread(endless.settled, 1.5)


async def test_c_break_pool1_a_break_frees_a_pool_of_one(endless: FaultServer) -> None:
    """The next call on it goes on at once."""
    async with AsyncClient(
        api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=2
    ) as client:
        began = time.monotonic()
        for _ in range(5):
            async for _event in await client.stream(MODEL, "?"):
                break
        assert time.monotonic() - began < 1.5


FORK = """
import os, sys
from resayil import Client
client = Client({key!r}, {url!r})
assert client.chat("m", "before").text == "before"
children = []
for n in range(4):
    child = os.fork()
    if not child:
        for k in range(20):
            text = f"child {{n}} {{k}}"
            if client.chat("m", text).text != text:
                os._exit(1)
        os._exit(0)
    children.append(child)
wrong = 0
for k in range(20):
    text = f"parent {{k}}"
    wrong += client.chat("m", text).text != text
print(wrong, [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


def program(text: str, server: FaultServer, *, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a program of its own against the server."""
    command = [sys.executable, "-c", text.format(key=KEY, url=server.url())]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_p07_parent_and_children_share_no_socket(echoing: FaultServer) -> None:
    """After a fork all get their own answers, over connections of their own."""
    done = program(FORK, echoing)
    assert (done.stdout, done.stderr) == ("0 [0, 0, 0, 0]\n", "")
    assert not echoing.log.strange
    by_link: dict[int, set[str]] = {}
    for seen in echoing.log.requests:
        who = json.loads(seen.body)["messages"][0]["content"].rpartition(" ")[0] or "parent"
        by_link.setdefault(seen.link, set()).add(who)
    assert all(len(who) == 1 for who in by_link.values()), by_link


def test_two_event_loops_one_client_in_three_runs(echoing: FaultServer) -> None:
    """Each ``asyncio.run`` succeeds."""
    client = AsyncClient(api_key=KEY, base_url=echoing.url())
    model = ChatResayil(model=MODEL, api_key=KEY, base_url=echoing.url())
    for n in range(3):
        assert asyncio.run(client.chat(MODEL, f"q{n}")).text == f"q{n}"
        assert asyncio.run(model.ainvoke(f"q{n}")).text == f"q{n}"
    assert asyncio.run(client.aclose()) is None


def test_p08_an_exhausted_pool_is_told_from_a_slow_server(endless: FaultServer) -> None:
    """A typed timeout whose phase is the pool's; nothing is sent again for it."""
    with Client(api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=0.3) as client:
        held = client.stream(MODEL, "?")
        with pytest.raises(APITimeoutError) as caught:
            client.chat(MODEL, "?")
        held.close()
    assert caught.value.phase == "pool"
    assert caught.value.maybe_billed == 0
    assert len(endless.log.requests) == 1


async def test_p08_an_exhausted_async_pool_is_told_from_a_slow_server(endless: FaultServer) -> None:
    """The same on a loop."""
    async with AsyncClient(
        api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=0.3
    ) as client:
        held = await client.stream(MODEL, "?")
        with pytest.raises(APITimeoutError) as caught:
            await client.chat(MODEL, "?")
        await held.aclose()
    assert caught.value.phase == "pool"
    assert len(endless.log.requests) == 1


def test_p08_the_deadline_cuts_the_wait_for_a_connection(endless: FaultServer) -> None:
    """However long a connection may be waited for, the call's deadline comes first; nothing was sent."""
    with Client(api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=30) as client:
        held, began = client.stream(MODEL, "?"), time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            client.chat(MODEL, "?", deadline=0.5)
        assert time.monotonic() - began < 5
        held.close()
    assert (caught.value.phase, caught.value.maybe_billed) == ("pool", 0)


async def test_p08_the_deadline_cuts_the_wait_for_an_async_connection(endless: FaultServer) -> None:
    """The same on a loop."""
    async with AsyncClient(
        api_key=KEY, base_url=endless.url(), max_connections=1, connect_timeout=30
    ) as client:
        held, began = await client.stream(MODEL, "?"), time.monotonic()
        with pytest.raises(APITimeoutError) as caught:
            await client.chat(MODEL, "?", deadline=0.5)
        assert time.monotonic() - began < 5
        await held.aclose()
    assert caught.value.phase in {"pool", "connect"}
    assert caught.value.maybe_billed == 0


INTERRUPTED = """
from resayil import Client
stream = Client({key!r}, {url!r}).stream("m", "?")
try:
    for event in stream:
        print("event", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_p09_control_c_ends_a_waiting_stream(endless: FaultServer) -> None:
    """The signal reaches the reader at once, and nothing is sent again."""
    text = INTERRUPTED.format(key=KEY, url=endless.url())
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "event\n"
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=5)
        finally:
            process.kill()
        assert time.monotonic() - began < 1.5
    assert out.endswith("interrupted\n")
    assert err == ""
    assert len(endless.log.requests) == 1


EXITING = """
import sys
from resayil import Client
stream = Client({key!r}, {url!r}).stream("m", "?")
reading = iter(stream)
print(next(reading).type)
"""

EXITING_LOOP = """
import asyncio
from resayil import AsyncClient
async def main():
    stream = await AsyncClient({key!r}, {url!r}).stream("m", "?")
    async for event in stream:
        print(event.type)
        return
asyncio.run(main())
"""


@pytest.mark.parametrize("text", [EXITING, EXITING_LOOP], ids=["Client", "AsyncClient"])
def test_p10_an_open_stream_does_not_hold_up_the_exit(endless: FaultServer, text: str) -> None:
    """The interpreter ends at once, with code 0 and without a traceback."""
    done = program(
        "import time, sys; began = time.monotonic()\n" + text + "\nprint(time.monotonic() - began < 5)",
        endless,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "message_start\nTrue\n", "")
    assert endless.settled(1.5, closed=True)


def dead(sends: Callable[[Client], object], server: FaultServer) -> int:
    """Requests that fifty calls make of a server that is down."""
    with Client(api_key=KEY, base_url=server.url(), unhinted_429="backoff") as client:
        for _ in range(50):
            with pytest.raises(OverloadedError):
                sends(client)
    return len(server.log.requests)


def test_h27_retries_do_not_multiply_an_outage() -> None:
    """Fifty calls of a dead gateway make fewer than seventy-five requests."""
    with served(CHAT.error(503, "service_unavailable", "down", "retry-after-ms: 5")) as server:
        assert 50 < dead(lambda client: client.chat(MODEL, "?"), server) < 75


def test_h27_the_quota_is_one_for_all_threads() -> None:
    """Fifty threads at once make no more, and successes give it back."""
    down = CHAT.error(503, "service_unavailable", "down", "retry-after-ms: 5")
    with served(down) as server, Client(api_key=KEY, base_url=server.url()) as client:
        barrier = threading.Barrier(50)

        def call(_: int) -> None:
            barrier.wait()
            with pytest.raises(OverloadedError):
                client.chat(MODEL, "?")

        with ThreadPoolExecutor(50) as pool:
            list(pool.map(call, range(50)))
        assert len(server.log.requests) < 75
        server.play(CHAT.good())
        for _ in range(5):
            client.chat(MODEL, "?")
        server.play(down, CHAT.good())
        assert client.chat(MODEL, "?").attempts == 2


def test_n01_a_refused_connection_is_over_soon() -> None:
    """Three attempts at most, within eight seconds, and the address is told."""
    with served() as server:
        url = server.url()
    began = time.monotonic()
    with Client(api_key=KEY, base_url=url) as client, pytest.raises(APIConnectionError) as caught:
        client.chat(MODEL, "?")
    assert time.monotonic() - began < 8
    assert caught.value.attempts <= 3
    assert "127.0.0.1" in caught.value.message
