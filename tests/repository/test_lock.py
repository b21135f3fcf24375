"""What is installed is pinned, hashed and free of addresses."""

import json
import re
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PACKAGE_LOCK: dict[str, Any] = json.loads(
    (ROOT / "tests/javascript/package-lock.json").read_text(encoding="utf-8")
)
NPM: dict[str, dict[str, Any]] = {name: entry for name, entry in PACKAGE_LOCK["packages"].items() if name}


def locked() -> dict[str, list[str]]:
    """Each pinned requirement with its hashes."""
    joined = re.sub(r"\\\n\s*", "", LOCK)
    lines = [line for line in joined.splitlines() if not line.lstrip().startswith("#")]
    return {line.split(" --hash=")[0]: re.findall(r"--hash=(\S+)", line) for line in lines}


def stated() -> list[Requirement]:
    """Every requirement that pyproject.toml states, but the project's own extras."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    texts = chain(project["dependencies"], *extras, *PROJECT["dependency-groups"].values())
    return [requirement for requirement in map(Requirement, texts) if requirement.name != project["name"]]


def test_each_line_is_a_pin_with_hashes() -> None:
    """A line pins one version and lists SHA-256 hashes, so that no other file can be installed."""
    pins = locked()
    assert pins
    assert not [line for line in pins if [pin.operator for pin in Requirement(line).specifier] != ["=="]]
    assert not [line for line, hashes in pins.items() if not hashes]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for hashes in pins.values() for value in hashes)


def test_no_addresses() -> None:
    """The lock names no index, host or file, so that it installs from any index."""
    assert "://" not in LOCK
    assert " @ " not in LOCK
    assert not re.search(r"^-", LOCK, re.MULTILINE)


def test_what_is_stated_is_locked() -> None:
    """Each stated requirement is locked at a version inside its range."""
    pins = [Requirement(line) for line in locked()]
    for requirement in stated():
        versions = [next(iter(pin.specifier)).version for pin in pins if pin.name == requirement.name]
        assert versions, f"{requirement} is not locked"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8"])
def test_malicious_litellm_is_excluded(version: str) -> None:
    """The two malicious LiteLLM uploads are excluded by name, whatever becomes of the floor."""
    ranges = [requirement.specifier for requirement in stated() if requirement.name == "litellm"]
    assert ranges
    for litellm in ranges:
        assert f"!={version}" in {str(specifier) for specifier in litellm}
        assert version not in litellm


def test_npm_packages_are_hashed_without_addresses() -> None:
    """Each npm package is locked by integrity hash and names no registry."""
    assert NPM
    assert not [name for name, entry in NPM.items() if not entry["integrity"].startswith("sha512-")]
    assert not [name for name, entry in NPM.items() if "resolved" in entry]
