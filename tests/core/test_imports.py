"""Who may import whom, and what an import costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import resayil

PACKAGE = Path(resayil.__file__).parent
RIM = frozenset({"client", "pools", "transport", "async_client", "async_pools", "async_transport"})
NETWORK = frozenset({"bounded", "certificates", "connections", "deadline", "network"})
"""What httpx and httpcore are given; nothing of ours is below it."""
LIMITS = frozenset({"limiters", "limit_stores", "limit_file", "limit_redis", "books", "ledger"})
"""Below the transport, beside it: they wait for stores, and name no transport."""
ABOVE = frozenset({
    "async_client", "batch", "cli", "client", "doctor", "doctor_checks", "doctor_patient", "emulator",
    "pytest_plugin", "sharing",
})  # fmt: skip
ADAPTERS = frozenset({"langchain_resayil", "litellm_provider", "resayil_n8n"})
VALUES = frozenset({
    "accumulate", "billing", "credits", "errors", "events", "images", "jsontext", "marks", "messages",
    "models", "redaction", "schemas", "sse", "tokens", "tools",
})  # fmt: skip
"""Domain values and what reads and writes them; ``redaction`` and ``version`` stand below all."""
CODECS = VALUES | {"codecs"}
DECISIONS = CODECS | {
    "retry",
    "limits",
    "accounts",
    "capabilities",
    "adapt",
    "config",
    "learned",
    "options",
    "session",
    "opened",
    "effects",
    "flow",
    "forms",
    "calls",
    "version",
}
HEAVY = (
    "langchain",
    "langchain_core",
    "litellm",
    "openai",
    "anthropic",
    "tiktoken",
    "redis",
    "starlette",
    "typer",
)


def _modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def _home(path: Path) -> str:
    """The module of the package, or its folder: what an import of it begins with."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imported(path: Path) -> Iterator[str]:
    """Everything a module imports, at its top, for types only, or inside a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def _own(path: Path) -> set[str]:
    """The parts of the package that a module imports."""
    found = (name.split(".") for name in _imported(path))
    return {parts[1] for parts in found if parts[0] == "resayil" and len(parts) > 1} - {_home(path)}


def _in(homes: frozenset[str]) -> list[Path]:
    return [path for path in _modules() if _home(path) in homes]


@pytest.mark.parametrize(
    ("homes", "allowed"),
    [
        (VALUES, VALUES),
        (frozenset({"codecs"}), CODECS),
        (DECISIONS, DECISIONS),
        (frozenset({"emulator"}), frozenset[str]()),
    ],
    ids=["values", "codecs", "decisions", "emulator"],
)
def test_a_layer_imports_only_what_stands_below_it(homes: frozenset[str], allowed: frozenset[str]) -> None:
    """Values import values, codecs import values, decisions nothing of the rim, the emulator nothing."""
    found = {str(path.relative_to(PACKAGE)): sorted(_own(path) - allowed) for path in _in(homes)}
    assert not {path: names for path, names in found.items() if names}


def test_only_the_rim_imports_httpx() -> None:
    """What decides never sends: httpx stands in the transport, and in the client for its types."""
    users = {
        path.stem
        for path in _modules()
        if _home(path) != "emulator"
        and any(name.split(".")[0] in {"httpx", "httpcore"} for name in _imported(path))
    }
    assert users <= RIM | NETWORK
    assert "transport" in users


def test_nobody_below_imports_the_clients_the_emulator_or_an_adapter() -> None:
    """The core stands without what is built upon it."""
    for path in _modules():
        if _home(path) not in ABOVE:
            assert not _own(path) & ABOVE, path
            assert not {name.split(".")[0] for name in _imported(path)} & ADAPTERS, path


def test_every_module_has_its_place() -> None:
    """A new module is assigned to a layer before it is merged."""
    assert {_home(path) for path in _modules()} <= DECISIONS | RIM | ABOVE | NETWORK | LIMITS


def test_every_public_name_is_there() -> None:
    """Each name of the package can be had, is listed by dir(), and a wrong one says so."""
    for name in resayil.__all__:
        assert getattr(resayil, name) is not None
    assert dir(resayil) == sorted(resayil.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Clinet'"):
        _ = resayil.Clinet


def test_the_core_starts_without_the_heavy_packages() -> None:
    """Importing the pack and making a call loads none of the frameworks and SDKs around it."""
    program = (
        "import sys, resayil\n"
        "assert 'httpx' not in sys.modules and 'pydantic' not in sys.modules\n"
        "resayil.Client\n"
        "assert 'asyncio' not in sys.modules\n"
        "from resayil.emulator import Emulator\n"
        "e = Emulator()\n"
        "c = resayil.Client(e.key, e.base_url, transport=e.transport())\n"
        "assert c.chat('mistral', 'hello').text\n"
        "list(c.stream('mistral', 'hello'))\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
