"""Tools that a prompt describes in its own words, and calls that are asked for as text.

A request without tools is read so when its system text, or the first user turn where there is none, holds
both of these, whoever wrote it:

- tools as JSON: objects with a `name` and a JSON schema under `parameters`, `input_schema` or `schema`, each
  on its own, in a list, or as OpenAI writes them;
- the shape of a call: an object whose first keys are the tool's name and its arguments, with placeholders or
  without, on its own or in a list under a key, in a code fence or bare.

The emulator then answers as a model that follows such an instruction: its calls are text in that shape and
that fence.  An earlier answer in the shape is a call, and the user turn behind it brings its results: rows of
JSON with a `content`, `result` or `output` each, or else the whole turn.  Where the first user turn holds the
instruction, the question is its last paragraph.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard

from resayil.emulator.values import Answer, Json, JsonObject, Question, Tool, ToolCall, Turn, dumps

SHAPE = re.compile(
    r'\{\s*(?:"(?P<key>\w+)"\s*:\s*(?P<many>\[)?\s*\{\s*)?'
    r'"(?P<name>name|tool|tool_name|function|action)"\s*:\s*(?:"[^"]*"|[^,{}\[\]]*)\s*,\s*'
    r'"(?P<arguments>arguments|args|parameters|input|action_input)"\s*:'
)
FENCE = re.compile(r"```(?P<info>[\w-]*)[ \t]*\n\s*\Z")
OPENING = re.compile(r"[\[{]")
SCHEMAS = ("parameters", "input_schema", "schema")
CONTENTS = ("content", "result", "output")


@dataclass(frozen=True, slots=True)
class Shape:
    """How the prompt wants a call written; `fence` is None where it stands bare."""

    key: str
    many: bool
    name: str
    arguments: str
    fence: str | None

    def text(self, calls: tuple[ToolCall, ...]) -> str:
        """Calls as the prompt wants them: all where it shows a list, else the first."""
        rows = [{self.name: call.name, self.arguments: json.loads(call.arguments or "{}")} for call in calls]
        held: Json = rows if self.many else rows[0]
        body = dumps({self.key: held} if self.key else held)
        return body if self.fence is None else f"```{self.fence}\n{body}\n```"

    def calls(self, text: str, turn: int) -> tuple[ToolCall, ...]:
        """The calls in an earlier answer."""
        for value, _, _ in _values(text):
            held = value.get(self.key) if self.key and isinstance(value, dict) else value
            given = held if isinstance(held, list) else [held]
            rows = [row for row in given if _is_row(row, self.name, self.arguments)]
            if rows and len(rows) == len(given):
                return tuple(
                    ToolCall(row[self.name], dumps(row[self.arguments]), f"prompted-{turn}-{n}")
                    for n, row in enumerate(rows)
                )
        return ()


@dataclass(frozen=True, slots=True)
class Prompted:
    """A question whose tools the prompt describes, as one that was asked with tools."""

    question: Question
    shape: Shape

    def written(self, answer: Answer) -> Answer:
        """The answer with its calls as text."""
        return replace(answer, text=self.shape.text(answer.calls), calls=()) if answer.calls else answer


def read(question: Question) -> Prompted | None:
    """The question as the prompt's tools make it; None where it describes none."""
    if question.tools or question.json_mode:
        return None
    turns = list(question.turns)
    text = "\n\n".join(turn.text for turn in turns if turn.role == "system")
    if not text and turns and turns[0].role == "user":
        text, _, asked = turns[0].text.rpartition("\n\n")
        turns[0] = replace(turns[0], text=asked)
    tools, rest = _tools(text)
    match = SHAPE.search(rest) if tools else None
    if match is None:
        return None
    fence = FENCE.search(rest[: match.start()])
    shape = Shape(
        match["key"] or "",
        bool(match["many"]),
        match["name"],
        match["arguments"],
        fence["info"] if fence else None,
    )
    offered = replace(question, turns=tuple(_turns(turns, shape)), tools=tuple(tools), parallel=shape.many)
    return Prompted(offered, shape)


def _values(text: str) -> Iterator[tuple[Json, int, int]]:
    """Every JSON object and list in a text, with its place."""
    decoder = json.JSONDecoder()
    match = OPENING.search(text)
    while match:
        try:
            value, end = decoder.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            end = match.end()
        else:
            yield value, match.start(), end
        match = OPENING.search(text, end)


def _tools(text: str) -> tuple[list[Tool], str]:
    """The tools that a text lists, and the text without the lists."""
    tools: list[Tool] = []
    rest, at = "", 0
    for value, start, end in _values(text):
        if found := list(_listed(value)):
            tools += found
            rest, at = rest + text[at:start], end
    return tools, rest + text[at:]


def _listed(value: Json) -> Iterator[Tool]:
    if isinstance(value, list):
        for item in value:
            yield from _listed(item)
    elif isinstance(value, dict):
        schema = next((value[key] for key in SCHEMAS if isinstance(value.get(key), dict)), None)
        if isinstance(value.get("name"), str) and schema is not None and _is_schema(schema):
            yield Tool(value["name"], str(value.get("description") or ""), schema)
        else:
            for key in ("function", "tools", "functions"):
                yield from _listed(value.get(key))


def _is_schema(value: JsonObject) -> bool:
    return "properties" in value or value.get("type") == "object"


def _is_row(value: Json, name: str, arguments: str) -> TypeGuard[JsonObject]:
    return (
        isinstance(value, dict)
        and isinstance(value.get(name), str)
        and isinstance(value.get(arguments), dict)
    )


def _turns(turns: list[Turn], shape: Shape) -> Iterator[Turn]:
    """The turns with calls and results as what they are."""
    open_calls: tuple[ToolCall, ...] = ()
    for index, turn in enumerate(turns):
        if turn.role == "assistant":
            open_calls = shape.calls(turn.text, index)
            yield replace(turn, text="", calls=open_calls) if open_calls else turn
        elif turn.role == "user" and open_calls:
            yield from _results(turn, open_calls)
            open_calls = ()
        else:
            yield turn


def _results(turn: Turn, calls: tuple[ToolCall, ...]) -> Iterator[Turn]:
    rows = [row for value, _, _ in _values(turn.text) for row in _rows(value)]
    if len(rows) != len(calls):
        yield Turn("tool", turn.text, turn.pictures, call_id=calls[0].id)
        return
    for n, (row, call) in enumerate(zip(rows, calls, strict=True)):
        content = next(row[key] for key in CONTENTS if key in row)
        failed = row.get("status") == "error" or bool(row.get("is_error") or row.get("error"))
        text = content if isinstance(content, str) else dumps(content)
        yield Turn("tool", text, () if n else turn.pictures, call_id=call.id, failed=failed)


def _rows(value: Json) -> Iterator[JsonObject]:
    """The results in a value: an object that holds one, or a list of such, perhaps under a key."""
    if isinstance(value, list):
        yield from (row for item in value for row in _rows(item))
    elif isinstance(value, dict):
        if any(key in value for key in CONTENTS):
            yield value
        else:
            yield from (row for item in value.values() if isinstance(item, list) for row in _rows(item))
