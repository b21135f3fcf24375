"""The Router: status by status, what is sent again, what cools down, and what falls back.

Each row says what this pack wants of a LiteLLM Router; where a LiteLLM cannot give a cell, the row says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import litellm
import pytest
from litellm.router_utils.cooldown_handlers import _async_get_cooldown_deployments

import litellm_provider
from resayil.emulator import Emulator
from resayil.emulator.server import Server

READS_AHEAD = tuple(int(part) for part in version("litellm").split(".")[:2]) >= (1, 108)
"""Whether this LiteLLM's Router reads the first chunk of a stream itself, and so can send it again."""

CONTEXT = {"error": {"code": "context_length_exceeded", "message": "maximum context length is 8192 tokens"}}
POLICY = {"error": {"code": "content_policy_violation", "message": "rejected by our safety system"}}
HELLO = [{"role": "user", "content": "مرحبا"}]


@dataclass(frozen=True)
class Row:
    """One failure.

    Attributes:
        fault: What the bad deployment does.
        error: The class that the caller sees where nothing helps.
        retried: Whether the Router sends again.
        cools: In a group of at least so many deployments one failure cools the bad one down; 0 is never.
    """

    fault: dict[str, Any]
    error: str
    retried: bool = False
    cools: int = 0


MATRIX: dict[str, Row] = {
    "401": Row({"kind": 401}, "AuthenticationError", cools=1),
    "402": Row({"kind": 402}, "PaymentRequiredError", cools=2),
    "403": Row({"kind": 403}, "PermissionDeniedError"),
    "404": Row({"kind": 404}, "NotFoundError", cools=1),
    "422": Row({"kind": 422}, "BadRequestError"),
    "429": Row({"kind": 429}, "RateLimitError", retried=True, cools=2),
    "500": Row({"kind": 500}, "InternalServerError", retried=True),
    "502": Row({"kind": 502}, "BadGatewayError", retried=True),
    "503": Row({"kind": 503}, "ServiceUnavailableError", retried=True),
    "529": Row({"kind": 529}, "ServiceUnavailableError", retried=True),
    "context": Row({"kind": 400, "body": CONTEXT}, "ContextWindowExceededError"),
    "policy": Row({"kind": 400, "body": POLICY}, "ContentPolicyViolationError"),
    "timeout": Row({"kind": "stall", "seconds": 5}, "Timeout", retried=True),
    "refused": Row({"kind": "refused"}, "ServiceUnavailableError", retried=True),
    "empty": Row({"kind": "empty"}, "BadGatewayError", retried=True),
}
MODES = ["call", "stream", "thread", "thread stream"]
PATIENT = 20.0
"""Seconds that a busy machine may take for an answer that comes."""
FALLBACKS: dict[str, Any] = {
    name: [{"chat": ["spare"]}]
    for name in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
}


@pytest.fixture(scope="module")
def bad() -> Iterator[Server]:
    """The service that fails."""
    with Emulator().serve() as running:
        yield running


class Site:
    """A Router over a bad deployment, and a good one where wanted, with a spare group beside."""

    def __init__(self, bad: Server, good: Server) -> None:
        self.bad, self.good = bad, good
        self.routers: list[litellm.Router] = []
        self.timeout = PATIENT
        for server in (bad, good):
            server.emulator.reset()

    def router(self, deployments: int = 1, **settings: Any) -> litellm.Router:
        """A Router that prefers the bad deployment."""
        members = [self.deployment("chat", self.bad, weight=1_000_000)]
        if deployments > 1:
            members.append(self.deployment("chat", self.good, weight=1))
        members.append(self.deployment("spare", self.good))
        return self.over(members, **settings)

    def fails(self, row: Row) -> None:
        """Let the bad deployment fail so from now on; only the case of a timeout is impatient."""
        self.bad.emulator.fault(**row.fault, times=9)
        self.timeout = 0.4 if row.error == "Timeout" else self.timeout

    def over(self, members: list[dict[str, Any]], **settings: Any) -> litellm.Router:
        """A Router over these deployments."""
        router = litellm.Router(
            model_list=members, **{"num_retries": 1, "retry_after": 0, "cooldown_time": 30, **settings}
        )
        self.routers.append(router)
        return router

    def deployment(self, group: str, server: Server, **more: Any) -> dict[str, Any]:
        """One entry of a model list."""
        params = {"model": "resayil/deepseek-v4-flash", "api_key": server.key, "api_base": server.base_url}
        timeout = self.timeout if server is self.bad else PATIENT
        return {"model_name": group, "litellm_params": {**params, "timeout": timeout, **more}}

    @property
    def attempts(self) -> int:
        """How often the bad deployment was asked."""
        return len(self.bad.emulator.requests)

    @property
    def rescued(self) -> int:
        """How often the good one was."""
        return len(self.good.emulator.requests)


@pytest.fixture
def site(bad: Server, server: Server) -> Iterator[Site]:
    """A site without history, whose Routers let go of LiteLLM's global lists: these hold thirty of them."""
    made = Site(bad, server)
    yield made
    for router in made.routers:
        getattr(router, "retire", router.discard)()  # the newer LiteLLM's word for it


async def ask(router: litellm.Router, mode: str) -> str:
    """The answer's text, by one of the four ways to ask."""
    if mode == "call":
        answer = await router.acompletion(model="chat", messages=HELLO)
        return str(answer.choices[0].message.content)
    if mode == "stream":
        stream = await router.acompletion(model="chat", messages=HELLO, stream=True)
        return "".join([part.choices[0].delta.content or "" async for part in stream])
    return await asyncio.to_thread(_ask_in_a_thread, router, stream=mode == "thread stream")


def _ask_in_a_thread(router: litellm.Router, *, stream: bool) -> str:
    if not stream:
        return str(router.completion(model="chat", messages=HELLO).choices[0].message.content)
    parts = router.completion(model="chat", messages=HELLO, stream=True)
    return "".join(part.choices[0].delta.content or "" for part in parts)


async def cooled(router: litellm.Router, expected: int) -> int:
    """Deployments that are cooling down; LiteLLM notes them a moment later."""
    found = 0
    for _ in range(100 if expected else 5):
        found = len(await _async_get_cooldown_deployments(router, parent_otel_span=None))
        if found == expected and expected:
            break
        await asyncio.sleep(0.02)
    return found


def sends_again(mode: str) -> bool:
    """Whether this LiteLLM's Router can retry in this mode: an older one reads a loop's stream too late."""
    return mode != "stream" or READS_AHEAD


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", MATRIX)
async def test_one_deployment_alone(site: Site, case: str, mode: str) -> None:
    """Alone, a deployment is asked again exactly where that may help, and the caller sees the true error."""
    row = MATRIX[case]
    site.fails(row)
    router = site.router()
    kind: type[Exception] = getattr(litellm.exceptions, row.error)
    with pytest.raises(kind):
        await ask(router, mode)
    assert site.attempts == (2 if row.retried and sends_again(mode) else 1)
    if mode == "call":
        expected = 1 if row.cools == 1 else 0
        assert await cooled(router, expected) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", MATRIX)
async def test_a_fallback_answers(site: Site, case: str, mode: str) -> None:
    """With a fallback every failure before the first chunk ends in the fallback's answer, streamed or not."""
    site.fails(MATRIX[case])
    site.good.emulator.reply("من البديل")
    assert await ask(site.router(num_retries=0, **FALLBACKS), mode) == "من البديل"
    assert (site.attempts, site.rescued) == (1, 1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("case", [case for case, row in MATRIX.items() if row.cools and case != "404"])
async def test_another_deployment_takes_over(site: Site, case: str, mode: str) -> None:
    """In a group of two, a refusal of the deployment cools it down, and the other answers from then on."""
    site.fails(MATRIX[case])
    router = site.router(2)
    # LiteLLM never retries a 402, but cools it down; a stream's 429 it cools down only after the retry.
    late = case == "429" and mode == "stream" and READS_AHEAD
    helped = case != "402" and sends_again(mode) and not late
    if helped:
        assert await ask(router, mode)
    else:
        with pytest.raises(getattr(litellm.exceptions, MATRIX[case].error)):
            await ask(router, mode)
    assert site.attempts == (before := 2 if late else 1)
    if mode in {"call", "stream"}:
        assert await cooled(router, 1) == 1
        assert await ask(router, mode)
        assert site.attempts == before


@pytest.mark.parametrize("case", MATRIX)
async def test_the_next_order_answers_a_stream(site: Site, case: str) -> None:
    """Deployments with an `order` fail over inside their group, streams included, on every LiteLLM."""
    row = MATRIX[case]
    if case in {"context", "policy"}:
        pytest.skip("LiteLLM has fallback lists of their own for these two")
    site.fails(row)
    site.good.emulator.reply("التالي")
    first, second = site.deployment("chat", site.bad, order=1), site.deployment("chat", site.good, order=2)
    router = site.over([first, second], num_retries=0)
    assert await ask(router, "stream") == "التالي"


@pytest.mark.parametrize("mode", ["stream", "thread stream"])
@pytest.mark.parametrize("fault", ["error-event", "eof", "reset"])
async def test_after_the_first_chunk_nothing_is_sent_again(site: Site, mode: str, fault: str) -> None:
    """Once content has come, an error in the stream is the caller's: no retry, no fallback."""
    site.bad.emulator.fault(fault, after_events=4, times=9)
    with pytest.raises((litellm.exceptions.ServiceUnavailableError, litellm.exceptions.BadGatewayError)):
        await ask(site.router(2, **FALLBACKS), mode)
    assert (site.attempts, site.rescued) == (1, 0)


async def test_retry_after_is_waited_for(site: Site) -> None:
    """A single deployment's Retry-After, in the header or the body, sets the Router's wait."""
    for told in ({"headers": {"retry-after": "1"}}, {"body": {"error": {"message": "x", "retry_after": 1}}}):
        site.bad.emulator.fault(429, **told)
        began = time.monotonic()
        assert await ask(site.router(), "call")
        assert 1.0 <= time.monotonic() - began < 4


async def test_retry_after_ends_a_cooldown(site: Site) -> None:
    """In a group of two, a deployment is free again after its Retry-After, not after the configured time."""
    site.bad.emulator.fault(429, headers={"retry-after": "1"})
    router = site.router(2)
    assert await ask(router, "call")
    assert await cooled(router, 1) == 1
    await asyncio.sleep(1.2)
    assert await cooled(router, 0) == 0


async def test_a_router_calls_once_per_attempt(site: Site) -> None:
    """The core sends nothing again by itself below a Router, which does the retrying."""
    site.bad.emulator.fault(503, times=9)
    with pytest.raises(litellm.exceptions.ServiceUnavailableError):
        await ask(site.router(num_retries=0), "call")
    assert site.attempts == 1


def test_a_wildcard_takes_any_model(site: Site) -> None:
    """`resayil/*` routes every model of the provider."""
    params = {"model": "resayil/*", "api_key": site.good.key, "api_base": site.good.base_url}
    router = site.over([{"model_name": "resayil/*", "litellm_params": params}])
    for model in ("deepseek-v4-flash", "qwen3-vl:235b-instruct"):
        assert router.completion(model=f"resayil/{model}", messages=HELLO).model == model
        assert site.good.emulator.requests[-1].body["model"] == model


async def test_the_provider_stays_registered(site: Site) -> None:
    """A Router made before `register()` is called again keeps working."""
    router = site.router(num_retries=0)
    litellm_provider.register()
    assert await ask(router, "call")


@pytest.mark.parametrize("mode", MODES)
async def test_the_limit_of_a_key_sends_the_router_elsewhere(site: Site, mode: str) -> None:
    """Where a key's minute is used up nobody waits under a Router: the fallback answers at once."""
    limited = site.deployment("chat", site.bad, requests_per_minute=1, limit_storage="memory")
    limited["litellm_params"]["api_key"] = site.bad.emulator.add_key(plan="pro")
    router = site.over([limited, site.deployment("spare", site.good)], num_retries=0, **FALLBACKS)
    began = time.monotonic()
    for _ in range(3):
        assert await ask(router, mode)
    assert (site.attempts, site.rescued) == (1, 2)
    assert time.monotonic() - began < 10


async def test_the_limit_says_when_to_come_back(site: Site) -> None:
    """Without a fallback the caller gets a RateLimitError with Retry-After, and nothing was sent."""
    limited = site.deployment("chat", site.bad, requests_per_minute=1)
    limited["litellm_params"]["api_key"] = site.bad.emulator.add_key(plan="pro")
    router = site.over([limited], num_retries=0)
    assert await ask(router, "call")
    with pytest.raises(litellm.RateLimitError) as caught:
        await ask(router, "call")
    assert site.attempts == 1
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 61
