"""Each rule of the linter finds the file that was made to break it, and no other rule does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from resayil.cli.app import app
from resayil_n8n.lint import RULES, check, check_file

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.json"))


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_a_bad_file_is_found_by_its_rule_alone(path: Path) -> None:
    """A file is named for its rule; every message says what to do."""
    found = check_file(path)
    assert {finding.rule for finding in found} == {path.stem.split(".")[0]}
    assert all(finding.message.endswith(".") for finding in found)


def test_every_rule_has_a_bad_file() -> None:
    """A rule that nothing breaks proves nothing."""
    assert {path.stem.split(".")[0] for path in BAD} == {*RULES, "json"}


def test_the_file_they_are_made_of_is_good() -> None:
    """What the bad files differ from by one change."""
    assert check_file(HERE / "good.json") == []


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"nodes": {}}', '{"nodes": [1, null]}', '{"nodes": [{}]}']
)
def test_whatever_a_file_holds_is_told_in_words(text: str) -> None:
    """A user's own file may be anything."""
    assert check(text)


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    """Another encoding is named, not guessed."""
    (tmp_path / "x.json").write_bytes("{'أ'}".encode("cp1256"))
    assert [finding.message for finding in check_file(tmp_path / "x.json")] == ["This is not UTF-8."]


def test_check_tells_file_node_and_rule_and_ends_with_1() -> None:
    """In words and as JSON; 0 where nothing is found, 3 where a file cannot be read."""
    bad, good = HERE / "bad" / "bodies.json", HERE / "good.json"
    said = CliRunner().invoke(app, ["n8n", "check", str(bad), str(good)])
    assert said.exit_code == 1
    assert f"{bad}: [Send the request] a quote or line break" in said.stdout
    assert "2 files, 1 findings" in said.stderr
    told = CliRunner().invoke(app, ["n8n", "check", "--json", str(bad)])
    assert json.loads(told.stdout)[0]["rule"] == "bodies"
    assert CliRunner().invoke(app, ["n8n", "check", str(good)]).exit_code == 0
    assert CliRunner().invoke(app, ["n8n", "check", str(HERE / "missing.json")]).exit_code == 3


def test_list_names_every_template() -> None:
    """Name, title and what it does."""
    told = CliRunner().invoke(app, ["n8n", "list", "--json"])
    assert [row["name"][:2] for row in json.loads(told.stdout)][:2] == ["01", "02"]
    assert "02-robust-call" in CliRunner().invoke(app, ["n8n", "list"], env={"COLUMNS": "200"}).stdout


def test_export_writes_and_never_over_what_differs(tmp_path: Path) -> None:
    """All files or those named; a changed file is kept unless --force says otherwise."""
    run = CliRunner().invoke
    folder = tmp_path / "new"
    assert run(app, ["n8n", "export", str(folder), "--name", "02-robust-call"]).exit_code == 0
    file = folder / "02-robust-call.json"
    assert [path.name for path in folder.iterdir()] == [file.name]
    file.write_text("mine", "utf-8")
    kept = run(app, ["n8n", "export", str(folder)])
    assert (kept.exit_code, file.read_text("utf-8")) == (3, "mine")
    assert len(list(folder.iterdir())) == 1
    assert run(app, ["n8n", "export", str(folder), "--force", "--json"]).exit_code == 0
    assert json.loads(file.read_text("utf-8"))["nodes"]
    assert run(app, ["n8n", "export", str(folder), "--name", "99"]).exit_code == 2
    inside_a_file = run(app, ["n8n", "export", str(file / "deeper")])
    assert inside_a_file.exit_code == 3
    assert "Name a folder that can be written." in inside_a_file.stderr
