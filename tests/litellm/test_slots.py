"""Slots under LiteLLM: a Router never waits for one, a plain call does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import litellm
import pytest

import litellm_provider
from resayil.emulator import Emulator
from resayil.emulator.server import Server

HELLO = [{"role": "user", "content": "مرحبا"}]


@pytest.fixture
def limited() -> Iterator[Server]:
    """An emulator of its own."""
    litellm_provider.register()
    with Emulator().serve() as server:
        yield server


def _row(server: Server, key: str, **more: Any) -> dict[str, Any]:
    given = {"api_base": server.base_url, "api_key": key, "requests_per_minute": 1, **more}
    return {"model_name": "any", "litellm_params": {"model": "resayil/mistral", **given}}


def test_under_a_router_nobody_waits(limited: Server) -> None:
    """Two calls find the slots of two deployments; the third is refused and told when to come back."""
    keys = [limited.emulator.add_key(plan="pro") for _ in range(2)]
    router = litellm.Router(model_list=[_row(limited, key) for key in keys], num_retries=2)
    for _ in range(2):
        assert router.completion(model="any", messages=HELLO).choices[0].message.content
    with pytest.raises(litellm.RateLimitError) as caught:
        router.completion(model="any", messages=HELLO, num_retries=0)
    assert len(limited.emulator.requests) == 2
    assert 0 < float(caught.value.response.headers["retry-after"]) <= 61


def test_a_deployment_may_wait_after_all(limited: Server) -> None:
    """``limit_max_wait`` of a deployment stands before the rule for Routers."""
    row = _row(limited, limited.key, limit_max_wait=5.0, limit_window=0.3, limit_margin=0.0)
    router = litellm.Router(model_list=[row], num_retries=0)
    for _ in range(2):
        assert router.completion(model="any", messages=HELLO).choices[0].message.content


def test_without_a_router_a_call_waits(limited: Server) -> None:
    """A plain call through LiteLLM waits as the core does."""
    row = _row(limited, limited.key, limit_window=0.3, limit_margin=0.0)["litellm_params"]
    for _ in range(2):
        assert litellm.completion(messages=HELLO, **row).choices[0].message.content
