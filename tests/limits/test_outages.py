"""The store of the limit is gone, and comes back."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

import pytest
from core.support import MODEL, Scripted, json_reply
from limits.conftest import RedisServer, free_port
from limits.support import OK, limited, wait_of

from resayil import (
    LocalRateLimitError,
    RateLimitError,
)
from resayil.limit_file import FileStore
from resayil.limit_stores import MEMORY
from resayil.limiters import Keeper, Limiter
from resayil.limits import Quota


def test_l07_a_store_that_is_gone_leaves_a_share(caplog: pytest.LogCaptureFixture) -> None:
    """L07: without Redis each process has N/processes, one warning is logged, nothing hangs or crashes."""
    storage = f"redis://127.0.0.1:{free_port()}"
    transport = Scripted(OK)
    client = limited(transport, 8, 60.0, limit_storage=storage, limit_processes=4, limit_max_wait=0.0)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "resayil"):
        for _ in range(2):
            client.chat(MODEL, "س")
        with pytest.raises(LocalRateLimitError):
            client.chat(MODEL, "س")
    assert time.monotonic() - began < 3
    assert len(transport.requests) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "limit_processes" in caplog.text


def test_l07_redis_dies_and_comes_back(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """L07: after Redis is killed one window passes in silence, then the share goes; back again, all of it."""
    transport = Scripted(OK)
    client = limited(transport, 4, 1.0, limit_storage=redis_server.url, limit_processes=2)
    sent: list[float] = []

    def call() -> None:
        client.chat(MODEL, "س")
        sent.append(time.monotonic())

    for _ in range(4):
        call()
    redis_server.kill()
    killed = time.monotonic()
    with caplog.at_level(logging.WARNING, "resayil"):
        call()
        call()
    assert sent[4] - killed > 0.9
    redis_server.start()
    for _ in range(6):
        call()
    for start in sent:
        assert sum(start <= at < start + 0.99 for at in sent) <= 4
    assert sum("is gone" in record.message for record in caplog.records) == 1


def test_l07_a_429_without_the_store_holds_this_process_back() -> None:
    """L07: what the service says while the store is gone is kept by whoever was told."""
    too_many = json_reply({"error": {"message": "slow down"}}, 429, **{"retry-after": "30"})
    transport = Scripted(too_many, OK)
    storage = f"redis://127.0.0.1:{free_port()}"
    client = limited(transport, 8, 60.0, limit_storage=storage, limit_max_wait=0.0)
    with pytest.raises(RateLimitError):
        client.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError) as caught:
        client.chat(MODEL, "س")
    assert 25 < (caught.value.retry_after or 0) < 31
    assert len(transport.requests) == 1


def _kept(tmp_path: Path) -> tuple[Keeper, Path]:
    """A key's store, and the folder without which it is gone."""
    folder = tmp_path / "shared"
    folder.mkdir()
    return Keeper("k", FileStore(folder / "limits.json")), folder


def test_l07_a_place_used_late_counts_from_then_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L07: a request that was late to go out is reported as late, be the store there or not."""
    keeper, folder = _kept(tmp_path)
    now = [time.monotonic()]
    monkeypatch.setattr(MEMORY, "_clock", lambda: now[0])
    shutil.rmtree(folder)
    limiter = Limiter(keeper, Quota(1, 60.0, 0.0))
    assert wait_of(limiter.ask("a", 99)) == 0
    now[0] += 5
    assert wait_of(limiter.ask("b", 99)) == pytest.approx(55)
    limiter.used("a", 2.0)
    assert wait_of(limiter.ask("b", 99)) == pytest.approx(58)


@pytest.mark.parametrize("what", ["used", "close", "give_back"])
def test_l07_a_store_that_goes_in_between(
    what: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """L07: whatever is told to it first, nothing is raised; what is given back there stays taken."""
    keeper, folder = _kept(tmp_path)
    quota = Quota(2, 60.0, 0.0)
    assert wait_of(keeper.ask(quota, quota, "a", 99)) == 0
    shutil.rmtree(folder)
    with caplog.at_level(logging.DEBUG, "resayil"):
        match what:
            case "used":
                keeper.used(quota, quota, "a", 0.0)
            case "close":
                keeper.close(quota, quota, 30.0, refused=True)
            case "give_back":
                keeper.give_back("a")
    told = "counts as used" if what == "give_back" else "store is gone (FileNotFoundError"
    assert [told in record.message for record in caplog.records] == [True]
    assert keeper.down is (what != "give_back")


def test_l07_nothing_is_sent_where_that_was_set(caplog: pytest.LogCaptureFixture) -> None:
    """L07, the other policy: while the storage is gone every request is refused at once, with one warning."""
    storage = f"redis://127.0.0.1:{free_port()}"
    transport = Scripted(OK)
    client = limited(transport, 8, 60.0, limit_storage=storage, limit_when_gone="refuse")
    with caplog.at_level(logging.WARNING, "resayil"):
        for _ in range(3):
            with pytest.raises(LocalRateLimitError, match="storage is gone") as caught:
                client.chat(MODEL, "س")
            assert caught.value.retry_after == 1.0
    assert not transport.requests
    assert [record.levelname for record in caplog.records] == ["WARNING"]
