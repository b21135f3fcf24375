"""The store of the limit is gone, and comes back."""

from __future__ import annotations

import logging
import time

import pytest
from core.support import MODEL, Scripted
from limits.conftest import RedisServer, free_port
from limits.support import OK, limited

from resayil import (
    LocalRateLimitError,
)


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
