"""What a batch has answered, kept beside its output: one SQLite file, one transaction per row.

A row is in it whole or not at all, whenever the process is killed or the machine loses power. The output is
written from it, so no answer that was paid for hangs on the output's being whole.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from resayil.batch.values import Outcome, Totals
from resayil.credits import MICRO, micro
from resayil.errors import ConfigurationError, ResayilError

SUFFIX = ".journal"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answers (
    number INTEGER PRIMARY KEY, line TEXT NOT NULL, failed INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, amount INTEGER NOT NULL);
"""


class Journal:
    """The journal of one output; only one process holds it at a time.

    Args:
        output: The output's path; the journal stands beside it.
        about: What the rows are answers to, by name; it must be the same each time.

    Raises:
        ConfigurationError: another run holds it, it is of another input, or there is an output without it.
    """

    def __init__(self, output: Path, about: Mapping[str, str]) -> None:
        self.path = output.with_name(output.name + SUFFIX)
        if output.exists() and not self.path.exists():
            raise ConfigurationError(
                f"{output} exists without its journal {self.path.name}, so it is not known what it answers. "
                "Name another output, or move this one away."
            )
        try:
            self._rows = sqlite3.connect(self.path, timeout=0, isolation_level=None)
            self._rows.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._rows.execute("PRAGMA journal_mode=WAL")
            self._rows.execute("PRAGMA synchronous=FULL")
            self._rows.executescript(_SCHEMA)
            self.run = self._checked(about)
        except sqlite3.Error as error:
            reason = "another run is writing it" if "locked" in str(error) else str(error)
            raise ConfigurationError(f"The journal {self.path} cannot be used: {reason}.") from error

    def _checked(self, about: Mapping[str, str]) -> str:
        """The run's name, once the journal is known to be of this input."""
        kept = dict(self._rows.execute("SELECT name, value FROM about").fetchall())
        if not kept:
            kept = {**about, "run": secrets.token_hex(16)}
            with self._transaction():
                self._rows.executemany("INSERT INTO about VALUES (?, ?)", kept.items())
        changed = sorted(name for name, value in about.items() if kept.get(name) != value)
        if changed:
            raise ConfigurationError(
                f"The journal {self.path} was begun with another {' and another '.join(changed)}; its "
                "answers are not those of this command. Give what was given then, or name another output."
            )
        return str(kept["run"])

    def _transaction(self) -> sqlite3.Connection:
        self._rows.execute("BEGIN IMMEDIATE")
        return self._rows

    def key(self, number: int) -> str:
        """The idempotency key of a row: the same however often this run is begun again."""
        return f"{self.run}-{number}"

    def add(self, number: int, line: str, outcome: Outcome) -> None:
        """Keep a row's line for good; when this returns, it survives anything."""
        result = outcome.result
        usage = result.usage
        tokens = (0, 0) if usage is None else (usage.input_tokens, usage.output_tokens)
        self._rows.execute(
            "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
            (number, line, isinstance(result, ResayilError), *tokens, micro(outcome.credits)),
        )

    def forget_failed(self) -> None:
        """Let the rows that ended in an error be asked again, under keys that no reply was given to."""
        self.run = secrets.token_hex(16)
        with self._transaction():
            self._rows.execute("DELETE FROM answers WHERE failed")
            self._rows.execute("UPDATE about SET value = ? WHERE name = 'run'", (self.run,))

    def numbers(self) -> Iterator[int]:
        """The rows that are over."""
        return (number for (number,) in self._rows.execute("SELECT number FROM answers"))

    def totals(self) -> Totals:
        """The rows that are over, together."""
        done, failed, prompt, output, amount = self._rows.execute(
            "SELECT COUNT(*), COALESCE(SUM(failed), 0), COALESCE(SUM(prompt_tokens), 0), "
            "COALESCE(SUM(output_tokens), 0), COALESCE(SUM(amount), 0) FROM answers"
        ).fetchone()
        return Totals(done, failed, prompt, output, Decimal(amount) / MICRO)

    def write(self, output: Path, head: str) -> None:
        """Write the output from the rows that are over, in order; the old one stays until it is whole."""
        partial = output.with_name(f"{output.name}.partial")
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(head)
            for (line,) in self._rows.execute("SELECT line FROM answers ORDER BY number"):
                file.write(line)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(output)

    def close(self) -> None:
        """Let go of the journal."""
        self._rows.close()
