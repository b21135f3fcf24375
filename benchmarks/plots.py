"""Plots of the figures that people compare first."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.rounds import Results

OURS, THEIRS = "#0b7285", "#adb5bd"

PLOTS = {
    "stream": ("CPU of a streamed chunk, µs", (("stream", "cpu", 1.0), ("messages", "cpu", 1.0))),
    "langchain": ("CPU of a chunk of stream() in LangChain, µs", (("langchain", "cpu", 1.0),)),
    "call": ("CPU of a call, ms", (("call", "cpu", 1e-3),)),
    "import": ("CPU of an import, ms", (("import", "import", 1.0),)),
    "together": ("Memory of each of 1,000 streams at once, kB", (("together-1000", "memory", 1.0),)),
}


def is_ours(contender: str) -> bool:
    """Whether a bar is this project's."""
    return any(word in contender for word in ("Client", "Resayil", "resayil"))


def shown(value: float) -> str:
    """Three digits, or all of a whole number's."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


def draw(results: Results, folder: Path) -> list[str]:
    """Write a plot for each of the cases that were measured; their file names."""
    # it changes how the whole process imports, so only whoever draws has it
    import pygal  # type: ignore[import-untyped] # noqa: PLC0415
    from pygal.style import Style  # type: ignore[import-untyped] # noqa: PLC0415

    style = Style(
        background="white",
        plot_background="white",
        font_family="sans-serif",
        colors=(THEIRS,),
        title_font_size=16,
        label_font_size=12,
        value_font_size=12,
    )
    names = []
    for name, (title, sources) in PLOTS.items():
        bars = {
            contender: median(figures[figure]) * scale
            for case, figure, scale in sources
            for contender, figures in results.get(case, {}).items()
        }
        if not bars:
            continue
        chart = pygal.HorizontalBar(
            title=title,
            style=style,
            show_legend=False,
            print_values=True,
            value_formatter=shown,
            width=760,
            height=90 + 30 * len(bars),
            no_prefix=True,
            js=(),
        )
        ranked = sorted(bars.items(), key=lambda bar: -bar[1])
        chart.x_labels = [contender for contender, _ in ranked]
        chart.add(
            "", [{"value": value, "color": OURS if is_ours(name) else THEIRS} for name, value in ranked]
        )
        folder.mkdir(exist_ok=True)
        file = folder / f"bench-{name}.svg"
        file.write_text(chart.render(is_unicode=True, pretty_print=True), encoding="utf-8")
        names.append(file.name)
    return names
