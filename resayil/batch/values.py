"""What a batch is made of: a source of records, and what became of one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from resayil.credits import Forecast
from resayil.errors import ResayilError
from resayil.messages import ChatRequest, ChatResponse

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a record.

    Attributes:
        result: The answer, or why there is none.
        credits: What it cost, estimated.
    """

    result: ChatResponse | ResayilError
    credits: Decimal = Decimal(0)


class Source(Protocol, Generic[Record]):
    """A format: how records are read, what they ask, and how their answers are written.

    Attributes:
        path: The input.
    """

    path: Path

    @property
    def plan(self) -> Mapping[str, Any]:
        """Everything beside the input's bytes that decides what is asked."""
        ...

    def records(self) -> Iterator[Record]:
        """The records, in order, one at a time.

        Raises:
            ConfigurationError: the file cannot be read as this format.
        """
        ...

    def request(self, record: Record) -> ChatRequest:
        """What a record asks.

        Raises:
            RequestError: nothing that can be asked.
        """
        ...

    def head(self) -> str:
        """What stands before the first line of the output."""
        ...

    def line(self, number: int, record: Record, outcome: Outcome) -> str:
        """The output's line of a record, its line break included."""
        ...


@dataclass(frozen=True, slots=True)
class Totals:
    """The rows with an answer so far, those of earlier runs included.

    Attributes:
        done: Rows that are over, failed ones included.
        failed: Rows that ended in an error.
        prompt_tokens: Tokens of their prompts.
        output_tokens: Tokens of their answers.
        credits: What they cost, estimated.
    """

    done: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    credits: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a run is getting on.

    Attributes:
        total: Rows of the input.
        so_far: The rows that are over.
        rows_per_minute: Rows that became over lately, per minute; ``None`` before there are two.
        eta: Seconds that the rest will take at this rate.
        forecast: Credits that all rows together will cost, at the mean of those that are over.
    """

    total: int
    so_far: Totals
    rows_per_minute: float | None
    eta: float | None
    forecast: Decimal | None


def pace(total: int, so_far: Totals, lately: tuple[int, float]) -> Pace:
    """The pace of a run.

    Args:
        total: Rows of the input.
        so_far: The rows that are over.
        lately: How many became over, within how many seconds.
    """
    rows, seconds = lately
    left = total - so_far.done
    rate = rows / seconds if rows and seconds > 0 else None
    return Pace(
        total,
        so_far,
        None if rate is None else rate * 60,
        None if rate is None else left / rate,
        so_far.credits / so_far.done * total if so_far.done else None,
    )


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a batch would ask and cost, before anything is sent; every figure is an estimate.

    Attributes:
        rows: Rows of the input.
        unusable: Rows that cannot be asked.
        low: Credits at least.
        likely: Credits likely.
        high: Credits at most.
    """

    rows: int = 0
    unusable: int = 0
    low: Decimal = Decimal(0)
    likely: Decimal = Decimal(0)
    high: Decimal = Decimal(0)

    def plus(self, forecast: Forecast | None) -> Prospect:
        """With one more row; ``None`` for one that cannot be asked."""
        if forecast is None:
            return Prospect(self.rows + 1, self.unusable + 1, self.low, self.likely, self.high)
        return Prospect(
            self.rows + 1,
            self.unusable,
            self.low + forecast.low,
            self.likely + forecast.credits,
            self.high + forecast.high,
        )
