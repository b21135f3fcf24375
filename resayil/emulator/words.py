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
JOINED = tuple("وفبل")
SHARED_PREFIX = 5


def folded(word: str) -> str:
    """One word without case, marks and alef variants."""
    return MARKS.sub("", word.lower()).translate(LETTERS)


def stem(word: str) -> str:
    """One word folded: case, marks and alef variants gone, the article and a common ending stripped."""
    bare = folded(word)
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


_STOPPED = {stem(word) for word in STOPWORDS}
_CONCEPT_OF = {stem(word): concept for concept, row in CONCEPTS.items() for word in (concept, *row)}


def concepts(text: str) -> set[str]:
    """What a text is about: its content words, folded, Arabic and English under one name."""
    plain = MARKS.sub("", text).replace("_", " ").replace("د.ك", " دينار ")
    words = (word for word in WORD.findall(CAMEL.sub(" ", plain)) if folded(word) not in STOPWORDS)
    return {about for word in words if len(about := _concept(word)) > 1}


def _concept(word: str) -> str:
    """The one name of what a word means, else its stem; nothing when it carries no meaning."""
    joined = word[:1] in JOINED and len(word) > SHORTEST_STEM
    known = (
        _CONCEPT_OF[stem(form)] for form in (word, word[1:] if joined else word) if stem(form) in _CONCEPT_OF
    )
    return next(known, "" if stem(word) in _STOPPED else stem(word))


def _alike(one: str, other: str) -> bool:
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
