"""Slots as callers meet them: who shares them, what is refused, what is told."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import Any

import pytest
from core.support import KEY, MODEL, Scripted, json_reply
from limits.support import OK, URL, async_limited, limited

from resayil import (
    Client,
    LocalRateLimitError,
    RateLimitError,
    Waiting,
)
from resayil.effects import Acquire, Head, Send
from resayil.limits import NOW
from resayil.messages import ChatRequest, user


def test_every_request_takes_one_slot() -> None:
    """Chat, stream, models, count_tokens and billing draw on the same window."""
    catalogue, balance = json_reply({"data": [{"id": "m"}]}), json_reply({"credits": 5})
    counted = json_reply({"input_tokens": 7})
    transport = Scripted(OK, OK, catalogue, counted, balance, OK)
    client = limited(transport, 5, 60.0, limit_max_wait=0.0)
    client.chat(MODEL, "س")
    list(client.stream(MODEL, "س"))
    client.models()
    client.count_tokens(MODEL, "س")
    client.balance()
    with pytest.raises(LocalRateLimitError):
        client.chat(MODEL, "س")
    assert len(transport.requests) == 5


def test_a_slot_for_another_program_is_one_of_the_keys() -> None:
    """What the caller sends by other means is counted, by either client, and waited for as long as told."""
    transport = Scripted(OK)
    client, other = limited(transport, 2, 60.0), async_limited(transport, 2, 60.0)
    client.take_slot()
    asyncio.run(other.take_slot())
    for refused in (
        lambda: client.take_slot(limit_max_wait=0.1),
        lambda: asyncio.run(other.take_slot(limit_max_wait=0.1)),
        lambda: client.chat(MODEL, "س", limit_max_wait=0.1),
    ):
        with pytest.raises(LocalRateLimitError, match=r"limit_max_wait is 0\.1 s"):
            refused()
    assert not transport.requests


def test_each_attempt_takes_a_slot() -> None:
    """A request that is sent again takes another slot (H14)."""
    transport = Scripted(json_reply({}, 503), json_reply({}, 503), OK)
    client = limited(transport, 3, 60.0, limit_max_wait=0.0, max_retries=2)
    # The back-off is a second and two; time does not matter here.
    flow = client._calls.chat(ChatRequest(MODEL, (user("س"),)), {})  # noqa: SLF001 - driven by hand
    effect, sent = flow.send(None), 0
    slots = []
    while sent < 3:
        if isinstance(effect, Acquire):
            slots.append(effect.identity)
            effect = flow.send(NOW)
        elif isinstance(effect, Send):
            sent += 1
            effect = flow.send(Head(503, {}))
        else:
            effect = flow.send(None)
    assert len(set(slots)) == 3


def test_clients_of_a_key_share_and_others_do_not() -> None:
    """Two clients of one key, sync and async, share a window; another key or host has its own."""
    transport = Scripted(OK)
    one = limited(transport, 1, 60.0, limit_max_wait=0.0)
    one.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError):
        limited(transport, 1, 60.0, limit_max_wait=0.0).chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError):
        asyncio.run(async_limited(transport, 1, 60.0, limit_max_wait=0.0).chat(MODEL, "س"))
    other = {"requests_per_minute": 1, "limit_max_wait": 0.0, "transport": transport}
    Client("sk-another-key-0123", URL, **other).chat(MODEL, "س")  # type: ignore[arg-type] # its own settings
    Client(KEY, "http://127.0.0.1:9/v1", **other).chat(MODEL, "س")  # type: ignore[arg-type] # settings by name


def test_l04_a_wait_beyond_the_deadline_is_refused() -> None:
    """L04: nothing is sent, the wait is told, the slot is not consumed."""
    transport = Scripted(OK)
    client = limited(transport, 1, 5.0)
    client.chat(MODEL, "س")
    began = time.monotonic()
    with pytest.raises(LocalRateLimitError, match="deadline") as caught:
        client.chat(MODEL, "س", deadline=1.0)
    assert time.monotonic() - began < 0.5
    assert 4 < (caught.value.retry_after or 0) <= 5
    assert caught.value.attempts == 0
    assert len(transport.requests) == 1
    with pytest.raises(LocalRateLimitError) as again:
        client.chat(MODEL, "س", limit_max_wait=0.5)
    assert (again.value.retry_after or 9) <= (caught.value.retry_after or 0)


def test_the_longest_wait_is_a_setting_and_an_option() -> None:
    """``limit_max_wait`` bounds the wait, per client and per call; ``None`` in the settings is no bound."""
    transport = Scripted(OK)
    client = limited(transport, 1, 0.5, limit_max_wait=None)
    client.chat(MODEL, "س")
    with pytest.raises(LocalRateLimitError, match="limit_max_wait is 0 s"):
        client.chat(MODEL, "س", limit_max_wait=0)
    assert client.chat(MODEL, "س").attempts == 1
    assert client.settings.limit_max_wait is None


def test_l08_a_429_holds_every_worker_back() -> None:
    """L08: when one worker is told to wait, the others of the key wait as well."""
    transport = Scripted(
        json_reply({"error": {"code": "429", "message": "x"}}, 429, **{"retry-after": "1"}), OK
    )
    client = limited(transport, 50, 60.0)
    with pytest.raises(RateLimitError):
        client.chat(MODEL, "س")
    began = time.monotonic()
    limited(transport, 50, 60.0).chat(MODEL, "س")
    assert time.monotonic() - began > 0.9


TAGS = ("نشرة", "night", "chat")


def test_a_long_wait_is_logged_once_and_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait over a second logs one warning that names the setting; ``on_wait`` hears of every wait."""
    told: list[Waiting] = []
    monkeypatch.setattr("resayil.limiters.SHOWN_WAIT", 0.1)
    given: dict[str, Any] = {"limit_window": 0.4, "limit_margin": 0.0, "requests_per_minute": 1}
    client = Client(KEY, URL, transport=Scripted(OK), on_wait=told.append, **given)
    with caplog.at_level(logging.WARNING, "resayil"):
        threads = [
            threading.Thread(target=client.chat, args=(MODEL, "س"), kwargs={"tag": tag}) for tag in TAGS
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(waiting.queued for waiting in told) == [0, 1]
    assert all(0 < waiting.seconds < 0.9 for waiting in told)
    assert len({waiting.tag for waiting in told} & set(TAGS)) == 2
    assert any(waiting.tag in caplog.text for waiting in told)
    assert len(caplog.records) == 1
    assert "RESAYIL_PLAN" in caplog.text
