"""The limit in a file: whatever happens to it, never more than N."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from limits.support import TEN, wait_of

from resayil.limit_file import KEPT, FileStore
from resayil.limit_stores import Life, StoreError
from resayil.limits import Quota


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
    assert wait_of(store.ask("k", TEN, "a", 9)) == pytest.approx(0.6)
    assert "full window" in caplog.text
    assert wait_of(store.ask("other", TEN, "a", 9)) == pytest.approx(0.6)
    now[0] += 0.61
    assert wait_of(store.ask("k", TEN, "a", 9)) == 0
    assert wait_of(store.ask("k", TEN, "b", 9)) == 0


def test_after_a_reboot_the_window_is_what_may_be_left_of_it(tmp_path: Path) -> None:
    """Moments of another boot mean nothing; only what the wall clock says is left of a window is waited."""
    path = tmp_path / "limits.json"
    store = FileStore(path)
    quota = Quota(1, 60, 0.0)
    store.ask("k", quota, "a", 999)
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] - 45}))
    assert 13 < wait_of(FileStore(path).ask("k", quota, "b", 999)) <= 15
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] - 4000}))
    assert wait_of(FileStore(path).ask("k", quota, "b", 999)) == 0
    path.write_text(json.dumps({**state, "boot": "another", "wall": state["wall"] + 4000}))
    assert 59 < wait_of(FileStore(path).ask("k", quota, "b", 999)) <= 60


def test_a_deleted_file_is_noticed_by_who_used_it(tmp_path: Path) -> None:
    """A state that vanishes under a process counts as a full window too; for a newcomer it is a beginning."""
    path = tmp_path / "limits.json"
    store = FileStore(path)
    store.ask("k", TEN, "a", 9)
    path.unlink()
    assert wait_of(FileStore(path).ask("k", TEN, "b", 9)) == 0
    assert wait_of(store.ask("k", TEN, "c", 9)) > 0.3


def test_what_nobody_needs_any_more_is_dropped(tmp_path: Path) -> None:
    """The file holds no plan an hour after its last moment, and no budget after its life."""
    path, now = tmp_path / "limits.json", [1000.0]
    store = FileStore(path, clock=lambda: now[0])
    store.ask("old", TEN, "a", 9)
    store.hold("yesterday", "a", 1, 10, Life(-1.0, 60.0))
    store.hold("today", "a", 1, 10, Life(60.0, 60.0))
    now[0] += KEPT + 1
    store.ask("new", TEN, "a", 9)
    kept = json.loads(path.read_bytes())
    assert (list(kept["plans"]), list(kept["purses"])) == (["new"], ["today"])


def test_a_threads_turn_that_does_not_come_is_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another thread of the process stands at the file, the store counts as gone."""
    monkeypatch.setattr("resayil.limit_file.LOCK_TIMEOUT", 0.1)
    store = FileStore(tmp_path / "limits.json")
    with store.state(), pytest.raises(StoreError, match=r"was in use for 0\.1 s"):
        store.ask("k", TEN, "a", 9)
    assert wait_of(store.ask("k", TEN, "a", 9)) == 0


def test_a_forked_child_does_not_wait_for_its_parents_threads(tmp_path: Path) -> None:
    """A child that was forked while a thread stood in line has a line of its own."""
    program = (
        "import os, sys\n"
        "from resayil.limit_file import FileStore\n"
        "from resayil.limits import Quota\n"
        "store = FileStore(sys.argv[1])\n"
        "store._turn.acquire()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    store.ask('k', Quota(3, 60), 'a', 9)\n"
        "    os._exit(0)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    path = tmp_path / "limits.json"
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(path.read_bytes())["plans"]["k"]["entries"]) == 1


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """What cannot be written whole leaves the old state, no half of it, and no file beside it."""
    import resource  # noqa: PLC0415 - POSIX only

    path = tmp_path / "limits.json"
    store = FileStore(path)
    store.ask("k", TEN, "a", 9)
    before, (soft, hard) = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(StoreError, match="File too large"):
            store.ask("k", TEN, "b", 9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"limits.json", "limits.json.lock"}


def test_a_lock_held_for_ever_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock does not come, the store counts as gone."""
    import fcntl  # noqa: PLC0415 - where files are locked

    monkeypatch.setattr("resayil.limit_file.LOCK_TIMEOUT", 0.1)
    with (tmp_path / "limits.json.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="lock"):
            FileStore(tmp_path / "limits.json").ask("k", TEN, "a", 9)
