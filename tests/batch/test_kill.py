"""``kill -9`` at random moments, under faults: every row exactly once, nothing answered asked again."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest
from batch.support import COMMAND, asked, kept, read_lines, write_lines

from resayil.emulator import Emulator
from resayil.emulator.scripts import Fault
from resayil.emulator.server import Server
from resayil.emulator.values import RecordedRequest

CONCURRENCY = 8
FAULTS = (429, 500, 503, 529, "cut", "reset", "refused", "empty", "html-502", "broken-json")
"""Some are sent again, some end their row."""


class Spoiler:
    """Lets every request take its time, and a share of them go wrong."""

    def __init__(self, share: float, delay: float, seed: int) -> None:
        self.share = share
        self.delay = delay
        self.chance = random.Random(seed)  # noqa: S311 - a test's dice

    def __call__(self, _: RecordedRequest) -> Fault:
        """What goes wrong with a request."""
        if self.chance.random() < self.share:
            return Fault(self.chance.choice(FAULTS), headers={"retry-after": "0.05"})
        return Fault("stall", self.delay)


def _killed(
    command: list[str], environment: Mapping[str, str], emulator: Emulator, after: float, *, at_work: bool
) -> None:
    """Start the command, and kill it so long after its start, or after its first row was asked."""
    since = len(emulator.requests)
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while at_work and process.poll() is None and not asked(emulator, since):
        time.sleep(0.01)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _storm(
    server: Server, environment: Mapping[str, str], folder: Path, *, rows: int, kills: int, delay: float
) -> None:
    emulator, output = server.emulator, folder / "out.jsonl"
    command = [*COMMAND, str(write_lines(folder / "in.jsonl", rows)), str(output)]
    command += ["--concurrency", str(CONCURRENCY), "--json"]
    spoiler = Spoiler(0.05, delay, seed=rows)
    emulator.script([spoiler] * 100_000)
    moment = random.Random(kills)  # noqa: S311 - a test's dice
    whole = rows / CONCURRENCY * delay
    written: set[int] = set()
    twice: set[int] = set()
    for n in range(kills):
        since = len(emulator.requests)
        after = moment.uniform(0, whole / kills)
        _killed(command, environment, emulator, after, at_work=n % 5 > 0)
        time.sleep(3 * delay)  # what the killed one had sent arrives
        era = asked(emulator, since)
        assert not written & set(era), "an answer that was written is never asked for again"
        written = kept(output)
        in_flight = set(era) - written
        assert len(in_flight) <= CONCURRENCY, "only what was in flight at the kill may be asked twice"
        twice |= in_flight
    since = len(emulator.requests)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode in {0, 1}, ended.stderr
    assert not written & set(asked(emulator, since))
    assert len(twice) >= kills // 2, "the kills met rows in flight"
    assert len(written) < rows, "the last one left something to do"

    answers = read_lines(output)
    assert [answer["custom_id"] for answer in answers] == [f"row-{n}" for n in range(rows)]
    failed = {n for n, answer in enumerate(answers) if answer["error"]}
    for n, answer in enumerate(answers):
        if n not in failed:
            assert f"سؤال رقم {n}." in answer["response"]["body"]["choices"][0]["message"]["content"]
    assert len(failed) < rows * 0.05

    keys = defaultdict(set)
    for request, n in zip(
        [r for r in emulator.requests if r.dialect == "chat"], asked(emulator), strict=True
    ):
        keys[n].add(request.headers["idempotency-key"])
    assert all(len(of_row) == 1 for of_row in keys.values()), "a row asked again keeps its key"
    assert len(set.union(*keys.values())) == rows

    spoiler.share = 0
    since = len(emulator.requests)
    again = subprocess.run(
        [*command, "--retry-failed"], env=environment, capture_output=True, check=False, timeout=300
    )
    assert again.returncode == 0
    assert sorted(asked(emulator, since)) == sorted(failed)
    assert not [answer for answer in read_lines(output) if answer["error"]]


def test_five_kills(server: Server, environment: Mapping[str, str], tmp_path: Path) -> None:
    """200 rows, 5 % faults, five kills."""
    _storm(server, environment, tmp_path, rows=200, kills=5, delay=0.1)


@pytest.mark.prove
def test_twenty_kills(server: Server, environment: Mapping[str, str], tmp_path: Path) -> None:
    """1,000 rows, 5 % faults, twenty kills."""
    _storm(server, environment, tmp_path, rows=1000, kills=20, delay=0.15)
