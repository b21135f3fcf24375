"""LangChain's limiter over the core's, for other models that share the key."""

from __future__ import annotations

import pytest
from core.support import KEY

from langchain_resayil import ChatResayil, ResayilRateLimiter
from resayil import Client, LocalRateLimitError

URL = "http://localhost:9/v1"


def test_another_models_requests_take_slots_of_the_key() -> None:
    """The limiter draws on the same window as the clients of its key, and says so without waiting."""
    limiter = ResayilRateLimiter(KEY, URL, requests_per_minute=2, limit_max_wait=0.0)
    assert limiter.acquire(blocking=False)
    assert limiter.acquire()
    assert not limiter.acquire(blocking=False)
    with pytest.raises(LocalRateLimitError):
        limiter.acquire()
    with pytest.raises(LocalRateLimitError):
        Client(KEY, URL, requests_per_minute=2, limit_max_wait=0.0).take_slot()
    assert KEY not in repr(limiter)


async def test_the_limiter_on_an_event_loop() -> None:
    """The same for tasks."""
    limiter = ResayilRateLimiter(KEY, URL, requests_per_minute=1, limit_max_wait=0.0)
    assert await limiter.aacquire()
    assert not await limiter.aacquire(blocking=False)
    with pytest.raises(LocalRateLimitError):
        await limiter.aacquire()


def test_the_packs_own_model_refuses_it() -> None:
    """With it every call would take two slots."""
    with pytest.raises(ValueError, match="would take two"):
        ChatResayil(model="mistral", api_key=KEY, rate_limiter=ResayilRateLimiter(KEY, URL))
