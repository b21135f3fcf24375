"""What n8n keeps of a template: imported and exported again by its own command, it is the committed file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from n8n.bench import SLUGS, TEMPLATES, template
from n8n.rest import Rest
from n8n.server import N8n

pytestmark = pytest.mark.slow
PRIVATE = frozenset({
    "active", "activeVersion", "activeVersionId", "createdAt", "description", "id", "isArchived",
    "nodeGroups", "parentFolder", "shared", "sourceWorkflowId", "staticData", "tags", "triggerCount",
    "updatedAt", "versionCounter", "versionId", "versionMetadata",
})  # fmt: skip
"""What n8n's own export adds: places in its database, people, times."""


@pytest.fixture(scope="module")
def exported(n8n: N8n, rest: Rest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every template after n8n has imported and exported it, by its slug."""
    folder = tmp_path_factory.mktemp("exported")
    added = {slug: rest.add(template(slug)) for slug in SLUGS}
    n8n.command("export:workflow", "--all", "--separate", f"--output={folder}")
    for workflow in added.values():
        rest.remove(workflow)
    files = {slug: folder / f"{workflow['id']}.json" for slug, workflow in added.items()}
    return {slug: json.loads(path.read_text("utf-8")) for slug, path in files.items()}


@pytest.mark.parametrize("slug", SLUGS)
def test_export_gives_back_the_file(exported: dict[str, Any], slug: str) -> None:
    """Without what n8n adds for itself, nothing is changed, lost or added."""
    kept = {name: value for name, value in exported[slug].items() if name not in PRIVATE}
    assert kept == template(slug)


def test_each_template_has_its_picture() -> None:
    """The README's pictures are those of the templates, no more and no fewer."""
    assert sorted(path.stem for path in (TEMPLATES.parent / "images").glob("*.png")) == SLUGS
