"""The pack and its peers side by side: each line of the contract, one column for each client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from faults.cases import CASES
from faults.report import cell, order

Marks = Mapping[str, Mapping[str, Mapping[str, str]]]
"""By part of a line, surface and dialect."""

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


def _flat(marks: Marks) -> Iterator[tuple[str, str, str]]:
    """Line, client and mark of each run."""
    lines = {case.id: case.line for case in CASES}
    for part, surfaces in marks.items():
        for surface, dialects in surfaces.items():
            client = _CLIENTS[surface.replace(".", " ").split()[0]]
            for mark in dialects.values():
                yield lines[part], client, mark


def markdown(ours: Marks, theirs: Marks, notes: Sequence[str]) -> str:
    """The comparison, for people."""
    runs = [*_flat(ours), *_flat(theirs)]
    clients = list(dict.fromkeys(_CLIENTS.values()))
    rows = [
        "# The fault contract, played by other clients",
        "",
        "Written by `make faults PEERS=1`, with the server and the judge of",
        "[the results](fault-results.md), whose marks stand beside the others'. *Core* is what any client",
        "must do; *strict* asks for what this contract wants on top, as a count of attempts that may have",
        "been charged, which no other client has. **S** passes both, **c** core only, **✗** neither;",
        "`3S 1✗` counts the parts of a line, its dialects and its ways to call. Empty: it does not apply.",
        "",
        *notes,
        "",
        "| client | runs | core | strict |",
        "|---|---:|---:|---:|",
        *(_score(client, [mark for _, found, mark in runs if found == client]) for client in clients),
        "",
        "## Line by line",
        "",
        "| line | " + " | ".join(clients) + " |",
        "|---|" + "---|" * len(clients),
    ]
    for line in sorted({line for line, _, _ in runs}, key=order):
        cells = (
            cell(mark for at, found, mark in runs if (at, found) == (line, client)) for client in clients
        )
        rows.append(f"| {line} | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def _score(client: str, marks: Sequence[str]) -> str:
    core, strict = (sum(mark in good for mark in marks) / len(marks) for good in ("Sc", "S"))
    return f"| {client} | {len(marks)} | {core:.1%} | {strict:.1%} |"
