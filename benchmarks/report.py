"""The page and the tables: `python -m benchmarks.report` writes them anew from the kept figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, plots
from benchmarks.cases import CASES, Case
from benchmarks.claims import CLAIMS, Verdict
from benchmarks.rounds import Results

DOCS = Path(__file__).parent.parent / "docs"
PAGE, FIGURES = DOCS / "benchmarks.md", DOCS / "benchmarks.json"
OURS = ("Client", "AsyncClient", "ChatResayil", "LiteLLM resayil/")
SCALES = {"ms": 1e-3}


@dataclass
class Run:
    """Everything that one run of the command has come to."""

    day: str
    machine: str
    versions: dict[str, str]
    load: float
    seconds: float = 0.0
    results: Results = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)

    def verdicts(self) -> list[Verdict]:
        """Every claim that the figures decide."""
        return [verdict for claim in CLAIMS if (verdict := claim.judge(self.results)) is not None]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(values: list[float], scale: float) -> str:
    least, most = min(values) * scale, max(values) * scale
    return f"{plots.shown(least)}–{plots.shown(most)}"


def claims_table(run: Run) -> Iterator[str]:
    """What was asked, what was reached, and whether that is enough."""
    yield _row(["case", "asked", "reached", "verdict"])
    yield _row(["---"] * 4)
    for verdict in run.verdicts():
        claim = verdict.claim
        yield _row([claim.what, claim.asked, verdict.shown, "reached" if verdict.kept else "**not reached**"])


def _floor(name: str, rows: dict[str, float]) -> float | None:
    """What bare httpx takes, awaited as the contender is, and in its dialect where that was measured."""
    bare = "httpx async" if "sync" in name.lower() else "httpx"
    nearest = (f"{bare}, messages", bare) if "messages" in name else (bare, f"{bare}, messages")
    return next((rows[floor] for floor in nearest if floor in rows), None)


def _ours(rows: dict[str, float]) -> str | None:
    return next(
        (name for name in rows if name.removesuffix(" async").removesuffix(" events").split(",")[0] in OURS),
        None,
    )


def case_table(case: Case, run: Run) -> Iterator[str]:
    """A case's medians, their spread, and their ratios to the floor and to this project."""
    measured = run.results.get(case.key)
    if not measured:
        return
    scale = SCALES.get(case.unit, 1.0)
    rows = {name: median(figures[case.figure]) * scale for name, figures in measured.items()}
    ours = _ours(rows)
    extras = [name for name in next(iter(measured.values())) if name not in {"cpu", "wall", case.figure}]
    kind = "" if case.figure == "memory" else ", CPU" if case.figure == "cpu" else ", time"
    yield f"**{case.title}** (`{case.key}`)"
    yield ""
    yield _row(
        ["", f"{case.unit}{kind}", "least–most", "× floor", f"× {ours or 'ours'}", *map(_headed, extras)]
    )
    yield _row(["---"] + ["---:"] * (4 + len(extras)))
    for name, value in rows.items():
        figures = measured[name]
        yield _row(
            [
                name,
                plots.shown(value),
                _spread(figures[case.figure], scale),
                f"{value / floor:.2f}" if (floor := _floor(name, rows)) else "",
                f"{value / rows[ours]:.2f}" if ours else "",
                *(plots.shown(median(figures[extra])) for extra in extras),
            ]
        )
    yield ""


def _headed(figure: str) -> str:
    return {
        "files": "files left open",
        "throughput": "chunks per s",
        "memory": "kB per stream",
        "fairness": "slowest first event × median",
        "slowest": "slowest first event, µs",
    }.get(figure, figure)


def import_table(run: Run) -> Iterator[str]:
    """What a fresh process pays."""
    measured = run.results.get("import")
    if not measured:
        return
    yield "**A fresh process** (`import`)"
    yield ""
    yield _row(["", "import, CPU ms", "least–most", "memory, MB", "import to the first answer, CPU ms"])
    yield _row(["---"] + ["---:"] * 4)
    for name, figures in measured.items():
        answer = figures.get("answer")
        yield _row(
            [
                name,
                plots.shown(median(figures["import"])),
                _spread(figures["import"], 1.0),
                plots.shown(median(figures["memory"])),
                plots.shown(median(answer)) if answer else "",
            ]
        )
    yield ""


def tables(run: Run) -> Iterator[str]:
    """Everything that was measured."""
    for case in CASES:
        yield from case_table(case, run)
    yield from import_table(run)
    for name, why in run.left_out.items():
        yield f"- {name} was left out. {why.splitlines()[0][:160]}"


def generated(run: Run, pictures: list[str]) -> Iterator[str]:
    """The part of the page that the command writes."""
    yield f"Measured on {run.day}: {run.machine}."
    yield f"Load at the start {run.load:.1f}; {run.seconds:.0f} s in all."
    yield ", ".join(f"{name} {number}" for name, number in run.versions.items()) + "."
    if machine.is_busy(run.load):
        yield ""
        yield "**The machine was busy with other work: these figures are noisy, their ratios less so.**"
    yield ""
    yield "## What it must show"
    yield ""
    yield from claims_table(run)
    yield ""
    for name in pictures:
        yield f"![{name.removesuffix('.svg')}](images/{name})"
        yield ""
    yield "## All figures"
    yield ""
    yield from ("<details><summary>Every case: medians, spreads, ratios</summary>", "")
    yield from tables(run)
    yield "</details>"
    if run.profiles:
        yield ""
        yield "## Profiles of what was not reached"
        for name, told in run.profiles.items():
            yield from ("", f"`{name}`:", "", "```text", told, "```")
        yield ""
        yield "The profiler itself slows calls down: compare lines, not sums."


def write(run: Run) -> None:
    """Write the page, the figures and the plots."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    kept |= asdict(run)
    FIGURES.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    replace("figures", "\n".join(generated(run, plots.draw(run.results, DOCS / "images"))))


def replace(name: str, text: str) -> None:
    """Put text between a name's markers on the page."""
    page = PAGE.read_text(encoding="utf-8")
    opening, closing = f"<!-- {name}: written by the command -->", f"<!-- end of {name} -->"
    before, _, rest = page.partition(opening)
    _, _, after = rest.partition(closing)
    PAGE.write_text(f"{before}{opening}\n\n{text.strip()}\n\n{closing}{after}", encoding="utf-8")


def kept() -> Run:
    """The run whose figures are kept."""
    told: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return Run(**{name: told[name] for name in Run.__dataclass_fields__})


if __name__ == "__main__":
    write(kept())
