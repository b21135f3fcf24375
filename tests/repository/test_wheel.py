"""The wheel holds the packages of the tree and nothing else."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("resayil", "langchain_resayil", "litellm_provider", "resayil_n8n")
FROM_THE_TREE = {"resayil_n8n/templates/": "n8n/templates/"}
"""Folders of the wheel that stand elsewhere in the tree."""
METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from the tree as it stands, with the backend of the environment."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, check=False, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.iterdir()
    return zipfile.ZipFile(path)


def contents(wheel: zipfile.ZipFile) -> tuple[set[str], dict[str, bytes]]:
    """The wheel's own metadata, as names, and everything else with its bytes."""
    marker = ".dist-info/"
    names = wheel.namelist()
    metadata = {name.split(marker)[1] for name in names if marker in name}
    return metadata, {name: wheel.read(name) for name in names if marker not in name}


def in_tree(name: str) -> Path:
    """The file of the tree that a file of the wheel was made from."""
    for inside, outside in FROM_THE_TREE.items():
        if name.startswith(inside):
            return ROOT / name.replace(inside, outside, 1)
    return ROOT / name


def test_only_the_tree_is_inside(wheel: zipfile.ZipFile) -> None:
    """Every file of the wheel is, byte for byte, a file of one of the packages."""
    metadata, files = contents(wheel)
    assert metadata == METADATA
    assert {name.split("/")[0] for name in files} <= set(PACKAGES)
    assert not [name for name, content in files.items() if in_tree(name).read_bytes() != content]


def test_every_module_is_inside(wheel: zipfile.ZipFile) -> None:
    """No module or type marker of a package is left out."""
    _, files = contents(wheel)
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for pattern in ("*.py", "py.typed")
        for path in (ROOT / package).rglob(pattern)
    }
    assert expected <= set(files)


def test_the_templates_are_inside(wheel: zipfile.ZipFile) -> None:
    """The n8n templates, and what they are made of, travel with their package."""
    _, files = contents(wheel)
    expected = {f"resayil_n8n/templates/{path.name}" for path in (ROOT / "n8n" / "templates").iterdir()}
    parts = {
        path.relative_to(ROOT).as_posix()
        for folder in ("scripts", "samples")
        for path in (ROOT / "resayil_n8n" / folder).iterdir()
    }
    assert expected
    assert expected | parts <= set(files)


def test_nothing_runs_by_being_installed(wheel: zipfile.ZipFile) -> None:
    """No `.pth` file: installing the pack runs nothing when Python starts."""
    assert not [name for name in wheel.namelist() if name.endswith(".pth")]


def test_entry_points_name_modules_of_the_wheel(wheel: zipfile.ZipFile) -> None:
    """The command and the pytest plugin point at modules that the wheel carries."""
    points = configparser.ConfigParser()
    points.read_string(
        next(wheel.read(n).decode() for n in wheel.namelist() if n.endswith("entry_points.txt"))
    )
    modules = {
        value.split(":")[0].replace(".", "/")
        for group in points.sections()
        for _, value in points[group].items()
    }
    names = set(wheel.namelist())
    assert not [module for module in modules if not {f"{module}.py", f"{module}/__init__.py"} & names]
