"""A table: a prompt made of each row's cells, perhaps a picture, and answers in columns beside them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from resayil.batch.values import Outcome
from resayil.errors import ConfigurationError, ImageError, RequestError
from resayil.images import ImagePart, image_from_path, image_from_url
from resayil.messages import ChatRequest, ChatResponse, JSONFormat, Message, system, user

LONGEST_CELL = 64 * 1024 * 1024
"""Characters of the longest cell: a picture as a data URL is one."""

ADDED = ("answer", "error", "prompt_tokens", "output_tokens", "credits")
_DELIMITERS = ",;\t"


class Template:
    """A text with columns in braces: ``{name}``; a brace itself is written twice.

    Raises:
        ConfigurationError: a brace without its other one, or something in braces that is no column's name.
    """

    def __init__(self, text: str, columns: list[str]) -> None:
        try:
            pieces = list(Formatter().parse(text))
        except ValueError as error:
            raise ConfigurationError(
                f"The prompt template cannot be read: {error}; write {{{{ for a brace."
            ) from None
        self._pieces: list[tuple[str, int | None]] = []
        for before, name, rest, conversion in pieces:
            if name is not None and (name not in columns or rest or conversion):
                raise ConfigurationError(
                    f"The prompt template names {{{name}}}, and the columns are: {', '.join(columns)}."
                )
            self._pieces.append((before, None if name is None else columns.index(name)))

    def filled(self, cells: list[str]) -> str:
        """The text of a row; cells go in as they are."""
        return "".join(before + ("" if n is None else cells[n]) for before, n in self._pieces)


class Table:
    """A CSV file with a header, in UTF-8; its delimiter is a comma, a semicolon or a tab.

    Args:
        path: The file.
        model: The model that answers.
        prompt: The user's text, with columns in braces.
        system_prompt: The system's text, likewise.
        image: The column that names a picture: a path beside the file, a data URL or an https URL.
        schema: JSON schema of the answers.
        max_tokens: Upper bound of an answer, in tokens.
        temperature: 0 to 2.

    Raises:
        ConfigurationError: no header, or a template or column that it does not have.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        model: str,
        prompt: str,
        system_prompt: str = "",
        image: str | None = None,
        schema: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> None:
        self.path = Path(path)
        csv.field_size_limit(LONGEST_CELL)
        self._marked, self._delimiter, self.columns = self._header()
        self._prompt = Template(prompt, self.columns)
        self._system = Template(system_prompt, self.columns)
        if image is not None and image not in self.columns:
            raise ConfigurationError(
                f"There is no column {image!r}; the columns are: {', '.join(self.columns)}."
            )
        self._image = None if image is None else self.columns.index(image)
        self._asked: dict[str, Any] = {
            "model": model,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "response_format": schema and JSONFormat(schema, str(schema.get("title", "response"))),
        }
        self._said = {"prompt": prompt, "system": system_prompt, "image": image}

    @property
    def plan(self) -> Mapping[str, Any]:
        """See `Source.plan`."""
        wanted = self._asked["response_format"]
        return {**self._said, **self._asked, "response_format": wanted and wanted.schema}

    def _header(self) -> tuple[bool, str, list[str]]:
        try:
            with self.path.open(newline="", encoding="utf-8") as lines:
                first = lines.readline()
            delimiter = max(_DELIMITERS, key=first.count)
            columns = next(self._read(delimiter), [])
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error
        if not any(columns):
            raise ConfigurationError(f"{self.path} has no header: its first line names the columns.")
        return first.startswith("\ufeff"), delimiter, columns

    def _unreadable(self, error: Exception) -> ConfigurationError:
        hint = " Save it as CSV in UTF-8." if isinstance(error, UnicodeDecodeError) else ""
        return ConfigurationError(f"The input {str(self.path)!r} cannot be read: {error}.{hint}")

    def _read(self, delimiter: str) -> Iterator[list[str]]:
        with self.path.open(newline="", encoding="utf-8-sig") as lines:
            yield from csv.reader(lines, delimiter=delimiter)

    def records(self) -> Iterator[list[str]]:
        """The rows that are not blank, without the header."""
        rows = self._read(self._delimiter)
        try:
            next(rows, None)
            yield from (row for row in rows if row)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise self._unreadable(error) from error

    def request(self, record: list[str]) -> ChatRequest:
        """See `Source.request`."""
        if len(record) != len(self.columns):
            raise RequestError(f"The row has {len(record)} cells, the header {len(self.columns)}.")
        said = user(self._prompt.filled(record), *self._pictures(record))
        told = self._system.filled(record)
        messages: tuple[Message, ...] = (system(told), said) if told else (said,)
        return ChatRequest(messages=messages, **self._asked)

    def _pictures(self, record: list[str]) -> Iterator[ImagePart]:
        named = "" if self._image is None else record[self._image].strip()
        if named.startswith(("data:", "https:", "http:")):
            yield image_from_url(named)
        elif named:
            path = self.path.parent / named
            if not path.resolve().is_relative_to(self.path.parent.resolve()):
                raise ImageError(f"The picture {named!r} is not beside the table; only those are sent.")
            yield image_from_path(path)

    def head(self) -> str:
        """The columns, with those of the answers; the mark that Excel writes stays."""
        taken = [*self.columns]
        for name in ADDED:
            taken.append(name if name not in taken else f"{name}_2")
        return ("\ufeff" if self._marked else "") + self._written(taken)

    def line(self, number: int, record: list[str], outcome: Outcome) -> str:  # noqa: ARG002 - the protocol's
        """See `Source.line`."""
        width = len(self.columns)
        cells = [*record[:width], *[""] * (width - len(record))]
        result, usage = outcome.result, outcome.result.usage
        said, failure = (
            (result.text, "")
            if isinstance(result, ChatResponse)
            else (result.partial_text, f"{type(result).__name__}: {result.message}")
        )
        tokens = (str(usage.input_tokens), str(usage.output_tokens)) if usage else ("", "")
        return self._written([*cells, said, failure, *tokens, f"{outcome.credits.normalize():f}"])

    def _written(self, cells: list[str]) -> str:
        line = io.StringIO()
        csv.writer(line, delimiter=self._delimiter, lineterminator="\n").writerow(cells)
        return line.getvalue()
