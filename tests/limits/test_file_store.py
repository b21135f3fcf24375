"""The limit in a file: whatever happens to it, never more than N."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from limits.support import TEN, wait_of

from resayil.limit_file import FileStore
from resayil.limit_stores import StoreError
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


def test_a_lock_held_for_ever_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the lock does not come, the store counts as gone."""
    import fcntl  # noqa: PLC0415 - where files are locked

    monkeypatch.setattr("resayil.limit_file.LOCK_TIMEOUT", 0.1)
    with (tmp_path / "limits.json.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="lock"):
            FileStore(tmp_path / "limits.json").ask("k", TEN, "a", 9)
