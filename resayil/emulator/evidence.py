"""What the conversation offers to fill an argument with: its numbers, its names, its places.

Numbers are given to the parameters whose names stand near them; what is left goes by order of appearance,
newest words first.  A number is used once as long as another is left.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from resayil.emulator.words import DIGITS, Number, concepts, numbers, shared

NEARBY = 24
QUOTED = re.compile("[\"'«“‘](?P<it>[^\"'«»“”‘’]{1,200})[\"'»”’]")
NAMED = re.compile(
    r"(?:named|called|name is|I am|I'm|اسمه|اسمها|اسمي|باسم|يدعى|تدعى|السيد|السيدة)\s+"
    r"(?P<it>[^\s,،.؟?!؛;]+(?:\s+[A-Z][\w'-]*)*)"
)
CAPITALISED = re.compile(r"(?<!^)(?<![.!?؟]\s)\b(?P<it>[A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)*)")
PLACE = re.compile(
    r"\b(?:in|at|for|near|around|of)\s+(?:the city of\s+)?"
    r"(?P<it>(?:[A-Z][a-z]{1,2}\.|[A-Z][\w'-]*)(?:,?\s+[A-Z][\w'-]*)*)"
)
LOOSE_PLACE = re.compile(r"\b(?:in|at|near)\s+(?P<it>[a-z][\w'-]*(?:\s+[a-z][\w'-]*)?)")
ARABIC_PLACE = re.compile(
    r"(?:^|\s)(?:في|لمدينة|بمدينة)\s+(?:مدينة\s+)?"
    r"(?P<it>[^\s,،.؟?!؛]+(?:\s+(?!اليوم|غدا|غداً|الآن|هذا|هذه|و|ثم|هل|ما|خلال|بعد|قبل|الى|إلى)[^\s,،.؟?!؛]+)?)"
)
ORIGIN = re.compile(r"(?:\bfrom\s+|(?:^|\s)من\s+)(?P<it>[^\s,،.؟?!؛]+)")
DESTINATION = re.compile(r"(?:\bto\s+|(?:^|\s)(?:إلى|الى)\s+)(?P<it>[A-Z\u0620-\u064a][^\s,،.؟?!؛]*)")
EMAIL = re.compile(r"(?P<it>[\w.+-]+@[\w-]+\.[\w.-]*\w)")
LINK = re.compile(r"(?P<it>https?://[^\s\"'<>]+)")
DATE = re.compile(r"(?P<it>\d{4}-\d{2}-\d{2})")
CODE = re.compile(r"(?P<it>\b[A-Z]{1,6}-?\d[\w-]*)")
TRAILING = " \t\n.,،؟?!؛;"

Finder = Callable[[str], str]


def _by(*patterns: re.Pattern[str]) -> Finder:
    def find(text: str) -> str:
        found = (match for pattern in patterns if (match := pattern.search(text)))
        return next((match["it"].strip(TRAILING) for match in found), "")

    return find


KINDS: tuple[tuple[frozenset[str], Finder], ...] = (
    (frozenset({"email"}), _by(EMAIL)),
    (frozenset({"url", "link", "uri"}), _by(LINK)),
    (frozenset({"date", "day", "deadline"}), _by(DATE)),
    (frozenset({"origin", "source", "departure", "from"}), _by(ORIGIN)),
    (frozenset({"destination", "arrival", "to"}), _by(DESTINATION)),
    (
        frozenset({"city", "country", "place", "location", "region", "address"}),
        _by(PLACE, ARABIC_PLACE, LOOSE_PLACE),
    ),
    (frozenset({"name", "customer", "person", "title", "recipient"}), _by(QUOTED, NAMED, CAPITALISED)),
)
IDENTIFIERS = frozenset({"id", "phone", "pin", "sku", "isbn", "order", "reference", "account", "key"})
ANY_STRING = _by(QUOTED)


@dataclass(slots=True)
class Evidence:
    """The texts to take values from, newest first, and the numbers in them.

    `own` counts how many texts at the front are the user's newest words.
    """

    texts: tuple[str, ...]
    taken: set[tuple[int, int]] = field(default_factory=set)

    def pool(self) -> list[tuple[int, Number]]:
        """Every number with the rank of its text, newest text first."""
        return [(rank, number) for rank, text in enumerate(self.texts) for number in numbers(text)]

    def closeness(self, rank: int, number: Number, words: set[str]) -> int:
        """How much the words beside a number, on its own line, speak of these things."""
        text = self.texts[rank]
        # What a number is comes before it more often than after it, so that counts double.
        before = text[max(0, number.start - NEARBY) : number.start].rpartition("\n")[2]
        after = text[number.end : number.end + NEARBY].partition("\n")[0]
        return 2 * len(shared(words, concepts(before))) + len(shared(words, concepts(after)))

    def assign(self, wanted: dict[str, set[str]]) -> dict[str, Number]:
        """Give each wanted parameter its number: best neighbours first, then order of appearance."""
        pool = [(rank, number) for rank, number in self.pool() if (rank, number.start) not in self.taken]
        scores = sorted(
            (-self.closeness(rank, number, words), rank, number.start, order, name, number)
            for order, (name, words) in enumerate(wanted.items())
            for rank, number in pool
        )
        given: dict[str, Number] = {}
        for _score, rank, start, _order, name, number in scores:
            if name not in given and (rank, start) not in self.taken:
                given[name] = number
                self.taken.add((rank, start))
        return given

    def written(self, words: set[str]) -> str:
        """The words of the conversation for a text parameter about these things, or nothing."""
        if shared(words, set(IDENTIFIERS)) and (code := self._first(_by(CODE))):
            return code
        for about, finder in KINDS:
            if words & about:
                return self._first(finder)
        return ""

    def quoted(self) -> str:
        """The newest quoted words."""
        return ANY_STRING(self.texts[0]) if self.texts else ""

    def newest(self) -> str:
        """The newest words, whole."""
        return self.texts[0].strip() if self.texts else ""

    def _first(self, finder: Finder) -> str:
        return next((found for text in self.texts if (found := finder(text))), "")


def latin_digits(text: str) -> str:
    """The same text with every digit in Latin form."""
    return text.translate(DIGITS)


def is_identifier(words: Iterable[str]) -> bool:
    """Whether a text parameter of these words wants a number or code."""
    return not IDENTIFIERS.isdisjoint(words)
