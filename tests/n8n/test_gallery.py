"""The templates inside n8n's own editor, served by ``resayil n8n serve`` and seen in Chromium."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from n8n.bench import SLUGS, template
from n8n.editor import signed_in
from n8n.rest import Rest
from n8n.server import N8n
from page.browser import PROGRAM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PROGRAM is None, reason="chromium is missing (`make system-deps`): n8n's editor is not shown"
    ),
]
COMMAND = Path(sys.executable).with_name("resayil")


@pytest.fixture
def library(n8n: N8n) -> Iterator[str]:
    """The running command; where it says that it answers."""
    with subprocess.Popen(
        [COMMAND, "n8n", "serve", "--json", "--editor", n8n.url, "--port", str(n8n.library_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        try:
            assert process.stdout
            yield json.loads(process.stdout.readline())["templates_host"]
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=20)
    assert said == ""


def test_the_editor_lists_the_templates_and_imports_one(n8n: N8n, rest: Rest, library: str) -> None:
    """Every template has its card; a click brings one to the canvas, whole; nothing else is asked."""
    chosen = template("02-robust-call")
    with signed_in(n8n) as editor:
        editor.page.goto("/templates/")
        cards = editor.page.locator("[data-test-id=template-card]")
        cards.nth(len(SLUGS) - 1).wait_for()
        shown = "\n".join(cards.all_inner_texts())
        assert [template(slug)["name"] for slug in SLUGS if template(slug)["name"] not in shown] == []
        assert cards.count() == len(SLUGS)
        cards.filter(has_text=chosen["name"]).click()
        editor.page.locator("[data-test-id=use-template-button]").first.click()
        editor.drawn(len(chosen["nodes"]))
        editor.save()
        assert {asked.split("/")[2] for asked in editor.asked if asked.startswith("http")} == {
            n8n.url.removeprefix("http://"),
            library.split("/")[2],
        }
    (kept,) = (each for each in rest.call("GET", "/workflows") if each["name"] == chosen["name"])
    kept = rest.call("GET", f"/workflows/{kept['id']}")
    # The editor moves the whole, and leaves out parameters that have their default value.
    assert [part(node) for node in kept["nodes"]] == [part(node) for node in chosen["nodes"]]
    assert kept["connections"] == chosen["connections"]
    rest.remove(kept)


def part(node: dict[str, Any]) -> list[Any]:
    """What the editor keeps of a node as it is."""
    return [node[field] for field in ("name", "type", "typeVersion")]
