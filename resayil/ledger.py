"""The ledger: one SQLite file with a line for each call, and never a word of what was said.

Whoever is killed loses the line being written and nothing else. Several processes may write at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from resayil.credits import MICRO, Entry, Interval, micro
from resayil.errors import ConfigurationError
from resayil.messages import Usage as Tokens

PATIENCE = 10.0
"""Seconds that a writer waits for another one."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    at REAL NOT NULL, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    amount INTEGER NOT NULL, estimated INTEGER NOT NULL, tag TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS calls_at ON calls (at);
CREATE TABLE IF NOT EXISTS balances (at REAL NOT NULL, amount INTEGER NOT NULL);
"""

_GROUPS = {
    "day": "strftime('%Y-%m-%d', at, 'unixepoch')",
    "hour": "strftime('%Y-%m-%d %H:00', at, 'unixepoch')",
    "model": "model",
    "tag": "tag",
}


_SPANS = """
WITH spans AS (
    SELECT at AS since, LEAD(at) OVER (ORDER BY at) AS until,
           amount - LEAD(amount) OVER (ORDER BY at) AS charged FROM balances),
told AS (
    SELECT since, until, charged, SUM(calls.amount) AS estimated
    FROM spans JOIN calls ON calls.at > since AND calls.at <= until
    WHERE charged > 0 GROUP BY since HAVING SUM(calls.amount) > 0)
"""
# Intervals in which the balance rose hold a purchase, and tell nothing.
_USAGE = (
    _SPANS
    + """
SELECT {group}, COUNT(*), SUM(prompt_tokens), SUM(output_tokens),
       SUM(CASE WHEN since IS NULL THEN amount ELSE 0 END),
       TOTAL(amount * 1.0 * charged / told.estimated), MAX(since IS NULL)
FROM calls LEFT JOIN told ON at > since AND at <= until WHERE at >= ? GROUP BY 1 ORDER BY 1"""
)
_INTERVALS = (
    _SPANS
    + """
SELECT since, charged, model, SUM(prompt_tokens), SUM(output_tokens)
FROM told JOIN calls ON at > since AND at <= until GROUP BY since, model ORDER BY since, model"""
)
_SUMS = f"{_SPANS} SELECT COALESCE(SUM(charged), 0), COALESCE(SUM(estimated), 0) FROM told"  # noqa: S608 - no word of it comes from outside


@dataclass(frozen=True, slots=True)
class Usage:
    """The calls of a day, a model or a tag together.

    Attributes:
        name: Which.
        calls: How many.
        prompt_tokens: Tokens of their prompts.
        output_tokens: Tokens of their answers.
        credits: Their credits: as charged where two balances around them tell it, else by the policy.
        estimated: Whether any of them are by the policy.
    """

    name: str
    calls: int
    prompt_tokens: int
    output_tokens: int
    credits: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Estimate against balance, over the intervals between balances that tell something.

    Attributes:
        since: Unix time of the first balance, in seconds.
        until: Unix time of the last.
        estimated: Credits of the calls between them, by the policy of the time.
        charged: Credits by which the balance fell meanwhile.
    """

    since: float
    until: float
    estimated: Decimal
    charged: Decimal

    @property
    def ratio(self) -> Decimal | None:
        """Charged credits per estimated one; ``None`` where nothing can be said."""
        return self.charged / self.estimated if self.estimated else None


class Ledger:
    """A ledger's file.

    Args:
        path: Where; made at the first entry.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()

    def checked(self) -> Self:
        """The ledger, once its folder is known to be there.

        Raises:
            ConfigurationError: it is not.
        """
        if not self.path.absolute().parent.is_dir():
            raise ConfigurationError(f"ledger: there is no folder {str(self.path.absolute().parent)!r}.")
        return self

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """A connection of its own for each use: threads, loops and forks need not know of each other."""
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise ConfigurationError(f"The ledger {str(self.path)!r} cannot be used: {error}.") from error

    def enter(self, entry: Entry) -> None:
        """Write a line.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        row = (
            entry.at, entry.model, entry.prompt_tokens, entry.output_tokens, entry.amount,
            entry.estimated, entry.tag,
        )  # fmt: skip
        with self._open() as connection:
            connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def note_balance(self, at: float, credits_left: Decimal) -> None:
        """Keep a balance that the service told, to reconcile the estimates with.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        with self._open() as connection:
            connection.execute("INSERT INTO balances VALUES (?, ?)", (at, micro(credits_left)))

    def entries(self, since: float = 0.0) -> list[Entry]:
        """The calls since a Unix time, oldest first."""
        with self._open() as connection:
            rows = connection.execute("SELECT * FROM calls WHERE at >= ? ORDER BY at", (since,)).fetchall()
        return [
            Entry(at, model, prompt, output, amount, bool(estimated), tag)
            for at, model, prompt, output, amount, estimated, tag in rows
        ]

    def usage(self, by: Literal["day", "hour", "model", "tag"] = "day", since: float = 0.0) -> list[Usage]:
        """The calls since a Unix time, together by day (UTC), hour, model or tag.

        Between two balances each call has its share of what was charged.
        """
        with self._open() as connection:
            rows = connection.execute(_USAGE.format(group=_GROUPS[by]), (since,)).fetchall()
        return [
            Usage(name, calls, prompt, output, Decimal(exact + round(shared)) / MICRO, bool(estimated))
            for name, calls, prompt, output, exact, shared, estimated in rows
        ]

    def total(self, since: float = 0.0) -> Decimal:
        """Credits since a Unix time, by the policy."""
        with self._open() as connection:
            (amount,) = connection.execute(
                "SELECT COALESCE(SUM(amount), 0) FROM calls WHERE at >= ?", (since,)
            ).fetchone()
        return Decimal(amount) / MICRO

    def intervals(self) -> list[Interval]:
        """What lies between each two balances that follow each other, oldest first."""
        found: dict[float, Interval] = {}
        with self._open() as connection:
            for since, charged, model, prompt, output in connection.execute(_INTERVALS):
                interval = found.setdefault(since, Interval(Decimal(charged) / MICRO, {}))
                found[since] = interval._replace(usage={**interval.usage, model: Tokens(prompt, output)})
        return list(found.values())

    def reconciliation(self) -> Reconciliation | None:
        """Estimate against balance; ``None`` until two balances have been read."""
        with self._open() as connection:
            since, until, balances = connection.execute(
                "SELECT MIN(at), MAX(at), COUNT(*) FROM balances"
            ).fetchone()
            charged, estimated = connection.execute(_SUMS).fetchone()
        if balances < 2:  # noqa: PLR2004 - a first and a last
            return None
        return Reconciliation(since, until, Decimal(estimated) / MICRO, Decimal(charged) / MICRO)
