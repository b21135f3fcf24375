"""English and Arabic say the same."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import resayil.cli
from resayil.cli.exits import EXITS
from resayil.cli.language import CHOSEN, Language, catalogue, say
from resayil.messages import Message

FOLDER = Path(resayil.cli.__file__).parent
SPEAKERS = frozenset({"say", "failing"})
"""Functions whose first argument is said in the chosen language."""

ARABIC = catalogue(Language.ar)


def _said() -> Iterator[str]:
    """Every text that a command says."""
    yield from (row.meaning for row in EXITS)
    for path in FOLDER.glob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SPEAKERS:
                (first, *_) = node.args
                if isinstance(first, ast.Constant):
                    yield first.value
                elif isinstance(first, ast.Name) and first.id in constants:
                    yield constants[first.id]


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


SAID = sorted(set(_said()))


def test_what_is_said_was_found() -> None:
    """The search above finds constants, formatted texts and named ones; nothing is left over."""
    assert len(SAID) > 40
    assert sorted(ARABIC.keys() - set(SAID)) == []


@pytest.mark.parametrize("text", SAID)
def test_each_english_text_has_its_arabic(text: str) -> None:
    """It is there, it is Arabic, and it names the same values."""
    arabic = ARABIC[text]
    assert any("\u0620" <= letter <= "\u064a" for letter in arabic)
    assert _names(arabic) == _names(text)


def test_values_are_never_read_as_texts() -> None:
    """Braces in a value stay braces, in both languages."""
    assert say("Stopped: {reason}", reason="{x} {}") == "Stopped: {x} {}"
    token = CHOSEN.set(Language.ar)
    try:
        assert say("Stopped: {reason}", reason="{x} {}") == "توقّف: {x} {}"
        assert say("a text that nobody says", x=Message) == "a text that nobody says"
    finally:
        CHOSEN.reset(token)
