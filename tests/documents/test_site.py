"""The documentation as a site: it builds, no link of it is dead, and it loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import resayil

ROOT = Path(__file__).parents[2]
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The names, links and loaded resources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names, points to or loads."""
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            if (tag, name) in LOADED and value and ("rel", "canonical") not in attrs:
                self.loaded.append(value)
            elif tag == "a" and name == "href" and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def test_every_page_is_in_the_navigation(site: Path) -> None:
    """Each page of docs is built, and the front page leads to it or to its neighbours."""
    built = {path.parent.name for path in site.glob("*/index.html")}
    assert {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"} <= built


def test_no_link_is_dead_and_nothing_comes_from_elsewhere(site: Path) -> None:
    """Every link within the site names a page and a heading that are there."""
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        assert not [url for url in page.loaded if urlsplit(url).netloc], path
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].names | {"__top"}, f"{path}: {link}"


def test_every_setting_is_told() -> None:
    """The client's page names every setting there is, and none that is not."""
    page = (ROOT / "docs/client.md").read_text("utf-8").partition("## Settings")[2]
    told = set(re.findall(r"`([a-z_0-9]+)`", page.replace("(`auto`, `chat`, `messages`)", "")))
    assert told == set(resayil.Settings.model_fields)
