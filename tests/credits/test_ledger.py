"""The ledger: equal to the emulator's own books, without a word of what was said, and hard to break."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from core.support import MODEL, WEATHER, png
from credits.support import charged, client_of

from resayil import AsyncClient, ConfigurationError, ImagePart, ResayilError, user
from resayil.credits import Entry
from resayil.emulator import Emulator
from resayil.ledger import Ledger


def test_the_ledger_is_the_emulators_books(tmp_path: Path) -> None:
    """Over 500 mixed calls, sync and async, the ledger's sum is exactly what the emulator charged."""
    emulator = Emulator()
    ledger = str(tmp_path / "ledger.db")
    dice = random.Random(7)  # noqa: S311 - a test's
    client = client_of(emulator, ledger=ledger)
    client.models()
    vision = "qwen3-vl:235b-instruct"
    kinds: list[Callable[[str], Any]] = [
        lambda api: client.chat(MODEL, "ما حال الطقس اليوم؟", api=api, tag="chat"),
        lambda api: list(client.stream(MODEL, "Tell me a story", api=api, tag="stream")),
        lambda api: client.chat("mistral", "weather in Kuwait?", tools=[WEATHER], api=api),
        lambda api: list(client.stream("deepseek-v4-pro", "فكّر", tools=[WEATHER], api=api)),
        lambda _: client.chat(vision, [user("ما هذا؟", ImagePart(png()))], tag="vision"),
        lambda _: client.chat("no-such-model", "س"),
        lambda api: client.chat(MODEL, "س" * 40, max_tokens=3, api=api),
    ]
    failed = 0
    for n in range(480):
        if n % 9 == 0:
            emulator.fault(dice.choice((400, 401, 402, 429, 500, 503)))
        try:
            dice.choice(kinds)(dice.choice(("chat", "messages")))
        except ResayilError:
            failed += 1

    async def more() -> None:
        given = {"transport": emulator.async_transport(), "ledger": ledger}
        asynchronous = AsyncClient(emulator.key, emulator.base_url, **given)  # type: ignore[arg-type] # settings by name
        for _ in range(10):
            await asynchronous.chat(MODEL, "س", tag="async")
            async for _event in await asynchronous.stream("mistral", "story"):
                pass

    asyncio.run(more())
    assert failed > 50
    kept = Ledger(ledger)
    assert kept.total() == charged(emulator)
    assert kept.total() > 0
    assert not any(entry.estimated for entry in kept.entries())
    assert {used.name for used in kept.usage("tag")} == {"", "async", "chat", "stream", "vision"}
    assert sum(used.calls for used in kept.usage("model")) == len(kept.entries()) > 300
    assert len(kept.usage("day")) in {1, 2}


def test_the_ledger_holds_no_word_of_what_was_said(tmp_path: Path) -> None:
    """Neither prompt nor answer nor key is in the file."""
    emulator = Emulator()
    emulator.reply("جواب سري للغاية")
    client_of(emulator, ledger=str(tmp_path / "l.db")).chat(MODEL, "سؤال سري للغاية")
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert "سري".encode() not in content
    assert emulator.key.encode() not in content
    assert MODEL.encode() in content


def test_an_interrupted_stream_is_entered_as_an_estimate(tmp_path: Path) -> None:
    """A stream that was left early has cost something: what came of it, estimated."""
    emulator = Emulator()
    emulator.reply("كلمة " * 50)
    stream = client_of(emulator, ledger=str(tmp_path / "l.db")).stream(MODEL, "س")
    for _ in stream:
        break
    stream.close()
    stream.close()
    (entry,) = Ledger(tmp_path / "l.db").entries()
    assert entry.estimated
    assert entry.amount > 0


def test_a_killed_writer_harms_nobody(tmp_path: Path) -> None:
    """Whoever is killed while writing leaves a ledger that reads and takes more."""
    path = tmp_path / "l.db"
    program = (
        "from resayil.ledger import Ledger\nfrom resayil.credits import Entry\n"
        f"ledger = Ledger({str(path)!r})\nprint('go', flush=True)\n"
        "while True: ledger.enter(Entry(1.0, 'm', 1, 1, 2_000_000, False))\n"
    )
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        process.kill()
        process.communicate()
    ledger = Ledger(path)
    before = len(ledger.entries())
    ledger.enter(Entry(2.0, "m", 1, 1, 2_000_000, estimated=False))
    assert len(ledger.entries()) == before + 1 > 1
    assert ledger.total(since=1.5) == 2
    with pytest.raises(ConfigurationError, match="cannot be used"):
        Ledger(tmp_path / "none" / "l.db").enter(Entry(2.0, "m", 1, 1, 2, estimated=False))


def test_a_ledger_that_cannot_be_written_costs_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing folder is told at construction; a file that breaks later is one warning, no error."""
    with pytest.raises(ConfigurationError, match="no folder"):
        client_of(Emulator(), ledger=str(tmp_path / "none" / "l.db"))
    client = client_of(Emulator(), ledger=str(tmp_path / "l.db"))
    (tmp_path / "l.db").write_text("no database, but long enough to be looked at as if it were one " * 40)
    with caplog.at_level(logging.WARNING, "resayil"):
        assert client.chat(MODEL, "س").text
        assert list(client.stream(MODEL, "س"))
    assert sum("not written down" in record.message for record in caplog.records) == 1
