"""A workflow file as the linter reads it: its nodes, notes, wires and texts, whatever else it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

STICKY = "n8n-nodes-base.stickyNote"
HTTP = "n8n-nodes-base.httpRequest"
SET = "n8n-nodes-base.set"
MANUAL = "n8n-nodes-base.manualTrigger"
TRIGGERS = re.compile(r"(?:Trigger|\.webhook)$", re.IGNORECASE)
NODE_SIZE = 96
SUB_NODES = "ai_"


class Box(NamedTuple):
    """A rectangle on the canvas, in pixels."""

    left: float
    top: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share an area."""
        return (
            self.left < other.left + other.width
            and other.left < self.left + self.width
            and self.top < other.top + other.height
            and other.top < self.top + self.height
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies wholly inside."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.left + other.width <= self.left + self.width
            and other.top + other.height <= self.top + self.height
        )


class Wire(NamedTuple):
    """A connection."""

    source: str
    target: str
    output: int
    kind: str


@dataclass(frozen=True)
class Sheet:
    """A workflow under review.

    Attributes:
        text: The file's text.
        workflow: Its JSON.
    """

    text: str
    workflow: Mapping[str, Any]

    @cached_property
    def everything(self) -> list[Mapping[str, Any]]:
        """Every node, notes included."""
        nodes = self.workflow.get("nodes")
        return [node for node in nodes if isinstance(node, Mapping)] if isinstance(nodes, list) else []

    @cached_property
    def nodes(self) -> list[Mapping[str, Any]]:
        """Every node but the notes."""
        return [node for node in self.everything if node.get("type") != STICKY]

    @cached_property
    def notes(self) -> list[Mapping[str, Any]]:
        """The sticky notes."""
        return [node for node in self.everything if node.get("type") == STICKY]

    def of_type(self, kind: str) -> list[Mapping[str, Any]]:
        """Every node of a type."""
        return [node for node in self.nodes if node.get("type") == kind]

    @cached_property
    def by_name(self) -> dict[str, Mapping[str, Any]]:
        """Nodes by their names."""
        return {str(node.get("name")): node for node in self.everything}

    @cached_property
    def wires(self) -> list[Wire]:
        """Every connection."""
        return list(self._wires())

    def _wires(self) -> Iterator[Wire]:
        for source, kinds in _items(self.workflow.get("connections")):
            for kind, outputs in _items(kinds):
                for n, targets in enumerate(outputs if isinstance(outputs, list) else ()):
                    for target in targets or ():
                        yield Wire(source, str(target.get("node")), n, kind)

    def targets(self, source: str, output: int) -> list[str]:
        """Where an output leads."""
        return [wire.target for wire in self.wires if wire[:1] == (source,) and wire.output == output]

    def reaches(self, start: str, goal: str) -> bool:
        """Whether there is a way along the wires."""
        seen, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            if here == goal:
                return True
            fresh = {wire.target for wire in self.wires if wire.source == here} - seen
            seen |= fresh
            waiting += fresh
        return False


def _items(value: object) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def parameters(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is set in a node."""
    found = node.get("parameters")
    return found if isinstance(found, Mapping) else {}


def box(node: Mapping[str, Any]) -> Box:
    """Where a node or note lies."""
    left, top = node.get("position") or (0, 0)
    set_in = parameters(node)
    if node.get("type") == STICKY:
        return Box(left, top, set_in.get("width", 240), set_in.get("height", 160))
    return Box(left, top, NODE_SIZE, NODE_SIZE)


def strings(value: object) -> Iterator[str]:
    """Every text inside a value, the names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield str(name)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
