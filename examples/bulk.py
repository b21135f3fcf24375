"""A folder of receipts read into a table: each photo once, whatever happens on the way.

python examples/bulk.py [FOLDER]           on the emulator: no key, no cost
python examples/bulk.py [FOLDER] --live    on the service, with your key and your credits

FOLDER keeps photos, table, answers and journal; run again, it goes on where it ended. Without one a folder
is made for the moment. `resayil batch` does the same from a shell: see docs/batch.md.
"""

from __future__ import annotations

import asyncio
import csv
import sys
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from make_receipt import receipt
from service import service

from resayil import AsyncClient
from resayil.batch import Batch, Summary, Table
from resayil.batch.structured import fits
from resayil.jsontext import loads

SCHEMA = {
    "title": "receipt",
    "type": "object",
    "properties": {"total": {"type": "number"}, "currency": {"enum": ["KWD", "SAR", "AED"]}},
    "required": ["total", "currency"],
}
TOTALS = ("12.500", "3.750", "48.200", "0.950", "7.125", "19.000")
FIRST_BUDGET, BUDGET = Decimal(4_500), Decimal(50_000)


def prepared(folder: Path) -> Path:
    """The table of photos; drawn where it is not there yet."""
    table = folder / "receipts.csv"
    if not table.exists():
        rows = [("id", "photo")]
        for n, total in enumerate(TOTALS, start=1):
            (folder / f"{n}.png").write_bytes(receipt(Decimal(total)))
            rows.append((str(n), f"{n}.png"))
        with table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return table


async def run(batch: Batch[Any], address: dict[str, Any]) -> Summary:
    """Ask what has no answer yet."""
    async with AsyncClient(**address, limit_max_wait=None) as client:
        return await batch.run([client])


def read(folder: Path, address: dict[str, Any], budget: Decimal) -> Summary:
    """One run over the table."""
    source = Table(
        prepared(folder),
        model="qwen3-vl:235b-instruct",
        prompt="اقرأ الإيصال رقم {id}.",
        image="photo",
        schema=SCHEMA,
    )
    with Batch(source, folder / "totals.csv", budget=budget, check=fits(SCHEMA)) as batch:
        return asyncio.run(run(batch, address))


def main() -> None:
    """Two runs: the first one stops at its budget, the second goes on from there."""
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    with (
        service(live="--live" in sys.argv) as address,
        nullcontext(folders[0]) if folders else TemporaryDirectory() as folder,
    ):
        for budget in (FIRST_BUDGET, BUDGET):
            summary = read(Path(folder), address, budget)
            over = summary.so_far
            print(f"{over.done} of {summary.rows} rows, {summary.asked} asked now, {over.credits:f} credits")
            if summary.stopped is None:
                break
            print(f"  {type(summary.stopped).__name__}: the next run goes on from here")
        with (Path(folder) / "totals.csv").open(newline="", encoding="utf-8") as file:
            answers = [loads(row["answer"]) for row in csv.DictReader(file) if not row["error"]]
        total = sum((Decimal(str(answer["total"])) for answer in answers), Decimal(0))
        print(f"{len(answers)} receipts, {total:.3f} {answers[0]['currency']}")


if __name__ == "__main__":
    main()
