"""Figures of the long tests, kept under docs/proof with commit, date and versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faults.report import commit, versions

FOLDER = Path(__file__).parents[1] / "docs" / "proof"


def record(name: str, figures: Mapping[str, Any]) -> None:
    """Write what a long test has measured."""
    FOLDER.mkdir(exist_ok=True)
    told = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit(), "versions": versions(), **figures}
    (FOLDER / f"{name}.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", "utf-8")
