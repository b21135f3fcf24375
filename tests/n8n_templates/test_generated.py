"""The files in n8n/templates are what the generator writes, and what the linter finds good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from resayil_n8n import library
from resayil_n8n.canvas import Link, render
from resayil_n8n.flows import robust_call
from resayil_n8n.lint import check
from resayil_n8n.nodes import VERSIONS

FILES = Path(__file__).parents[2] / "n8n" / "templates"
NAMES = sorted(library.generated())


def test_every_file_is_there_and_no_other() -> None:
    """A template that is renamed leaves no old file behind."""
    assert sorted(path.name for path in FILES.iterdir()) == NAMES
    assert len({name[:2] for name in NAMES}) == 10


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_the_generator_writes(name: str) -> None:
    """Byte for byte: run ``python -m resayil_n8n n8n/templates`` after a change."""
    assert (FILES / name).read_bytes() == library.generated()[name].encode()


@pytest.mark.parametrize("name", NAMES)
def test_the_linter_finds_nothing(name: str) -> None:
    """The pack's own files keep the rules that users' files are held to."""
    assert check((FILES / name).read_text("utf-8")) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_arabic_and_english(name: str) -> None:
    """Arabic stands as Arabic, with each line isolated so that its full stop is at its end."""
    text = (FILES / name).read_text("utf-8")
    overview = json.loads(text)["nodes"][0]["parameters"]["content"]
    assert "### Setup" in overview
    assert "### \u2067الإعداد\u2069" in overview


def test_each_template_holds_the_robust_call_once_and_calls_itself() -> None:
    """All but the chat assistant, whose requests n8n builds; the same nodes in each, place and id apart."""
    seen: dict[str, set[str]] = {}
    for workflow in library.workflows():
        nodes = {node["name"]: node for node in render(workflow)["nodes"]}
        callers = [node for node in nodes.values() if node["type"] == "n8n-nodes-base.executeWorkflow"]
        if workflow.slug == "03-arabic-assistant":
            assert not callers
            continue
        assert callers
        assert all(c["parameters"]["workflowId"]["value"] == "={{ $workflow.id }}" for c in callers)
        for name in ("Receive the call", "Count the attempt", "Judge the reply", "Choose what comes next"):
            seen.setdefault(name, set()).add(json.dumps(nodes[name]["parameters"]))
    assert {name: len(texts) for name, texts in seen.items()} == dict.fromkeys(seen, 1)
    assert len(seen) == 4


def test_every_node_type_is_pinned() -> None:
    """A node of a type without a version cannot be rendered at all."""
    used = {node["type"] for workflow in library.workflows() for node in render(workflow)["nodes"]}
    assert used <= VERSIONS.keys()


def test_a_wire_to_nowhere_is_refused() -> None:
    """A template whose wires name a missing node is not written."""
    workflow = robust_call.WORKFLOW
    broken = type(workflow)(
        workflow.slug,
        workflow.title,
        workflow.summary,
        workflow.overview,
        workflow.bands,
        [*workflow.links, Link("Config", "Nobody")],
    )
    with pytest.raises(ValueError, match="links Nobody, which it does not hold"):
        render(broken)


def test_the_templates_lie_beside_the_package_or_inside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One loader for the tree and for an installed wheel, which carries them inside the package."""
    assert library.folder() == FILES
    inside = tmp_path / "resayil_n8n"
    (inside / "templates").mkdir(parents=True)
    monkeypatch.setattr(library, "__file__", str(inside / "library.py"))
    assert library.folder() == inside / "templates"
