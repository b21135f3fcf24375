"""What the batch tests share: inputs, and what output, journal and emulator hold of them."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from resayil import AsyncClient
from resayil.batch import Batch, Summary
from resayil.emulator import Emulator

KEY = "sk-batch-canary-7711cc00"
QUESTION = "سؤال رقم {n}."
COMMAND = (sys.executable, "-c", "from resayil.cli import main; main()", "batch")


def write_lines(path: Path, count: int) -> Path:
    """An input of so many chat requests, each with its number in it."""
    with path.open("w", encoding="utf-8") as lines:
        for n in range(count):
            body = {"model": "mistral", "messages": [{"role": "user", "content": QUESTION.format(n=n)}]}
            entry = {"custom_id": f"row-{n}", "method": "POST", "url": "/v1/chat/completions", "body": body}
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The output's lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def kept(output: Path) -> set[int]:
    """The rows whose answers the journal holds, as another process sees them."""
    journal = output.with_name(output.name + ".journal")
    if not journal.exists():
        return set()
    with closing(sqlite3.connect(journal)) as rows:
        if not rows.execute("SELECT 1 FROM sqlite_master WHERE name = 'answers'").fetchone():
            return set()
        return {number for (number,) in rows.execute("SELECT number FROM answers")}


def asked(emulator: Emulator, since: int = 0) -> list[int]:
    """The rows that were asked, in the order of their requests."""
    chats = [request for request in emulator.requests[since:] if request.dialect == "chat"]
    found = [re.search(r"سؤال رقم (\d+)\.", str(chat.body["messages"][-1]["content"])) for chat in chats]
    return [int(match[1]) for match in found if match]


def run(emulator: Emulator, source: Any, output: Path, transport: Any = None, **given: Any) -> Summary:
    """Run a batch in process, over the emulator's transport or another."""

    async def main() -> Summary:
        async with AsyncClient(
            emulator.key,
            emulator.base_url,
            transport=transport or emulator.async_transport(),
            max_retries=0,
        ) as client:
            return await work.run([client])

    with Batch(source, output, **given) as work:
        return asyncio.run(main())
