"""The batch itself: workers that take a row, ask, and keep what came of it before they take another."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

from resayil.async_client import AsyncClient
from resayil.batch.journal import Journal
from resayil.batch.values import Outcome, Pace, Prospect, Source, Totals, pace
from resayil.credits import Forecast
from resayil.errors import (
    APIConnectionError,
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    InsufficientCreditsError,
    LocalRateLimitError,
    OverloadedError,
    RateLimitError,
    RequestError,
    ResayilError,
)
from resayil.jsontext import dumps
from resayil.messages import ChatRequest, ChatResponse
from resayil.options import RequestOptions
from resayil.tokens import estimate_request

Record = TypeVar("Record")

TAG = "batch"
"""The ledger's word for a batch's calls."""

LATELY = 200
"""Rows over which the rate is measured."""

TRIES = 3
"""Times that a row is taken up while the service refuses it as busy; it may be the row's own fault."""

LONGEST_PAUSE = 60.0
_PASSED_ON = tuple(name for name in RequestOptions.__annotations__)
_LETTERS = 1 << 20


class BudgetSpentError(BudgetExceededError):
    """The batch's budget does not cover another row; nothing was sent for it."""


Check = Callable[[ChatResponse], ResayilError | None]
"""Says why an answer will not do, or ``None``."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a run ended.

    Attributes:
        rows: Rows of the input.
        so_far: The rows that are over, those of earlier runs included.
        asked: Rows that this run asked.
        seconds: How long it took.
        stopped: Why it ended before all rows were over.
    """

    rows: int
    so_far: Totals
    asked: int
    seconds: float
    stopped: ResayilError | None

    @property
    def left(self) -> int:
        """Rows without an answer."""
        return self.rows - self.so_far.done


@dataclass(slots=True)
class _Taken(Generic[Record]):
    number: int
    record: Record
    tries: int = 0


class Batch(Generic[Record]):
    """One input, one output, and the journal between them; to be closed.

    Args:
        source: The input: `JsonLines` or `Table`.
        output: The file to write; a journal stands beside it.
        budget: Credits that all runs together may spend, by estimate.
        concurrency: Rows that are asked at a time.
        patience: Seconds without any answer for which a service that is gone or busy is waited for.
        check: Says why an answer will not do.

    Raises:
        ConfigurationError: the input cannot be read, or the journal is not this input's.
    """

    def __init__(
        self,
        source: Source[Record],
        output: str | Path,
        *,
        budget: Decimal | None = None,
        concurrency: int = 8,
        patience: float = 600.0,
        check: Check | None = None,
    ) -> None:
        self._source = source
        self._output = Path(output)
        self._budget = budget
        self._concurrency = concurrency
        self._patience = patience
        self._check = check
        self.rows, digest = measured(source)
        about = {"input": digest, "model, prompt or schema": _digest(source.plan)}
        self._journal = Journal(self._output, about)
        self._so_far = self._journal.totals()
        self._waiting: deque[_Taken[Record]] = deque()
        self._held = Decimal(0)
        self._asked = self._busy = 0
        self._ended = asyncio.Event()
        self._stopped: ResayilError | None = None
        self._workers: list[asyncio.Task[None]] = []

    @property
    def left(self) -> int:
        """Rows without an answer."""
        return self.rows - self._so_far.done

    def retry_failed(self) -> None:
        """Let the rows that ended in an error be asked again."""
        self._journal.forget_failed()
        self._so_far = self._journal.totals()

    def stop(self) -> None:
        """Take no more rows; those under way are waited for."""
        self._ended.set()

    def drop(self) -> None:
        """Take no more rows, and let go of those under way."""
        self._ended.set()
        for worker in self._workers:
            worker.cancel()

    async def run(
        self, clients: Sequence[AsyncClient], tell: Callable[[Pace], object] = lambda _: None
    ) -> Summary:
        """Ask what has no answer yet, and write the output; what is there of it, where the run was stopped.

        Args:
            clients: Among whom the rows are shared out; one that cannot be reached drops out.
            tell: Told of the pace after each row.
        """
        began = time.monotonic()
        self._moments: deque[float] = deque([began], LATELY)
        self._next = self._unanswered()
        tell(self._pace())
        try:
            async with asyncio.TaskGroup() as group:
                self._workers = [
                    group.create_task(self._work(clients[n % len(clients)], tell))
                    for n in range(self._concurrency)
                ]
        finally:
            self._journal.write(self._output, self._source.head())
        seconds = time.monotonic() - began
        over = self._so_far.done == self.rows
        return Summary(self.rows, self._so_far, self._asked, seconds, None if over else self._stopped)

    def _unanswered(self) -> Iterator[_Taken[Record]]:
        over = bytearray(self.rows)
        for number in self._journal.numbers():
            over[number] = 1
        for number, record in enumerate(self._source.records()):
            if not over[number]:
                yield _Taken(number, record)

    async def _take(self) -> _Taken[Record] | None:
        """The next row; ``None`` once there is none and nobody can put one back."""
        while not self._ended.is_set():
            taken = self._waiting.popleft() if self._waiting else next(self._next, None)
            if taken is not None or not self._busy:
                return taken
            await self._pause(1.0)
        return None

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the run goes on."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    async def _work(self, client: AsyncClient, tell: Callable[[Pace], object]) -> None:
        pause = 1.0
        while (taken := await self._take()) is not None:
            self._busy += 1
            try:
                outcome = await self._ask(client, taken)
            except ResayilError as error:
                self._waiting.append(taken)
                self._busy -= 1
                if self._is_over(error):
                    self._stopped = error
                    return
                await self._pause(min(max(pause, error.retry_after or 0), LONGEST_PAUSE))
                pause *= 2
            else:
                self._keep(taken, outcome)
                self._busy -= 1
                tell(self._pace())
                pause = 1.0

    def _is_over(self, error: ResayilError) -> bool:
        """Whether an error ends a worker; else the row is taken up again after a pause."""
        silence = time.monotonic() - self._moments[-1]
        return not _passes(error) or silence > self._patience

    async def _ask(self, client: AsyncClient, taken: _Taken[Record]) -> Outcome:
        """What becomes of a row.

        Raises:
            ResayilError: nothing, for a reason that is not the row's.
        """
        try:
            request = self._source.request(taken.record)
        except RequestError as error:
            return Outcome(error)
        high = forecast(client, request).high
        self._hold(high)
        try:
            self._asked += not taken.tries
            taken.tries += 1
            options: Any = {name: getattr(request, name) for name in _PASSED_ON}
            headers = {"idempotency-key": self._journal.key(taken.number)}
            answer = await client.chat(
                request.model, request.messages, **options, tag=TAG, extra_headers=headers
            )
        except ResayilError as error:
            if _is_not_the_rows(error, taken.tries):
                raise
            return Outcome(error, spent(client, request.model, error))
        finally:
            self._held -= high
        paid = spent(client, request.model, answer)
        return Outcome((self._check and self._check(answer)) or answer, paid)

    def _hold(self, high: Decimal) -> None:
        """Set a row's highest cost aside.

        Raises:
            BudgetSpentError: the budget does not cover it.
        """
        if self._budget is not None:
            left = self._budget - self._so_far.credits - self._held
            if high > left:
                raise BudgetSpentError(
                    f"The next row may cost {high:f} credits (estimated), and {left:f} of the budget of "
                    f"{self._budget:f} are left. Raise the budget and run the same command again."
                )
        self._held += high

    def _keep(self, taken: _Taken[Record], outcome: Outcome) -> None:
        line = self._source.line(taken.number, taken.record, outcome)
        self._journal.add(taken.number, line, outcome)
        usage, known = outcome.result.usage, self._so_far
        self._so_far = Totals(
            known.done + 1,
            known.failed + isinstance(outcome.result, ResayilError),
            known.prompt_tokens + (usage.input_tokens if usage else 0),
            known.output_tokens + (usage.output_tokens if usage else 0),
            known.credits + outcome.credits,
        )
        self._moments.append(time.monotonic())
        if self._so_far.done == self.rows:
            self._ended.set()

    def _pace(self) -> Pace:
        lately = len(self._moments) - 1, time.monotonic() - self._moments[0]
        return pace(self.rows, self._so_far, lately)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _passes(error: ResayilError) -> bool:
    """Whether what is wrong may be over by itself: nobody is there, or there is too much to do."""
    if isinstance(error, APIConnectionError):
        return error.phase in {"connect", "pool"}
    return isinstance(error, OverloadedError | RateLimitError | LocalRateLimitError)


def _is_not_the_rows(error: ResayilError, tries: int) -> bool:
    """Whether another row would have met the same error, so that this one is not to blame."""
    if isinstance(error, OverloadedError):
        return tries < TRIES
    if isinstance(error, APIConnectionError) and error.phase == "certificate":
        return True
    return _passes(error) or isinstance(
        error, ConfigurationError | AuthenticationError | InsufficientCreditsError
    )


def spent(client: AsyncClient, model: str, result: ChatResponse | ResayilError) -> Decimal:
    """What a call has cost, estimated; nothing where no usage was told."""
    if result.usage is None:
        return Decimal(0)
    return client.credit_policy.estimate(result.usage, model, client.catalogue)


def forecast(client: AsyncClient, request: ChatRequest) -> Forecast:
    """What a request will cost, estimated here: nothing is sent."""
    return client.credit_policy.forecast(
        estimate_request(request),
        request.model,
        client.catalogue,
        max_output=request.max_tokens or client.settings.assumed_output,
    )


def prospect(source: Source[Any], client: AsyncClient) -> Prospect:
    """What a whole input would cost; nothing is sent."""
    found = Prospect()
    for record in source.records():
        try:
            found = found.plus(forecast(client, source.request(record)))
        except RequestError:
            found = found.plus(None)
    return found


def measured(source: Source[Any]) -> tuple[int, str]:
    """How many rows an input has, and what tells it from every other one."""
    digest = hashlib.sha256()
    try:
        with source.path.open("rb") as file:
            while piece := file.read(_LETTERS):
                digest.update(piece)
    except OSError as error:
        raise ConfigurationError(f"The input cannot be read: {error}.") from error
    return sum(1 for _ in source.records()), digest.hexdigest()


def _digest(plan: Mapping[str, Any]) -> str:
    return hashlib.sha256(dumps(dict(plan)).encode()).hexdigest()
