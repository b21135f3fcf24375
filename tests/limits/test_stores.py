"""Three stores, one table of scenarios; and what each must survive."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits.conftest import RedisServer, free_port

from resayil.errors import ConfigurationError
from resayil.limit_file import FileStore
from resayil.limit_redis import RedisStore
from resayil.limit_stores import MemoryStore, Store, StoreError
from resayil.limiters import store_for
from resayil.limits import Place, Plan, Quota, Refused

TEN = Quota(3, 0.6, 0.0)


def _memory(_request: pytest.FixtureRequest) -> Store:
    return MemoryStore()


def _file(request: pytest.FixtureRequest) -> Store:
    folder: Path = request.getfixturevalue("tmp_path")
    return FileStore(folder / "limits.json")


def _redis(request: pytest.FixtureRequest) -> Store:
    server: RedisServer = request.getfixturevalue("redis_server")
    return RedisStore(server.url)


@pytest.fixture(params=[_memory, _file, _redis], ids=["memory", "file", "redis"])
def store(request: pytest.FixtureRequest) -> Store:
    """One of the three."""
    made: Store = request.param(request)
    return made


def _wait(answer: Place | Refused) -> float:
    assert isinstance(answer, Place)
    return answer.wait


def test_a_full_window_makes_the_next_wait(store: Store) -> None:
    """N go at once, the next ones at the window's end, each told how many are before it."""
    assert [_wait(store.ask("k", TEN, str(n), 9)) for n in range(3)] == [0, 0, 0]
    fourth, fifth = store.ask("k", TEN, "3", 9), store.ask("k", TEN, "4", 9)
    assert 0.3 < _wait(fourth) <= 0.6
    assert isinstance(fifth, Place)
    assert fifth.queued == 1


def test_keys_do_not_share(store: Store) -> None:
    """Another key's window is another window."""
    for n in range(4):
        store.ask("k", TEN, str(n), 9)
    assert _wait(store.ask("other", TEN, "a", 9)) == 0


def test_a_wait_too_long_is_refused_and_leaves_nothing(store: Store) -> None:
    """The refusal tells the wait, and no place is kept."""
    for n in range(3):
        store.ask("k", TEN, str(n), 9)
    answer = store.ask("k", TEN, "late", 0.0)
    assert isinstance(answer, Refused)
    assert 0.3 < answer.retry_after <= 0.6
    again = store.ask("k", TEN, "next", 9)
    assert isinstance(again, Place)
    assert again.queued == 0


def test_asking_again_keeps_the_place(store: Store) -> None:
    """Whoever asks twice has one place, and goes when it is due."""
    for n in range(3):
        store.ask("k", TEN, str(n), 9)
    wait = _wait(store.ask("k", TEN, "w", 9))
    assert _wait(store.ask("k", TEN, "w", 9)) <= wait
    time.sleep(wait)
    due = time.monotonic() + 1
    while _wait(store.ask("k", TEN, "w", 9)) > 0:
        assert time.monotonic() < due


def test_a_place_given_back_is_free(store: Store) -> None:
    """The next takes it; giving back what nobody holds does nothing."""
    for n in range(3):
        store.ask("k", TEN, str(n), 9)
    first, second = store.ask("k", TEN, "x", 9), store.ask("k", TEN, "y", 9)
    store.give_back("k", "x")
    store.give_back("k", "unknown")
    store.give_back("nobody's", "unknown")
    assert _wait(store.ask("k", TEN, "z", 9)) <= _wait(first)
    assert _wait(second) > 0


def test_a_closed_window_holds_everybody(store: Store) -> None:
    """After a 429 nobody goes, not even who had room, and who waits is moved."""
    for n in range(4):
        store.ask("k", TEN, str(n), 9)
    store.close("k", TEN, 2.0)
    assert _wait(store.ask("k", TEN, "3", 9)) > 1.5
    assert _wait(store.ask("k", TEN, "new", 9)) > 1.5
    store.close("fresh", TEN, 2.0)
    assert _wait(store.ask("fresh", TEN, "a", 9)) > 1.5


def test_a_place_used_late_counts_from_then(store: Store) -> None:
    """A request that went out later than at its moment holds those behind it back by as much."""
    quota = Quota(1, 60.0, 0.0)
    store.ask("k", quota, "a", 999)
    store.ask("k", quota, "b", 999)
    time.sleep(0.3)
    store.used("k", quota, "a", 0.1)
    store.used("k", quota, "unknown", 0.1)
    store.used("none", quota, "a", 0.1)
    assert _wait(store.ask("k", quota, "b", 999)) == pytest.approx(59.9, abs=0.08)


def test_a_smaller_limit_holds_for_those_who_wait(store: Store) -> None:
    """When the service names a smaller limit, the queue of the larger one is ordered anew."""
    for n in range(6):
        store.ask("k", Quota(3, 60.0, 0.0), str(n), 999)
    store.ask("k", Quota(1, 60.0, 0.0), "new", 9999)
    assert _wait(store.ask("k", Quota(1, 60.0, 0.0), "5", 9999)) > 170


def test_a_wider_margin_holds_for_those_who_wait(store: Store) -> None:
    """After a 429 the queue keeps the doubled margin from everything that went out in the window."""
    quota = Quota(2, 60.0)
    for n in range(3):
        store.ask("k", quota, str(n), 999)
    before = _wait(store.ask("k", quota, "2", 999))
    store.close("k", quota, 0.001)
    assert _wait(store.ask("k", quota, "2", 999)) == pytest.approx(before + 0.5, abs=0.2)


def test_debts_are_counted(store: Store) -> None:
    """Requests that went out elsewhere take room."""
    assert _wait(store.ask("k", TEN, "a", 9, debt=3)) > 0.3


def test_threads_share_a_window(store: Store) -> None:
    """Twenty threads get twenty places: three now, the rest three by three."""
    waits: list[float] = []

    def ask(n: int) -> None:
        waits.append(_wait(store.ask("k", TEN, str(n), 99)))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wait == 0 for wait in waits) == 3
    assert max(waits) == pytest.approx(6 * 0.6, abs=0.5)


# What each store must survive


def _processes(storage: str, count: int) -> list[float]:
    program = (
        "import sys\n"
        "from resayil.limiters import store_for\n"
        "from resayil.limits import Quota\n"
        "import os\n"
        "for n in range(5):\n"
        f"    print(store_for({storage!r}).ask('k', Quota(3, 60, 0.0), f'{{os.getpid()}}-{{n}}', 999).wait)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    return [float(line) for process in running for line in process.communicate()[0].split()]


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_processes_share_a_window(kind: str, request: pytest.FixtureRequest) -> None:
    """Three processes on one file, or one Redis, let three requests through at once in all."""
    if kind == "file":
        storage = f"file:{request.getfixturevalue('tmp_path')}/limits.json"
    else:
        storage = request.getfixturevalue("redis_server").url
    waits = _processes(storage, 3)
    assert len(waits) == 15
    assert sum(wait == 0 for wait in waits) == 3


def test_a_killed_process_leaves_a_readable_file(tmp_path: Path) -> None:
    """Whoever is killed while writing harms nobody: the file reads, and its lock is free."""
    path = tmp_path / "limits.json"
    program = (
        "from resayil.limit_file import FileStore\n"
        "from resayil.limits import Quota\n"
        f"store = FileStore({str(path)!r})\n"
        "print('go', flush=True)\n"
        "n = 0\n"
        "while True:\n"
        "    n += 1\n"
        "    store.ask('k', Quota(500, 60), str(n), 1e9)\n"
    )
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.07)
        process.kill()
        process.communicate()
        kept = json.loads(path.read_bytes())["plans"]["k"]["entries"]
    before = len(kept)
    assert before > 4
    FileStore(path).ask("k", Quota(500, 60), "after", 1e9)
    assert len(json.loads(path.read_bytes())["plans"]["k"]["entries"]) == before + 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b'{"wall": 1}',
        b'{"wall":1,"boot":"","machine":0,"plans":{"k":3}}',
    ],
)
def test_an_unreadable_file_is_a_full_window(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A state that cannot be read never lets more through; after one window it is as good as new."""
    path = tmp_path / "limits.json"
    path.write_bytes(content)
    now = [1000.0]
    store = FileStore(path, clock=lambda: now[0])
    assert _wait(store.ask("k", TEN, "a", 9)) == pytest.approx(0.6)
    assert "full window" in caplog.text
    assert _wait(store.ask("other", TEN, "a", 9)) == pytest.approx(0.6)
    now[0] += 0.61
    assert _wait(store.ask("k", TEN, "a", 9)) == 0
    assert _wait(store.ask("k", TEN, "b", 9)) == 0


def test_after_a_reboot_the_window_is_what_may_be_left_of_it(tmp_path: Path) -> None:
    """Moments of another boot mean nothing; only what the wall clock says is left of a window is waited."""
    path = tmp_path / "limits.json"
    store = FileStore(path)
    quota = Quota(1, 60, 0.0)
    store.ask("k", quota, "a", 999)
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] - 45}))
    assert 13 < _wait(FileStore(path).ask("k", quota, "b", 999)) <= 15
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] - 4000}))
    assert _wait(FileStore(path).ask("k", quota, "b", 999)) == 0
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] + 4000}))
    assert 59 < _wait(FileStore(path).ask("k", quota, "b", 999)) <= 60


def test_a_deleted_file_is_noticed_by_who_used_it(tmp_path: Path) -> None:
    """A state that vanishes under a process counts as a full window too; for a newcomer it is a beginning."""
    path = tmp_path / "limits.json"
    store = FileStore(path)
    store.ask("k", TEN, "a", 9)
    path.unlink()
    assert _wait(FileStore(path).ask("k", TEN, "b", 9)) == 0
    assert _wait(store.ask("k", TEN, "c", 9)) > 0.3


def test_a_lock_held_for_ever_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock does not come, the store counts as gone."""
    import fcntl  # noqa: PLC0415 - where files are locked

    monkeypatch.setattr("resayil.limit_file.LOCK_TIMEOUT", 0.1)
    with (tmp_path / "limits.json.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="lock"):
            FileStore(tmp_path / "limits.json").ask("k", TEN, "a", 9)


def test_what_is_no_storage_is_refused(tmp_path: Path) -> None:
    """A wrong setting is told at construction, without what may be a password in it."""
    for storage in ("", "disk", "file:", f"file:{tmp_path}/none/limits.json", "redis:host", "http://x"):
        with pytest.raises(ConfigurationError):
            store_for(storage)
    assert store_for(f"file:{tmp_path}/a.json") is store_for(f"file:{tmp_path}/a.json")


def test_a_forked_child_says_that_it_counts_alone() -> None:
    """The child of a fork begins with a copy of the window, and warns."""
    program = (
        "import os, sys, logging\n"
        "logging.basicConfig(stream=sys.stdout, format='%(message)s')\n"
        "from resayil.limit_stores import MEMORY\n"
        "from resayil.limits import Quota\n"
        "quota = Quota(1, 60)\n"
        "MEMORY.ask('k', quota, 'a', 99)\n"
        "child = os.fork()\n"
        "wait = MEMORY.ask('k', quota, 'b', 99).wait\n"
        "assert 59 < wait < 61, wait\n"
        "MEMORY.ask('k', quota, 'c', 999)\n"
        "if child: assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.count("was forked from") == 1
    assert "limit_storage='file:PATH'" in done.stdout


# Redis


def test_a_restarted_redis_is_a_full_window(redis_server: RedisServer) -> None:
    """Who used the lost state closes the window; who comes new to an empty Redis does not."""
    store = RedisStore(redis_server.url)
    quota = Quota(3, 5.0, 0.0)
    store.ask("k", quota, "a", 9)
    store._epochs._seen["k"].at -= 100.0  # noqa: SLF001 - the outage may be long
    redis_server.kill()
    with pytest.raises(StoreError):
        store.ask("k", quota, "b", 9)
    redis_server.start()
    assert _wait(store.ask("k", quota, "b", 9)) == pytest.approx(5.0, abs=0.1)
    assert _wait(RedisStore(redis_server.url).ask("new", quota, "b", 9)) == 0


def test_a_redis_that_answers_nothing_is_no_hang(redis_server: RedisServer) -> None:
    """A frozen server costs half a second, not the call."""
    store = RedisStore(redis_server.url)
    store.ask("k", TEN, "a", 9)
    redis_server.freeze()
    began = time.monotonic()
    with pytest.raises(StoreError):
        store.ask("k", TEN, "b", 9)
    assert time.monotonic() - began < 2
    redis_server.thaw()


def test_no_redis_at_all_is_told(tmp_path: Path) -> None:
    """A closed port is an error of the store, at once."""
    with pytest.raises(StoreError):
        RedisStore(f"redis://127.0.0.1:{free_port()}").ask("k", TEN, "a", 9)
    with pytest.raises(ConfigurationError, match="no address"):
        RedisStore(f"redis://127.0.0.1:port/{tmp_path.name}")


def test_keys_of_redis_vanish(redis_server: RedisServer) -> None:
    """Nothing is left in Redis once no window needs it."""
    store = RedisStore(redis_server.url)
    store.ask("k", Quota(1, 0.05, 0.0), "a", 9)
    store.close("k", Quota(1, 0.05, 0.0), 0.1)
    assert store.client.dbsize() > 0
    due = time.monotonic() + 3
    while store.client.dbsize():
        assert time.monotonic() < due
        time.sleep(0.02)


@pytest.fixture
def pair(redis_server: RedisServer) -> Iterator[RedisStore]:
    """A store on Redis whose clock the test sets."""
    store = RedisStore(redis_server.url)
    yield store
    store.client.close()


Step = tuple[str, int, float]


def _steps() -> st.SearchStrategy[list[Step]]:
    one = st.tuples(
        st.sampled_from(("ask", "ask", "ask", "again", "again", "give_back", "used", "close", "full")),
        st.integers(0, 30),
        st.sampled_from((0.0, 0.001, 0.3, 1.0, 4.0, 11.0)),
    )
    return st.lists(one, min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=_steps(),
    quota=st.builds(
        Quota, st.integers(1, 4), st.sampled_from((2.0, 10.0)), st.none() | st.sampled_from((0.0, 0.3))
    ),
    lower=st.none() | st.integers(1, 4),
)
def test_the_lua_script_is_the_plan(
    pair: RedisStore, steps: list[Step], quota: Quota, lower: int | None
) -> None:
    """Every answer of the script is that of the arithmetic, over any sequence of operations."""
    pair.client.flushall()
    pair._epochs._seen.clear()  # noqa: SLF001 - a flushed server is not a lost one here
    plan, now = Plan(), 1000.0
    for number, (kind, which, pause) in enumerate(steps):
        now += pause + 1e-4
        rate = Quota(lower, quota.window, quota.margin) if lower and number > len(steps) // 2 else quota
        name = f"{number if kind == 'ask' else which}"
        if kind == "give_back":
            plan.give_back(name)
            pair.give_back("k", name)
        elif kind == "used":
            plan.used(rate, name, now, pause)
            pair.used("k", rate, name, pause, now=now)
        elif kind in {"close", "full"}:
            plan.close(rate, now, pause, refused=kind == "close")
            pair.close("k", rate, pause, refused=kind == "close", now=now)
        else:
            ours = plan.ask(rate, name, now, 60.0)
            theirs = pair.ask("k", rate, name, 60.0, now=now)
            assert _shape(theirs) == pytest.approx(_shape(ours), abs=1e-6), (number, kind)


def _shape(answer: Place | Refused) -> tuple[float, ...]:
    return (-1.0, answer.retry_after) if isinstance(answer, Refused) else (answer.wait, float(answer.queued))
