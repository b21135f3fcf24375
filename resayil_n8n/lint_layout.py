"""Rules of the canvas: notes in two languages, names, reading direction, nothing overlapping."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from resayil_n8n.canvas import WHITE
from resayil_n8n.sheet import SUB_NODES, Sheet, box, parameters

_ARABIC = re.compile(r"[\u0620-\u06FF]")
_LATIN = re.compile(r"[A-Za-z]{3}")
_DEFAULT_NAMES = re.compile(
    r"(?:HTTP Request|Edit Fields|Set|Code|If|IF|Switch|Webhook|Wait|Merge|Filter|Loop Over Items"
    r"|Split Out|Split In Batches|Aggregate|Respond to Webhook|Schedule Trigger|Error Trigger"
    r"|On form submission|Execute Workflow|When Executed by Another Workflow|When clicking .*"
    r"|When chat message received|AI Agent|Basic LLM Chain|OpenAI Chat Model|OpenAI|Simple Memory"
    r"|Window Buffer Memory|Calculator|Code Tool|Data table|Read/Write Files from Disk|Extract from File"
    r"|Convert to File|No Operation, do nothing)\d*"
)
_SECTION_WORDS = 50
_OVERVIEW_WORDS = (60, 400)
_FROM_NODES = 4


def _overview(sheet: Sheet) -> Iterator[tuple[str, str]]:
    yellow = [note for note in sheet.notes if "color" not in parameters(note)]
    if len(yellow) != 1:
        yield "", f"there are {len(yellow)} yellow notes: one tells what it does and how to set it up."
        return
    text = _text(yellow[0])
    least, most = _OVERVIEW_WORDS
    if not least <= len(text.split()) <= most:
        yield _name(yellow[0]), f"the overview has {len(text.split())} words: {least} to {most}."
    if not re.search(r"expected output|الناتج المتوقع", text, re.IGNORECASE):
        yield _name(yellow[0]), "the overview does not say what the sample gives (### Expected output)."
    if not re.search(r"set ?up|الإعداد", text, re.IGNORECASE):
        yield _name(yellow[0]), "the overview does not say how to set it up (### Setup)."


def _sections(sheet: Sheet) -> Iterator[tuple[str, str]]:
    white = [note for note in sheet.notes if parameters(note).get("color") == WHITE]
    inside = {_name(note): [n for n in sheet.nodes if box(note).holds(box(n))] for note in white}
    for note in white:
        held = inside[_name(note)]
        if len(held) <= 1:
            yield _name(note), "a section's note stands over two nodes at least."
        words = len(_text(note).split())
        if words > 2 * _SECTION_WORDS:
            yield _name(note), f"a section's note has {_SECTION_WORDS} words a language at most, not {words}."
    if len(sheet.nodes) >= _FROM_NODES:
        covered = {_name(node) for held in inside.values() for node in held}
        for node in sheet.nodes:
            if _name(node) not in covered:
                yield _name(node), "no white note stands over this node."


def _languages(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for note in sheet.notes:
        text = _text(note)
        if not (_ARABIC.search(text) and _LATIN.search(text)):
            yield _name(note), "a note speaks English and Arabic."


def _names(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        if _DEFAULT_NAMES.fullmatch(_name(node)):
            yield _name(node), "this is n8n's own name: say what the node does, with a verb."


def _overlap(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for one, other in combinations(sheet.nodes, 2):
        if box(one).overlaps(box(other)):
            yield _name(one), f"it lies over {_name(other)}."
    for one, other in combinations(sheet.notes, 2):
        if box(one).overlaps(box(other)):
            yield _name(one), f"it lies over the note {_name(other)}."
    for note in sheet.notes:
        for node in sheet.nodes:
            if box(note).overlaps(box(node)) and not box(note).holds(box(node)):
                yield _name(node), f"it lies across the edge of the note {_name(note)}."


def _direction(sheet: Sheet) -> Iterator[tuple[str, str]]:
    """To the right, or to a lower row; only what closes a loop may lead back."""
    for wire in sheet.wires:
        source, target = sheet.by_name.get(wire.source), sheet.by_name.get(wire.target)
        if source is None or target is None or wire.kind.startswith(SUB_NODES):
            continue
        here, there = box(source), box(target)
        onward = there.left > here.left or there.top > here.top
        if not onward and not sheet.reaches(wire.target, wire.source):
            yield wire.source, f"the wire to {wire.target} leads back to the left: lay it out left to right."


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name"))


def _text(note: Mapping[str, Any]) -> str:
    return str(parameters(note).get("content", ""))


RULES = {
    "overview": _overview,
    "sections": _sections,
    "languages": _languages,
    "names": _names,
    "overlap": _overlap,
    "direction": _direction,
}
