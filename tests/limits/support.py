"""What the tests of slots share: clients with a small window, and a chat driven by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.support import KEY, MODEL, FakeClock, answer, json_reply

from resayil import (
    AsyncClient,
    Client,
    ResayilError,
    Settings,
)
from resayil.calls import Calls
from resayil.limits import Place, Quota, Refused
from resayil.messages import ChatRequest, user

TEN = Quota(3, 0.6, 0.0)
URL = "http://localhost:9/v1"
OK = json_reply(answer())
TOO_MANY = json_reply({"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, 429)


def limited(transport: Any, requests: int = 2, window: float = 0.4, **settings: Any) -> Client:
    """A client with a small window."""
    given = {"limit_window": window, "limit_margin": 0.0, "max_retries": 0, **settings}
    return Client(KEY, URL, transport=transport, requests_per_minute=requests, **given)


def async_limited(transport: Any, requests: int = 2, window: float = 0.4, **settings: Any) -> AsyncClient:
    """The same for event loops."""
    given = {"limit_window": window, "limit_margin": 0.0, "max_retries": 0, **settings}
    return AsyncClient(KEY, URL, transport=transport, requests_per_minute=requests, **given)


def drive(settings: dict[str, Any], outcomes: Callable[[Any, FakeClock], Any]) -> tuple[list[Any], Any]:
    """Drive a chat by hand; returns its effects and its result or error."""
    clock = FakeClock()
    calls = Calls(Settings.load(api_key=KEY, base_url=URL, **settings), clock.clock())
    flow = calls.chat(ChatRequest(MODEL, (user("س"),)), {})
    effects: list[Any] = []
    try:
        effect = flow.send(None)
        while True:
            effects.append(effect)
            effect = flow.send(outcomes(effect, clock))
    except StopIteration as stop:
        return effects, stop.value
    except ResayilError as error:
        return effects, error


def wait_of(answer: Place | Refused) -> float:
    """The seconds of a place."""
    assert isinstance(answer, Place)
    return answer.wait
