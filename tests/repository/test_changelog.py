"""The changelog keeps the form of Keep a Changelog."""

import re
from datetime import date
from pathlib import Path

from resayil.version import VERSION

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
RELEASES = [line.removeprefix("## ") for line in LINES if line.startswith("## ")]
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_unreleased_changes_come_first() -> None:
    """The first section gathers what the next release will hold."""
    assert RELEASES[0] == "[Unreleased]"


def test_releases_are_dated_and_newest_first() -> None:
    """Each release has a version and a date, newest first, none ahead of the package's."""
    found = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\S+)", release) for release in RELEASES[1:]]
    assert all(found)
    releases = [
        (tuple(map(int, match.groups()[:3])), date.fromisoformat(match[4])) for match in found if match
    ]
    assert releases == sorted(releases, reverse=True)
    assert all(release <= tuple(map(int, VERSION.split("."))) for release, _ in releases)


def test_changes_are_grouped_by_kind() -> None:
    """Changes stand under the six kinds of the format."""
    assert {line.removeprefix("### ") for line in LINES if line.startswith("### ")} <= KINDS
