"""Many rows within the rate limit: never too fast, and resumed after a power cut."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from n8n.bench import BUTTON, Bench, golden, set_up
from n8n.rest import Rest, until
from n8n.server import running

from resayil.emulator import Emulator

pytestmark = pytest.mark.slow
FASTER = 12
"""The emulator's minute lasts five seconds, and the template's window is as long."""
LIMIT, WINDOW, ROWS, BEFORE_THE_CUT = 10, 60.0, 25, 8


def texts(bench: Bench) -> list[str]:
    """What each request asked about."""
    return [request.body["messages"][-1]["content"] for request in bench.emulator.requests]


def numbered(bench: Bench, slug: str, **settings: Any) -> dict[str, Any]:
    """The template with rows that differ, since those of its sample repeat."""
    workflow = bench.prepared(slug, **settings)
    (rows,) = (node for node in workflow["nodes"] if node["name"] == "Take the sample rows")
    rows["parameters"]["jsCode"] = (
        f"return Array.from({{ length: {ROWS} }}, (_, n) => "
        '({ json: { row_id: String(n + 1), input: `"صف"، ${n + 1}\\n` } }));'
    )
    return bench.add_workflow(workflow)


@pytest.mark.parametrize("slug", ["08-bulk-rows", pytest.param("08-bulk-rows-csv", marks=pytest.mark.prove)])
@pytest.mark.usefixtures("installed")
def test_rows_keep_to_the_limit_and_survive_a_power_cut(slug: str, tmp_path: Path) -> None:
    """25 rows at 10 a minute: no window holds more; killed in the middle, one row at most is asked twice."""
    began = time.time()
    emulator = Emulator(clock=lambda: began + (time.time() - began) * FASTER)
    with (
        running(tmp_path, {"N8N_RESTRICT_FILE_ACCESS_TO": str(tmp_path)}) as n8n,
        closing(Rest(n8n.url)) as rest,
    ):
        rest.set_up_owner()
        with set_up(n8n, rest, emulator, requests_per_minute=LIMIT) as bench:
            place = {"checkpoint_file": str(tmp_path / "rows.csv")} if slug.endswith("csv") else {}
            workflow = numbered(bench, slug, window_seconds=WINDOW / FASTER, max_attempts=1, **place)
            rest.start(workflow, BUTTON)
            until(lambda: len(texts(bench)) >= BEFORE_THE_CUT or None, "the first rows")
            n8n.kill()
            n8n.start()
            report = rest.run(workflow, BUTTON).last[0]
            assert (report["failed"], report["left"]) == (0, 0)
            asked = Counter(texts(bench))
            assert len(asked) == ROWS
            assert bench.asked()[:1] == golden("08-bulk-rows")
            assert sum(asked.values()) <= ROWS + 1
            assert {request.status for request in emulator.requests} == {200}
            times = [request.at for request in emulator.requests]
            assert all(later - first > WINDOW for first, later in zip(times, times[LIMIT:], strict=False))
            rest.run(workflow, BUTTON)
            assert len(emulator.requests) == len(times)
            assert bench.leaks() == []
