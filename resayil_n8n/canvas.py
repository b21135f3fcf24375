"""A workflow as a value, and its JSON: layout, notes, links and ids are computed, none is kept by hand."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from resayil_n8n.nodes import VERSIONS, WITH_WEBHOOK, Node

_IDS = uuid.UUID("6f1f2b1e-6e38-5a6b-9d51-2f6d3a2f7c10")
_CELL = 240
_ROW = 200
_NODE = 96
_PAD = 60
_GAP = 80
_OVERVIEW = 480
_CHARACTER = 6.9
_LINE = 19
_PARAGRAPH = 11
WHITE = 7
"""n8n's number of the white note; the yellow one has none."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a note says, in Markdown, in both languages."""

    en: str
    ar: str

    @property
    def text(self) -> str:
        """English, then Arabic; each Arabic line is isolated, so that its full stop stands at its end."""
        arabic = "\n".join(_isolated(line) for line in self.ar.strip().splitlines())
        return f"{self.en.strip()}\n\n{arabic}"


def _isolated(line: str) -> str:
    """A line of Arabic in a right-to-left isolate, after the mark that makes it a heading or an item."""
    text = line.lstrip("#-0123456789. ")
    mark = line[: len(line) - len(text)]
    return f"{mark}\u2067{text}\u2069" if text else line


@dataclass(frozen=True, slots=True)
class Section:
    """A white note over its nodes, which stand in a grid.

    Attributes:
        note: What this part does.
        rows: Nodes from left to right, row by row; ``None`` leaves a place free.
    """

    note: Note
    rows: Sequence[Sequence[Node | None]]

    @property
    def width(self) -> int:
        """In pixels."""
        return max(map(len, self.rows)) * _CELL + _PAD

    @property
    def head(self) -> int:
        """Height of the note's own text, in pixels."""
        return _text_height(self.note.text, self.width)

    def placed(self) -> Iterator[tuple[Node, int, int]]:
        """Each node with its place below the note's text, in pixels."""
        for y, row in enumerate(self.rows):
            for x, node in enumerate(row):
                if node is not None:
                    yield node, _PAD + x * _CELL, y * _ROW


def _text_height(text: str, width: int) -> int:
    """Height of a note's text, in pixels, a multiple of 20."""
    per_line = (width - 40) / _CHARACTER
    lines = sum(math.ceil(len(line) / per_line) for line in text.splitlines())
    gaps = text.count("\n\n") + text.count("#")
    return math.ceil((lines * _LINE + gaps * _PARAGRAPH + _PARAGRAPH) / 20) * 20


@dataclass(frozen=True, slots=True)
class Link:
    """A wire from one node's output to another's input."""

    source: str
    target: str
    output: int = 0
    kind: str = "main"


def chain(*nodes: Node) -> list[Link]:
    """Each node's first output into the next."""
    return [Link(left.name, right.name) for left, right in pairwise(nodes)]


def branch(source: Node, *targets: Node | None) -> list[Link]:
    """Output n into the n-th target; ``None`` leaves an output open."""
    return [Link(source.name, target.name, n) for n, target in enumerate(targets) if target is not None]


def sub(root: Node, kind: str, *nodes: Node) -> list[Link]:
    """Sub-nodes of an agent or chain: ``ai_languageModel``, ``ai_memory``, ``ai_tool``."""
    return [Link(node.name, root.name, 0, kind) for node in nodes]


@dataclass(frozen=True, slots=True)
class Workflow:
    """A template.

    Attributes:
        slug: Its file's name, without the ending.
        title: A verb, a thing, and where to.
        overview: The yellow note.
        bands: Sections side by side, band below band.
        links: The wires.
        summary: Two or three sentences for the gallery and the list.
    """

    slug: str
    title: str
    summary: str
    overview: Note
    bands: Sequence[Sequence[Section]]
    links: Sequence[Link]

    @property
    def nodes(self) -> list[Node]:
        """Every node but the notes."""
        return [node for band in self.bands for section in band for node, _, _ in section.placed()]


def identity(*names: str) -> str:
    """An id that is the same on every run."""
    return str(uuid.uuid5(_IDS, "/".join(names)))


def render(workflow: Workflow) -> dict[str, Any]:
    """The workflow as n8n reads it."""
    return {
        "name": workflow.title,
        "nodes": list(_nodes(workflow)),
        "connections": _connections(workflow),
        "settings": {"executionOrder": "v1"},
        "pinData": {},
        "meta": {"templateCredsSetupCompleted": False},
    }


def to_json(workflow: Workflow) -> str:
    """The file's text: Arabic as it is, two spaces, a line's end at the end."""
    return json.dumps(render(workflow), ensure_ascii=False, indent=2) + "\n"


def _nodes(workflow: Workflow) -> Iterator[dict[str, Any]]:
    text = workflow.overview.text
    yield _sticky(workflow, "Overview", text, (0, 0, _OVERVIEW, _text_height(text, _OVERVIEW)))
    top = 0
    for n, band in enumerate(workflow.bands):
        left, head = _OVERVIEW + _GAP, max(section.head for section in band)
        height = head + max(len(section.rows) for section in band) * _ROW
        for m, section in enumerate(band):
            name = f"Note {n + 1}.{m + 1}"
            box = (left, top, section.width, height)
            yield _sticky(workflow, name, section.note.text, box, color=WHITE)
            for node, x, y in section.placed():
                yield _node(workflow, node, left + x, top + head + y)
            left += section.width + _GAP // 4
        top += height + _GAP


def _node(workflow: Workflow, node: Node, x: int, y: int) -> dict[str, Any]:
    written: dict[str, Any] = {
        "parameters": dict(node.parameters),
        "id": identity(workflow.slug, node.name),
        "name": node.name,
        "type": node.type,
        "typeVersion": VERSIONS[node.type],
        "position": [x, y],
    }
    if node.type in WITH_WEBHOOK:
        written["webhookId"] = identity(workflow.slug, node.name, "webhook")
    return {**written, **node.settings}


def _sticky(
    workflow: Workflow, name: str, text: str, box: tuple[int, int, int, int], **color: int
) -> dict[str, Any]:
    left, top, width, height = box
    parameters = {"content": text, "height": height, "width": width, **color}
    return _node(workflow, Node(name, "n8n-nodes-base.stickyNote", parameters), left, top)


def _connections(workflow: Workflow) -> dict[str, Any]:
    known = {node.name for node in workflow.nodes}
    made: dict[str, Any] = {}
    for link in workflow.links:
        unknown = {link.source, link.target} - known
        if unknown:
            raise ValueError(f"{workflow.slug} links {', '.join(sorted(unknown))}, which it does not hold.")
        outputs = made.setdefault(link.source, {}).setdefault(link.kind, [])
        outputs.extend([] for _ in range(link.output + 1 - len(outputs)))
        outputs[link.output].append({"node": link.target, "type": link.kind, "index": 0})
    return made
