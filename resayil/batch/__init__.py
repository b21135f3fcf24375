"""Many requests from a file, each answered exactly once: whoever is killed goes on where it ended.

::

    from resayil.batch import Batch, Table

    reviews = Table("reviews.csv", model="deepseek-v4-flash", prompt="لخّص: {review}")
    with Batch(reviews, "answers.csv") as batch:
        summary = asyncio.run(batch.run([AsyncClient()]))
"""

from __future__ import annotations

from resayil.batch.jsonl import JsonLines
from resayil.batch.runner import Batch, BudgetSpentError, Summary
from resayil.batch.table import Table

__all__ = ["Batch", "BudgetSpentError", "JsonLines", "Summary", "Table"]
