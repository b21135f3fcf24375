"""The commands' words, in English or Arabic.

English stands in the code, as the argument of `say`; ``ar.json`` turns it into Arabic.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from importlib.resources import files

from resayil.jsontext import loads

VARIABLE = "RESAYIL_LANG"


class Language(StrEnum):
    """A language that the commands speak."""

    en = "en"
    ar = "ar"


CHOSEN = ContextVar("CHOSEN", default=Language.en)


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """What the commands say in a language, by its English; empty for English."""
    if language is Language.en:
        return {}
    told: Mapping[str, str] = loads((files("resayil.cli") / f"{language}.json").read_bytes())
    return told


def say(text: str, /, **values: object) -> str:
    """A text of the commands in the language that was chosen, its values filled in.

    Args:
        text: In English, with the names of values in braces.
        values: What stands for the names.
    """
    return catalogue(CHOSEN.get()).get(text, text).format(**values)
