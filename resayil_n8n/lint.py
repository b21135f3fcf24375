"""The rules of a good template, for the pack's own files and for anybody's.

Each rule is a function from a `Sheet` to what it finds; `RULES` is the table of all, and the tests hold one
deliberately bad file against each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from resayil_n8n import lint_import, lint_layout, lint_requests
from resayil_n8n.sheet import Sheet

Rule = Callable[[Sheet], Iterator[tuple[str, str]]]

RULES: Mapping[str, Rule] = {**lint_import.RULES, **lint_layout.RULES, **lint_requests.RULES}
"""Every rule by its name; a finding is the node's name, or nothing, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect.

    Attributes:
        rule: The rule's name.
        node: The node's name; empty where the whole file is meant.
        message: What is wrong, and what to do.
    """

    rule: str
    node: str
    message: str


def check(text: str) -> list[Finding]:
    """The defects of a workflow file's text."""
    try:
        workflow = json.loads(text)
    except ValueError as error:
        return [Finding("json", "", f"This is not JSON: {error}.")]
    if not isinstance(workflow, dict) or not isinstance(workflow.get("nodes"), list):
        return [Finding("json", "", "This is no workflow: it has no list of nodes.")]
    sheet = Sheet(text, workflow)
    return [Finding(name, node, message) for name, rule in RULES.items() for node, message in rule(sheet)]


def check_file(path: Path) -> list[Finding]:
    """The defects of a workflow file.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        return check(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        return [Finding("json", "", "This is not UTF-8.")]
