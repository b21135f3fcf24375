"""Which hosts and clients the pack was tried with: `python -m tests.compatibility` runs their tests.

The table in docs/compatibility.md is made of the results alone: a version is the installed one, a figure is
what pytest counted, and a row whose tests failed says so.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.progress import track

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "compatibility.md"
JAVASCRIPT = ROOT / "tests/javascript"


def _npm(package: str) -> str:
    found = JAVASCRIPT / "node_modules" / package / "package.json"
    return str(json.loads(found.read_text("utf-8"))["version"]) if found.exists() else "not installed"


def _n8n(_: str) -> str:
    wanted = json.loads((ROOT / "tests/n8n/package.json").read_text("utf-8"))
    return str(wanted["dependencies"]["n8n"])


def _redis(_: str) -> str:
    program = shutil.which("redis-server")
    if program is None:
        return "not installed"
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return told.partition("v=")[2].partition(" ")[0]


def _python(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


@dataclass(frozen=True)
class Row:
    """One host or client, and the tests that use it for real."""

    name: str
    package: str
    tests: tuple[str, ...]
    chosen: str = ""
    version: Callable[[str], str] = _python


ROWS = (
    Row(
        "OpenAI SDK, Python, against the emulator",
        "openai",
        ("tests/emulator/test_official_sdks.py",),
        "openai",
    ),
    Row(
        "Anthropic SDK, Python, against the emulator",
        "anthropic",
        ("tests/emulator/test_official_sdks.py",),
        "anthropic",
    ),
    Row("OpenAI SDK, npm, against the emulator", "openai", ("tests/javascript",), "openai", _npm),
    Row(
        "Anthropic SDK, npm, against the emulator",
        "@anthropic-ai/sdk",
        ("tests/javascript",),
        "anthropic",
        _npm,
    ),
    Row("LangChain's standard suites, unit", "langchain-tests", ("tests/langchain/test_standard_unit.py",)),
    Row(
        "LangChain's standard suites, integration",
        "langchain-tests",
        ("tests/langchain/test_standard_integration.py", "tests/langchain/test_standard_tools.py"),
    ),
    Row("LangChain agents and middleware", "langchain", ("tests/langchain/test_agents.py",)),
    Row("LangGraph and MCP on a socket", "langgraph", ("tests/langchain/test_agents_served.py",)),
    Row(
        "LiteLLM SDK",
        "litellm",
        ("tests/litellm/test_calls.py", "tests/litellm/test_streams.py", "tests/litellm/test_behaviours.py"),
    ),
    Row("LiteLLM Router", "litellm", ("tests/litellm/test_router.py",)),
    Row("LiteLLM proxy, called by both official SDKs", "litellm", ("tests/litellm/test_proxy.py",)),
    Row("Redis, for shared limits", "redis", ("tests/limits/test_stores.py",), "redis", _redis),
    Row("n8n, templates executed", "n8n", ("tests/n8n",), "", _n8n),
)


@dataclass(frozen=True)
class Count:
    """What pytest counted."""

    passed: int
    failed: int
    skipped: int

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.failed:
            return "fails"
        return "works" if self.passed else "not run"


def count(row: Row) -> Count:
    """Run a row's tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        only = ["-k", row.chosen] if row.chosen else []
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove",
             f"--junitxml={report}", *only, *row.tests],
            cwd=ROOT, capture_output=True, check=False,
        )  # fmt: skip
        if not report.exists():
            return Count(0, 0, 0)
        suite = ET.parse(report).getroot()[0].attrib  # noqa: S314 - pytest wrote it just now
    failed, skipped = int(suite["failures"]) + int(suite["errors"]), int(suite["skipped"])
    return Count(int(suite["tests"]) - failed - skipped, failed, skipped)


def page(counts: dict[Row, Count]) -> str:
    """The page of the results."""
    lines = [
        "# Compatibility",
        "",
        "Made by `make compatibility`, which runs the tests that use each host or client for real.",
        "The emulator stands where the service would: our reading of the documents, not the service.",
        f"Python {platform.python_version()}.",
        "",
        "| host or client | version | verdict | passed | failed | skipped |",
        "|---|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row.name} | {row.version(row.package)} | {seen.verdict} "
        f"| {seen.passed} | {seen.failed} | {seen.skipped} |"
        for row, seen in counts.items()
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all rows and write the page; exits with 1 where one fails."""
    counts = {row: count(row) for row in track(ROWS, description="running")}
    PAGE.write_text(page(counts), encoding="utf-8")
    sys.stdout.write(PAGE.read_text("utf-8"))
    sys.exit(any(seen.failed for seen in counts.values()))


if __name__ == "__main__":
    main()
