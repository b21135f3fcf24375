"""The pack and its peers side by side: each line of the contract, one column for each client."""

from __future__ import annotations

from collections.abc import Sequence

from faults.report import Result, cell, order

_CLIENTS = {
    "Client": "resayil",
    "AsyncClient": "resayil",
    "ChatResayil": "ChatResayil",
    "LiteLLM": "LiteLLM `resayil/`",
    "openai": "openai",
    "anthropic": "anthropic",
    "ChatOpenAI": "ChatOpenAI",
    "litellm": "LiteLLM `openai/`",
}
"""By the first word of a surface's name."""


def markdown(results: Sequence[Result], notes: Sequence[str]) -> str:
    """The comparison, for people."""
    columns: dict[str, list[Result]] = {}
    for result in results:
        word = result.run.surface.name.replace(".", " ").split()[0]
        columns.setdefault(_CLIENTS[word], []).append(result)
    rows = [
        "# The fault contract, played by other clients",
        "",
        "Written by `make faults PEERS=1`, in one run and by one judge with [the results](fault-results.md).",
        "**S** passes core and strict, **c** core only, **✗** neither; `3S 1✗` counts the parts of a line,",
        "its dialects and its ways to call. Empty: the line does not apply.",
        "",
        *notes,
        "",
        "| client | runs | core | strict |",
        "|---|---:|---:|---:|",
        *(_score(name, of_client) for name, of_client in columns.items()),
        "",
        "## Line by line",
        "",
        "| line | " + " | ".join(columns) + " |",
        "|---|" + "---|" * len(columns),
    ]
    for line in sorted({result.run.case.line for result in results}, key=order):
        cells = (
            cell(one for one in of_client if one.run.case.line == line) for of_client in columns.values()
        )
        rows.append(f"| {line} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _score(name: str, results: Sequence[Result]) -> str:
    core = sum(result.mark != "✗" for result in results) / len(results)
    strict = sum(result.mark == "S" for result in results) / len(results)
    return f"| {name} | {len(results)} | {core:.1%} | {strict:.1%} |"
