"""``resayil models`` and ``count``, exit codes, completion: as a person and as a script uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import pexpect
import pytest
from cli.screen import PATIENCE, Terminal
from typer.testing import CliRunner, Result

from resayil import errors
from resayil.cli.app import app
from resayil.cli.exits import CALLED_WRONGLY, DONE, EXITS, INTERRUPTED, exit_of
from resayil.emulator.server import Server
from resayil.errors import ResayilError


def _run(*arguments: str, service: Mapping[str, str] | None = None, typed: str = "") -> Result:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", **(service or {})}, input=typed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_models_as_a_table(service: Mapping[str, str]) -> None:
    """A person sees ids, windows, prices and who takes pictures; filters narrow it."""
    with Terminal("models", "--category", "vision", environment=service) as terminal:
        assert terminal.end() == 0
        assert "qwen3-vl:235b-instruct" in terminal.text
        assert "deepseek-v4-flash" not in terminal.text
        assert "✓" in terminal.text
    wide = _run("models", "--min-context", "100000", service=service)
    assert "131,072" in wide.stdout
    assert "llama3.2:3b" not in wide.stdout


def test_models_for_scripts(server: Server, service: Mapping[str, str]) -> None:
    """One line of JSON; one request; the snapshot sends none."""
    told = json.loads(_run("models", "qwen", "--json", service=service).stdout)
    assert {model["id"] for model in told} >= {"qwen2.5:7b", "qwen3-vl:235b-instruct"}
    assert all("qwen" in model["id"] for model in told)
    assert len(server.emulator.requests) == 1
    offline = json.loads(_run("models", "--vision", "--snapshot", "--json").stdout)
    assert [model["id"] for model in offline] == ["qwen3-vl:235b-instruct"]
    assert len(server.emulator.requests) == 1


def test_a_wrong_name_is_answered_with_the_nearest(service: Mapping[str, str]) -> None:
    """Exit code 1, the nearest names on the error stream, nothing but an empty list for a script."""
    with Terminal("models", "mistrl-smal", environment=service) as terminal:
        assert terminal.end() == 1
        assert "mistral-small3.2:24b" in terminal.text
    result = _run("--lang", "ar", "models", "mistrl", "--json", service=service)
    assert (result.exit_code, result.stdout) == (1, "[]\n")
    assert "أقرب الأسماء: mistral" in result.stderr


def test_a_filter_that_nothing_passes_has_no_nearest_name(service: Mapping[str, str]) -> None:
    """Exit code 1, and that there is none."""
    result = _run("models", "--category", "none", service=service)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "No model is like that.\n"


def test_the_snapshot_says_what_it_is() -> None:
    """Whoever reads the table sees that it is not the live list; a script asks for JSON."""
    assert "not the live list" in _run("models", "--snapshot").stdout


def test_the_version_is_the_packages() -> None:
    """Before any command."""
    result = _run("--version")
    assert (result.exit_code, result.stdout) == (0, f"resayil {version('resayil')}\n")


def test_count_by_the_service_and_here(server: Server, service: Mapping[str, str], tmp_path: Path) -> None:
    """A text, a file, a conversation, the standard input: exact by the service, else low to high."""
    with Terminal("count", "مرحبا بكم", environment=service) as terminal:
        assert terminal.end() == 0
        assert "counted by the service" in terminal.text
    assert len(server.emulator.requests) == 1
    (tmp_path / "t.txt").write_text("مرحبا بكم", "utf-8")
    turns = [{"role": "system", "content": "باختصار"}, {"role": "user", "content": "مرحبا بكم"}]
    for name, body in (("list.json", turns), ("body.json", {"model": "m", "messages": turns})):
        (tmp_path / name).write_text(json.dumps(body), "utf-8")

    def told(*arguments: str, typed: str = "") -> dict[str, object]:
        result = _run("count", *arguments, "--local", "--json", typed=typed)
        counted: dict[str, object] = json.loads(result.stdout)
        return counted

    text, file = told("مرحبا بكم"), told("--file", str(tmp_path / "t.txt"))
    assert text == file == told("-", typed="مرحبا بكم")
    assert text["low"] < text["tokens"] < text["high"]  # type: ignore[operator] # they are numbers
    assert (text["estimated"], text["source"]) == (True, "local")
    listed, body = (told("--messages", str(tmp_path / name)) for name in ("list.json", "body.json"))
    assert listed == body
    assert listed["tokens"] > text["tokens"]  # type: ignore[operator] # they are numbers
    assert len(server.emulator.requests) == 1
    assert "estimated here" in _run("count", "x", "--local").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ((), 2, "one of the three"),
        (("x", "--file", "y"), 2, "one of the three"),
        (("--file", "none.txt"), 3, "none.txt"),
        (("--messages", "pyproject.toml"), 3, "pyproject.toml"),
        (("--messages", "tests/javascript/package.json"), 8, "no list of messages"),
    ],
)
def test_a_count_of_nothing_is_told(arguments: tuple[str, ...], code: int, why: str) -> None:
    """A wrong call is 2, an unreadable file 3, a file without messages 8."""
    result = _run("count", *arguments, "--local")
    assert result.exit_code == code
    assert why in " ".join(result.stderr.replace("│", " ").split())


def _classes(base: type[ResayilError]) -> list[type[ResayilError]]:
    return [base, *(found for child in base.__subclasses__() for found in _classes(child))]


def test_every_error_class_has_its_exit_code() -> None:
    """Each class ends a command with one code, told once; no code is given twice, none is the shell's own."""
    public = [kind for kind in _classes(ResayilError) if kind.__module__ == errors.__name__]
    codes = {kind.__name__: exit_of(kind("x")).code for kind in public}
    assert codes["RateLimitError"] == codes["LocalRateLimitError"] == 6
    assert codes["BudgetExceededError"] == codes["InsufficientCreditsError"] == 4
    assert codes["APITimeoutError"] == codes["APIConnectionError"] == 9
    assert {name for name, code in codes.items() if code == 1} == {"ResayilError", "APIStatusError"}
    numbers = [row.code for row in EXITS]
    assert len(numbers) == len(set(numbers))
    assert {DONE, CALLED_WRONGLY, INTERRUPTED} <= set(numbers)
    assert not [number for number in numbers if 63 < number < 129]


def test_the_page_shows_the_table_as_it_is() -> None:
    """docs/command.md lists every exit code with its meaning and its errors."""
    page = (Path(__file__).parents[2] / "docs" / "command.md").read_text("utf-8")
    for row in EXITS:
        named = ", ".join(f"`{kind.__name__}`" for kind in row.errors)
        assert f"| {row.code} | {row.meaning} | {named} |".replace("|  |", "| |") in page


def test_the_shell_completes_commands_options_and_models(tmp_path: Path) -> None:
    """In bash, set up by the command itself: a tab after ``resayil mod`` and after ``--model mistral-``."""
    program = tmp_path / "bin" / "resayil"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom resayil.cli import main\nmain()\n")
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PS1": "ready ",
        "TERM": "dumb",
    }
    bash = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile"],
        env=environment,
        timeout=PATIENCE,
        dimensions=(40, 200),  # type: ignore[arg-type] # str keys and values are what it wants
    )
    try:
        bash.expect_exact(b"ready ")
        bash.sendline('eval "$(resayil --show-completion)"; echo set-"up"')
        bash.expect_exact(b"set-up")
        for typed, completed in (
            ("resayil mod", b"resayil models"),
            ("resayil chat --model mistral-", b"small3.2:24b"),
        ):
            bash.send(f"{typed}\t")
            bash.expect_exact(completed)
            bash.sendcontrol("u")
    finally:
        bash.close(force=True)


@pytest.mark.parametrize(
    ("arguments", "why"), [(("--profile", "april"), "march-2026"), (("--oddity", "none"), "no-done")]
)
def test_an_emulator_that_is_not_known_does_not_start(arguments: tuple[str, ...], why: str) -> None:
    """Exit code 1, with the names there are."""
    result = _run("emulator", "--port", "0", *arguments)
    assert result.exit_code == 1
    assert "did not start" in result.stderr
    assert why in result.stderr


def test_an_emulator_whose_port_is_taken_does_not_start(server: Server) -> None:
    """Exit code 1, with the system's reason."""
    result = _run("emulator", "--port", str(server.port))
    assert result.exit_code == 1
    assert "did not start" in result.stderr


def test_an_emulator_without_its_packages_says_what_to_install() -> None:
    """Exit code 2, and the extra by name."""
    program = "import sys; sys.modules['uvicorn'] = None; from resayil.cli import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "emulator"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert "needs uvicorn: pip install 'resayil[emulator]'" in ran.stderr


def test_the_command_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    """Exit code 2, and the extra by name."""
    program = (
        "import importlib.util as u, sys\n"
        "found = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name in ('typer', 'rich') else found(name, *a)\n"
        "from resayil.cli import main\n"
        "main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 2
    assert "pip install 'resayil[cli" in ran.stderr
