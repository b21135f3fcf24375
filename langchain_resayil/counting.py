"""Counts that the service made, kept so that none is asked for twice."""

from __future__ import annotations

from hashlib import blake2b

from resayil import ChatRequest, TokenCount
from resayil.codecs import CODECS
from resayil.jsontext import dump_bytes

MAX_COUNTS = 1_000
"""Prompts whose counts are kept; the one that came first goes first."""


class Counts:
    """The counts of prompts, each a prefix of some conversation; bounded, and no part of a model's value."""

    def __init__(self) -> None:
        self._counts: dict[bytes, TokenCount] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts)

    __hash__ = None  # type: ignore[assignment] # it changes

    def get(self, request: ChatRequest) -> TokenCount | None:
        """The count of a prompt, if it was counted before."""
        return self._counts.get(_digest(request))

    def keep(self, request: ChatRequest, count: TokenCount) -> TokenCount:
        """Keep a count that the service made; an estimate is not worth keeping."""
        if not count.estimated:
            self._counts[_digest(request)] = count
            for old in list(self._counts)[:-MAX_COUNTS]:
                self._counts.pop(old, None)
        return count


def _digest(request: ChatRequest) -> bytes:
    """A digest of all that the prompt says: bytes are stable."""
    return blake2b(dump_bytes(CODECS["chat"].encode(request)), digest_size=16).digest()
