"""Three stores, one table of scenarios; and what each must survive."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from limits.support import TEN, wait_of

from resayil.errors import ConfigurationError
from resayil.limit_stores import Store
from resayil.limiters import store_for
from resayil.limits import Place, Quota, Refused


def test_a_full_window_makes_the_next_wait(store: Store) -> None:
    """N go at once, the next ones at the window's end, each told how many are before it."""
    assert [wait_of(store.ask("k", TEN, str(n), 9)) for n in range(3)] == [0, 0, 0]
    fourth, fifth = store.ask("k", TEN, "3", 9), store.ask("k", TEN, "4", 9)
    assert 0.3 < wait_of(fourth) <= 0.6
    assert isinstance(fifth, Place)
    assert fifth.queued == 1


def test_keys_do_not_share(store: Store) -> None:
    """Another key's window is another window."""
    for n in range(4):
        store.ask("k", TEN, str(n), 9)
    assert wait_of(store.ask("other", TEN, "a", 9)) == 0


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
    wait = wait_of(store.ask("k", TEN, "w", 9))
    assert wait_of(store.ask("k", TEN, "w", 9)) <= wait
    time.sleep(wait)
    due = time.monotonic() + 1
    while wait_of(store.ask("k", TEN, "w", 9)) > 0:
        assert time.monotonic() < due


def test_a_place_given_back_is_free(store: Store) -> None:
    """The next takes it; giving back what nobody holds does nothing."""
    for n in range(3):
        store.ask("k", TEN, str(n), 9)
    first, second = store.ask("k", TEN, "x", 9), store.ask("k", TEN, "y", 9)
    store.give_back("k", "x")
    store.give_back("k", "unknown")
    store.give_back("nobody's", "unknown")
    assert wait_of(store.ask("k", TEN, "z", 9)) <= wait_of(first)
    assert wait_of(second) > 0


def test_a_closed_window_holds_everybody(store: Store) -> None:
    """After a 429 nobody goes, not even who had room, and who waits is moved."""
    for n in range(4):
        store.ask("k", TEN, str(n), 9)
    store.close("k", TEN, 2.0)
    assert wait_of(store.ask("k", TEN, "3", 9)) > 1.5
    assert wait_of(store.ask("k", TEN, "new", 9)) > 1.5
    store.close("fresh", TEN, 2.0)
    assert wait_of(store.ask("fresh", TEN, "a", 9)) > 1.5


def test_a_place_used_late_counts_from_then(store: Store) -> None:
    """A request that went out later than at its moment holds those behind it back by as much."""
    quota = Quota(1, 60.0, 0.0)
    store.ask("k", quota, "a", 999)
    store.ask("k", quota, "b", 999)
    time.sleep(0.3)
    store.used("k", quota, "a", 0.1)
    store.used("k", quota, "unknown", 0.1)
    store.used("none", quota, "a", 0.1)
    assert wait_of(store.ask("k", quota, "b", 999)) == pytest.approx(59.9, abs=0.08)


def test_a_smaller_limit_holds_for_those_who_wait(store: Store) -> None:
    """When the service names a smaller limit, the queue of the larger one is ordered anew."""
    for n in range(6):
        store.ask("k", Quota(3, 60.0, 0.0), str(n), 999)
    store.ask("k", Quota(1, 60.0, 0.0), "new", 9999)
    assert wait_of(store.ask("k", Quota(1, 60.0, 0.0), "5", 9999)) > 170


def test_a_wider_margin_holds_for_those_who_wait(store: Store) -> None:
    """After a 429 the queue keeps the doubled margin from everything that went out in the window."""
    quota = Quota(2, 60.0)
    for n in range(3):
        store.ask("k", quota, str(n), 999)
    before = wait_of(store.ask("k", quota, "2", 999))
    store.close("k", quota, 0.001)
    assert wait_of(store.ask("k", quota, "2", 999)) == pytest.approx(before + 0.5, abs=0.2)


def test_debts_are_counted(store: Store) -> None:
    """Requests that went out elsewhere take room."""
    assert wait_of(store.ask("k", TEN, "a", 9, debt=3)) > 0.3


def test_threads_share_a_window(store: Store) -> None:
    """Twenty threads get twenty places: three now, the rest three by three."""
    waits: list[float] = []

    def ask(n: int) -> None:
        waits.append(wait_of(store.ask("k", TEN, str(n), 99)))

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


@pytest.mark.parametrize("kind", ["file", "redis"])
def test_who_is_killed_in_the_queue_costs_one_moment(kind: str, request: pytest.FixtureRequest) -> None:
    """A place whose holder got kill -9 passes unused; those behind keep theirs, and nothing of it is left."""
    if kind == "file":
        storage = f"file:{request.getfixturevalue('tmp_path')}/limits.json"
    else:
        storage = request.getfixturevalue("redis_server").url
    store, quota = store_for(storage), Quota(1, 1.0, 0.0)
    program = (
        "import sys, time\n"
        "from resayil.limiters import store_for\n"
        "from resayil.limits import Quota\n"
        f"store = store_for({storage!r})\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(store.ask('k', Quota(1, 1.0, 0.0), 'dead', 99).wait, flush=True)\n"
        "time.sleep(99)\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:  # type: ignore[call-overload] # the pipes
        assert process.stdout.readline() == "ready\n"
        assert wait_of(store.ask("k", quota, "a", 99)) == 0
        process.stdin.write("go\n")
        process.stdin.flush()
        assert 0 < float(process.stdout.readline()) <= 1
        process.kill()
    wait = wait_of(store.ask("k", quota, "b", 99))
    assert 1 < wait <= 2
    time.sleep(wait)
    due = time.monotonic() + 1
    while wait_of(store.ask("k", quota, "b", 99)) > 0:
        assert time.monotonic() < due
    assert 0.5 < wait_of(store.ask("k", quota, "c", 99)) <= 1


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
