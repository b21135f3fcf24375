"""Nothing that is known to be bad is locked, or allowed by a stated floor."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
KNOWN: list[Mapping[str, str]] = tomllib.loads((ROOT / "known_bad.toml").read_text("utf-8"))["bad"]


def found_bad(lock: str) -> list[str]:
    """The pins of a lock that stand on the list."""
    pins = re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lock, re.MULTILINE)
    return [
        f"{name}=={version}: {bad['reason']}"
        for name, version in pins
        for bad in KNOWN
        if bad["package"] == name and SpecifierSet(bad["range"]).contains(version, prereleases=True)
    ]


def floors() -> Iterator[tuple[str, str]]:
    """Every stated package with the lowest version that its requirement allows."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    project = stated["project"]
    groups = (*project["optional-dependencies"].values(), *stated["dependency-groups"].values())
    for requirement in map(Requirement, chain(project["dependencies"], *groups)):
        yield from ((requirement.name, one.version) for one in requirement.specifier if one.operator == ">=")


@pytest.mark.parametrize("bad", KNOWN, ids=lambda bad: f"{bad['package']}{bad['range']}")
def test_each_entry_says_what_why_and_whence(bad: Mapping[str, str]) -> None:
    """A range that can be read, a reason, and a public source."""
    assert bad.keys() == {"package", "range", "reason", "source"}
    assert str(SpecifierSet(bad["range"]))
    assert len(bad["reason"]) > 20
    assert bad["source"].startswith("https://")


def test_nothing_bad_is_locked() -> None:
    """No pin of the lock is in a range of the list."""
    assert found_bad((ROOT / "requirements.lock").read_text("utf-8")) == []


def test_no_floor_is_bad() -> None:
    """The lowest versions that the pack allows are on no range either."""
    assert found_bad("\n".join(f"{name}=={version}" for name, version in floors())) == []


@pytest.mark.parametrize("pin", ["litellm==1.82.8", "h11==0.14.0", "urllib3==2.6.3", "starlette==0.49.1"])
def test_a_bad_pin_is_found(pin: str) -> None:
    """The check sees a bad version in a lock's own form."""
    assert len(found_bad(f"{pin} ; python_version < '4' \\\n    --hash=sha256:00\n")) > 0
