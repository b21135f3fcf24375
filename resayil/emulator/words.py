"""Words and numbers of a text, folded so that Arabic and English can be compared.

Folding serves matching only: no text that is shown or sent passes through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from resayil.emulator.lexicon import CONCEPTS, STOPWORDS

MARKS = re.compile("[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3]")
LATIN = re.compile("[A-Za-z]")
WORD = re.compile(r"[^\W\d_]+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
NUMBER = re.compile(r"(?<![\w.])[-\u2212]?\d+(?:[.,\u066b\u066c]\d+)*")

LETTERS = str.maketrans("أإآٱىةؤئ", "اااايهوي")
DIGITS = {ord(char): str(value) for row in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹") for value, char in enumerate(row)}
PREFIXES = ("وبال", "وال", "بال", "فال", "كال", "لل", "ال")
SUFFIXES = (
    "تها",
    "تهم",
    "تنا",
    "تكم",
    "تي",
    "تك",
    "ته",
    "ها",
    "هم",
    "كم",
    "نا",
    "ات",
    "ون",
    "ين",
    "ه",
    "ي",
    "ك",
)
SHORTEST_STEM = 3
SHARED_PREFIX = 5


def stem(word: str) -> str:
    """One word folded: case, marks and alef variants gone, the article and a common ending stripped."""
    bare = MARKS.sub("", word.lower()).translate(LETTERS)
    if not ARABIC.search(bare):
        return (
            bare[:-1]
            if len(bare) > SHORTEST_STEM and bare.endswith("s") and not bare.endswith("ss")
            else bare
        )
    for prefix in PREFIXES:
        if bare.startswith(prefix) and len(bare) - len(prefix) >= SHORTEST_STEM:
            bare = bare[len(prefix) :]
            break
    for suffix in SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= SHORTEST_STEM:
            return bare[: -len(suffix)]
    return bare


_STOPPED = STOPWORDS | {stem(word) for word in STOPWORDS}
_CONCEPT_OF = {stem(word): concept for concept, row in CONCEPTS.items() for word in (concept, *row)}


def concepts(text: str) -> set[str]:
    """What a text is about: its content words, folded, Arabic and English under one name."""
    found: set[str] = set()
    plain = MARKS.sub("", text).replace("_", " ").replace("د.ك", " دينار ")
    for word in WORD.findall(CAMEL.sub(" ", plain)):
        for form in (word, word[1:]) if word[:1] in "وفبل" and len(word) > SHORTEST_STEM else (word,):
            folded = stem(form)
            if folded in _CONCEPT_OF:
                found.add(_CONCEPT_OF[folded])
                break
        else:
            folded = stem(word)
            if folded not in _STOPPED and word.lower() not in _STOPPED and len(folded) > 1:
                found.add(folded)
    return found


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    return min(len(one), len(other)) >= SHARED_PREFIX and one[:SHARED_PREFIX] == other[:SHARED_PREFIX]


def shared(mine: set[str], theirs: set[str]) -> set[str]:
    """The words of the first set that the second knows too."""
    return {word for word in mine if word in theirs or any(_alike(word, other) for other in theirs)}


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in a text."""

    written: str
    value: Decimal
    start: int
    end: int


def _parsed(written: str) -> Decimal | None:
    plain = written.translate(DIGITS).replace("\u2212", "-").replace("\u066c", "")
    plain = plain.replace("\u066b", ".")
    groups = plain.lstrip("-").split(",")
    thousands = len(groups) > 1 and all(len(group.split(".")[0]) == SHORTEST_STEM for group in groups[1:])
    plain = plain.replace(",", "" if thousands else ".")
    try:
        return Decimal(plain)
    except InvalidOperation:
        return None


def numbers(text: str) -> list[Number]:
    """Every number in a text, in Latin, Arabic-Indic or Persian digits, in order."""
    found = ((match, _parsed(match.group())) for match in NUMBER.finditer(text))
    return [
        Number(match.group(), value, match.start(), match.end())
        for match, value in found
        if value is not None
    ]


def is_arabic(text: str) -> bool:
    """Whether a reader of this text expects an answer in Arabic."""
    return len(ARABIC.findall(text)) * 2 > len(LATIN.findall(text))
