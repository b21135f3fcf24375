"""The results as a table of lines and surfaces, for people (Markdown) and for programs (JSON)."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

from faults.outcome import KEY
from faults.run import Run

ROOT = Path(__file__).parents[2]

CONTRACT = ROOT / "docs" / "fault-contract.md"

_REPAIRED = (
    "LangChain repairs half JSON where it joins a stream's fragments: the mark behind the raw text keeps a "
    "broken call from becoming a valid one, and `resayil.marks.unmarked` takes it off"
)
_READ_BY_CALLERS = (
    "LiteLLM's callers read the arguments themselves: behind a call that must not be made, though its "
    "arguments read as JSON, stands a mark that no reader takes; `resayil.marks.unmarked` takes it off"
)
REASONS: Sequence[tuple[frozenset[str], str, str]] = (
    (frozenset({"T02", "T03", "T06", "T09", "T12"}), "ChatResayil.", _REPAIRED),
    (frozenset({"T03", "T12"}), "LiteLLM.", _READ_BY_CALLERS),
    (frozenset({"A06"}), "LiteLLM.", "frames of LiteLLM itself hold the key that was passed to it"),
    (frozenset({"S25", "T04"}), "LiteLLM.", "LiteLLM takes most of this time for itself, chunk by chunk"),
)
"""Why a surface stays behind where a host library decides: lines, the surface's name so far, the reason."""

BROKEN = "the run broke: "
"""How a reason begins where the harness failed."""

_RUNS = {"test_contract.py", "test_peers.py"}
_ORDER = "NHSTVALPc"
_PACKAGES = ("httpx", "openai", "anthropic", "litellm", "langchain-core", "langchain-openai")


@dataclass(frozen=True)
class Result:
    """One run and its verdict.

    Attributes:
        run: The run.
        mark: ``S`` strict, ``c`` core only, ``✗`` neither.
        wrong: What is wrong.
        seconds: How long the call took.
    """

    run: Run
    mark: str
    wrong: tuple[str, ...]
    seconds: float

    @property
    def broken(self) -> bool:
        """Whether the harness failed, not the client."""
        return any(why.startswith(BROKEN) for why in self.wrong)


@dataclass(frozen=True)
class Plain:
    """A test that is no run: its lines, its name, and whether it passed."""

    lines: tuple[str, ...]
    name: str
    passed: bool


def lines_of(name: str) -> tuple[str, ...]:
    """The contract's lines in a test's name."""
    special = re.match(r"test_(two_event_loops|c_gc|c_break_pool1)", name)
    if special:
        return (special[1],)
    function, _, part = name.partition("[")
    found = re.findall(r"(?<=_)([nhstvalp]\d\d)(?=_|$)", function) + re.findall(r"^([A-Z]\d\d) ", part)
    return tuple(code.upper() for code in found)


def order(line: str) -> tuple[int, str]:
    """Lines in the contract's order."""
    return (_ORDER.find(line[0]) % len(_ORDER), line)


def cell(found: Iterable[str]) -> str:
    """The marks of one line in one column: one where they agree, else how many of each."""
    marks = list(found)
    if not marks:
        return ""
    if len(set(marks)) == 1:
        return marks[0]
    return " ".join(f"{marks.count(mark)}{mark}" for mark in "Sc✗" if mark in marks)


def markdown(results: Sequence[Result], plain: Sequence[Plain], notes: Sequence[str]) -> str:
    """The report."""
    names = list(dict.fromkeys(result.run.surface.name for result in results))
    lines = sorted({result.run.case.line for result in results}, key=order)
    rows = [
        "# Results of the fault contract",
        "",
        "Written by `make faults`. Each line of [the contract](fault-contract.md) is played by a server on",
        "raw sockets, in both dialects, and judged twice: *core*, what any client must do, and *strict*,",
        "what the contract asks on top. **S** passes both, **c** core only, **✗** neither; `3S 1✗` counts",
        "the parts of a line. Empty: the line does not apply to the surface.",
        "",
        *notes,
        "",
        "| surface | runs | core | strict |",
        "|---|---|---|---|",
        *(_score(name, [one for one in results if one.run.surface.name == name]) for name in names),
        "",
        "## Line by line",
        "",
        "| line | " + " | ".join(names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for line in lines:
        of_line = [result for result in results if result.run.case.line == line]
        cells = [cell(one.mark for one in of_line if one.run.surface.name == name) for name in names]
        rows.append(f"| {line} | " + " | ".join(cells) + " |")
    rows += _plain(plain)
    if plain:
        rows += ["", f"Lines that nothing has played: {', '.join(unproved(results, plain)) or 'none'}."]
    rows += _failures(results)
    return "\n".join(rows) + "\n"


def _score(name: str, results: Sequence[Result]) -> str:
    strict = sum(result.mark == "S" for result in results)
    core = sum(result.mark != "✗" for result in results)
    return f"| {name} | {len(results)} | {core} | {strict} |"


def _plain(plain: Sequence[Plain]) -> list[str]:
    if not plain:
        return []
    lines = sorted({line for test in plain for line in test.lines}, key=order)
    rows = ["", "## Lines held by tests of their own", "", "| line | tests | passed |", "|---|---|---|"]
    for line in lines:
        tests = [test for test in plain if line in test.lines]
        rows.append(f"| {line} | {len(tests)} | {sum(test.passed for test in tests)} |")
    return rows


def unproved(results: Sequence[Result], plain: Sequence[Plain]) -> list[str]:
    """The contract's lines that neither a run nor a test has touched."""
    stated = re.findall(
        r"^\| ([A-Z]\d\d[a-z]?|c_\w+|two_event_loops) \|", CONTRACT.read_text("utf-8"), re.MULTILINE
    )
    held = {result.run.case.line for result in results} | {line for test in plain for line in test.lines}
    return [line for line in stated if line not in held]


def _failures(results: Sequence[Result]) -> list[str]:
    """What is wrong, the same on several surfaces told once."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        if result.mark != "S":
            why = _shown("; ".join(dict.fromkeys(result.wrong)))
            where = f"{result.run.surface.name} ({result.run.dialect})"
            host = result.run.surface.name.partition(".")[0]  # each host has a reason of its own
            told.setdefault((result.run.case.id, f"{result.mark} {why}", host), []).append(where)
    if not told:
        return ["", "## What fails", "", "Nothing."]
    rows = ["", "## What fails", "", "| part | where | why | who decides |", "|---|---|---|---|"]
    return [
        *rows,
        *(
            f"| {part} | {', '.join(where)} | {why} | {_reason(part, where[0])} |"
            for (part, why, _), where in sorted(told.items())
        ),
    ]


def _reason(part: str, where: str) -> str:
    line = part.partition("-")[0]
    return next((told for lines, name, told in REASONS if line in lines and where.startswith(name)), "")


def _shown(text: str) -> str:
    """Text that stays in its cell, without numbers and paths that change from run to run."""
    hidden = text.replace(KEY, "<the key>").replace(f"{ROOT}/", "")
    clean = "".join(char if char.isprintable() else " " for char in hidden)[:240]
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", clean).replace("|", "\\|")


def versions() -> dict[str, str]:
    """What was run with what."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def as_json(results: Sequence[Result], plain: Sequence[Plain]) -> str:
    """Every mark and every reason, for programs."""
    marks: dict[str, dict[str, dict[str, str]]] = {}
    for result in results:
        of_case = marks.setdefault(result.run.case.id, {})
        of_case.setdefault(result.run.surface.name, {})[result.run.dialect] = result.mark
    told: dict[str, Any] = {
        "commit": commit(),
        "versions": versions(),
        "marks": marks,
        "wrong": [
            {"run": result.run.id, "mark": result.mark, "why": [_shown(text) for text in result.wrong]}
            for result in results
            if result.mark != "S"
        ],
        "tests": {_shown(test.name): test.passed for test in plain},
        "unproved": unproved(results, plain) if plain else [],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def commit() -> str:
    """The commit that was run."""
    told = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


def plain_tests() -> list[Plain]:
    """Run the lines that have tests of their own."""
    out = ROOT / "build" / "faults.xml"
    out.parent.mkdir(exist_ok=True)
    here = Path(__file__).parent
    others = ROOT.glob("tests/limits/test_*.py"), (ROOT / "tests/security/test_canary.py",)
    files = [str(path) for path in chain(sorted(here.glob("test_*.py")), *others) if path.name not in _RUNS]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not prove", f"--junitxml={out}", *files]
    subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
    return read_tests(out.read_text("utf-8"))


def read_tests(xml: str) -> list[Plain]:
    """The tests of a JUnit file."""
    tests: list[Plain] = []
    for name, inside in re.findall(
        r'<testcase [^>]*?\bname="([^"]*)"[^>]*?(?:/>|>(.*?)</testcase>)', xml, re.DOTALL
    ):
        lines = lines_of(name)
        if lines and "<skipped" not in inside:
            tests.append(Plain(lines, name, "<failure" not in inside and "<error" not in inside))
    return tests
