"""A call's exchange that is driven by hand, with outcomes that take as long as they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from core.support import KEY, FakeClock

from resayil.effects import Acquire, Effect, Failure, Head, Read, Send, Sleep, Wait
from resayil.errors import ResayilError
from resayil.flow import Bounds, Exchange, Flow
from resayil.limits import NOW
from resayil.retry import RetryPolicy

URL = "https://example.com/v1/chat/completions"
JSON = {"content-type": "application/json"}


@dataclass
class Call:
    """An exchange, its clock, what it was told and what it did; each outcome comes after some seconds."""

    outcomes: list[Any]
    seconds: list[float] = field(default_factory=list)
    bounds: dict[str, Any] = field(default_factory=dict)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    may_retry: Callable[[ResayilError], bool] = lambda _: True
    body: bytes | None = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    result: Any = None

    def __post_init__(self) -> None:
        self.clock = FakeClock(wall=60.0 * 10**7 + 20)
        settings: dict[str, Any] = {
            "max_body_bytes": 100, "max_error_bytes": 50, "read_timeout": 300.0, "gap_timeout": 60.0,
            "deadline": None, **self.bounds,
        }  # fmt: skip
        clock = self.clock.clock()
        self.exchange = Exchange(KEY, self.policy, Bounds(**settings), clock, self.may_retry, tag="t")

    def flow(self) -> Flow[Any]:
        """It, not begun."""
        return self.exchange.run("POST", URL, self.headers, self.body, self.exchange.read_json)

    def run(self) -> Call:
        """Perform it to its end."""
        outcomes, seconds, flow = iter(self.outcomes), iter(self.seconds), self.flow()
        sent: Any = None
        try:
            while True:
                effect = flow.send(sent)
                self.effects.append(effect)
                sent = None
                if isinstance(effect, Acquire | Send | Read):
                    sent = next(outcomes)
                    self.clock.now += next(seconds, 0.0)
                elif isinstance(effect, Sleep | Wait):
                    self.clock.now += effect.seconds
        except StopIteration as stop:
            self.result = stop.value
        return self

    def error(self) -> Any:
        """What it raises."""
        with pytest.raises(ResayilError) as caught:
            self.run()
        return caught.value

    def of(self, kind: type[Any]) -> list[Any]:
        """Its effects of a kind."""
        return [effect for effect in self.effects if isinstance(effect, kind)]


def answered(*pieces: bytes | Failure | None, status: int = 200, **headers: str) -> list[Any]:
    """The outcomes of a call that is answered at once."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [NOW, Head(status, {**JSON, **named}), *pieces, None]
