"""Who is charged for what, over thousands of calls that fail at random."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
from faults.outcome import KEY
from faults.replies import MODEL
from faults.server import Close, served
from proofs import record
from soak.gateway import TEXT, WAYS, Gateway, Way

from resayil import AsyncClient, Client, ResayilError

SETTINGS = {"read_timeout": 2.0, "connect_timeout": 30.0, "unhinted_429": "backoff", "max_connections": 200}
CALLS = 200
"""Calls on each of the clients; the full run makes 10,000 altogether."""


@dataclass
class Told:
    """What the callers were told, by idempotency key.

    Attributes:
        billed: Attempts that may have been charged beside the answer.
        attempts: Requests.
        answers: Calls that got their answer.
        errors: How the others ended.
    """

    billed: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    answers: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)

    def answer(self, identity: str, text: str, attempts: int, billed: int) -> None:
        """A call got its answer."""
        assert text == TEXT
        self.answers.add(identity)
        self.attempts[identity], self.billed[identity] = attempts, billed

    def error(self, identity: str, error: ResayilError) -> None:
        """A call ended in an error of the pack."""
        self.errors[type(error).__name__] += 1
        self.attempts[identity], self.billed[identity] = error.attempts, error.maybe_billed


def plans(count: int) -> Iterator[tuple[str, str, bool]]:
    """Calls: their names, dialects, and whether they stream."""
    for n in range(count):
        yield f"call-{n}", ("chat", "messages")[n % 2], n % 4 < 2


def in_threads(url: str, count: int, told: Told) -> None:
    """Make so many calls in threads, over one client."""
    with Client(KEY, url, **SETTINGS) as client, ThreadPoolExecutor(64) as pool:

        def call(plan: tuple[str, str, bool]) -> None:
            name, api, streams = plan
            name = f"thread {name}"
            given = {"api": api, "extra_headers": {"idempotency-key": name}}
            try:
                if streams:
                    stream = client.stream(MODEL, "?", **given)
                    text, response = "".join(stream.text()), stream.response()
                else:
                    response = client.chat(MODEL, "?", **given)
                    text = response.text
                told.answer(name, text, response.attempts, response.maybe_billed)
            except ResayilError as error:
                told.error(name, error)

        list(pool.map(call, plans(count)))


async def on_a_loop(url: str, count: int, told: Told) -> None:
    """Make so many calls as tasks, over one client."""
    turn = asyncio.Semaphore(100)
    async with AsyncClient(KEY, url, **SETTINGS) as client:

        async def call(plan: tuple[str, str, bool]) -> None:
            name, api, streams = plan
            name = f"task {name}"
            given = {"api": api, "extra_headers": {"idempotency-key": name}}
            async with turn:
                try:
                    if streams:
                        stream = await client.stream(MODEL, "?", **given)
                        text, response = "".join([part async for part in stream.text()]), stream.response()
                    else:
                        response = await client.chat(MODEL, "?", **given)
                        text = response.text
                    told.answer(name, text, response.attempts, response.maybe_billed)
                except ResayilError as error:
                    told.error(name, error)

        async with asyncio.TaskGroup() as group:
            for plan in plans(count):
                group.create_task(call(plan))


def played(count: int, ways: Mapping[str, Way]) -> tuple[Gateway, Told]:
    """So many calls in threads and on a loop each, on a gateway that fails in these ways."""
    gateway, told = Gateway(random.Random(count), ways), Told()  # noqa: S311 - faults, not secrets
    with served([]) as server:
        server.answer_by(gateway.choose)
        in_threads(server.url(), count, told)
        asyncio.run(on_a_loop(server.url(), count, told))
        assert not server.log.strange
    assert not gateway.strangers
    assert len(told.attempts) == 2 * count
    return gateway, told


@pytest.mark.parametrize(
    "count", [CALLS, pytest.param(5_000, marks=pytest.mark.prove)], ids=["small", "ten thousand"]
)
def test_every_charge_is_accounted_for_one_for_one(count: int) -> None:
    """No answered request is sent again, and each charge beside a call's answer is counted by the client."""
    gateway, told = played(count, WAYS)
    accounts = gateway.accounts
    assert {name: account.requests for name, account in accounts.items()} == dict(told.attempts)
    assert [name for name, account in accounts.items() if account.after_an_answer] == []
    beside = {name: account.worked - (name in told.answers) for name, account in accounts.items()}
    assert beside == dict(told.billed)
    if count > CALLS:
        assert gateway.taken.keys() == WAYS.keys()
        figures = {
            "calls": 2 * count,
            "requests": gateway.taken.total(),
            "answered calls": len(told.answers),
            "charges beside an answer": sum(beside.values()),
            "counted as maybe_billed": told.billed.total(),
            "answered requests sent again": 0,
            "errors": dict(told.errors.most_common()),
            "ways": dict(gateway.taken.most_common()),
        }
        record("billing", figures)


def test_no_charge_is_missed_where_connections_close_unannounced() -> None:
    """A request may then meet a closing connection; it is counted too, in case it was read."""
    closing = Way(30, worked=True, answered=True, play=lambda wire: [*wire.good(TEXT), Close()])
    gateway, told = played(
        100, {name: WAYS[name] for name in ("answer", "closed", "reset", "500")} | {"closing": closing}
    )
    for name, account in gateway.accounts.items():
        beside, unseen = account.worked - (name in told.answers), told.attempts[name] - account.requests
        assert not account.after_an_answer
        assert beside <= told.billed[name] <= beside + unseen
