"""Reasoning that a model writes as leading ``<think>…</think>`` text."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Splits an answer's text into reasoning and text, fragment by fragment.

    Only a tag at the very start counts, white space apart; anywhere else it is the answer's own text.
    ``decided`` turns true once nothing can be reasoning any more, so that a caller may stop asking.
    """

    def __init__(self) -> None:
        self.decided = False
        self._inside = False
        self._held = ""

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces of text in order, each with whether it is reasoning."""
        if self.decided:
            return [(False, text)]
        self._held += text
        if not self._inside:
            start = self._held.lstrip()
            if start.startswith(_OPEN):
                self._inside, self._held = True, start[len(_OPEN) :]
            elif _OPEN.startswith(start):
                return []
            else:
                return self._release(reasoning=False)
        return self._reasoning()

    def _reasoning(self) -> list[tuple[bool, str]]:
        before, tag, after = self._held.partition(_CLOSE)
        if tag:
            self.decided, self._held = True, ""
            return [(kind, piece) for kind, piece in ((True, before), (False, after)) if piece]
        keep = max((n for n in range(1, len(_CLOSE)) if before.endswith(_CLOSE[:n])), default=0)
        self._held = before[len(before) - keep :]
        piece = before[: len(before) - keep]
        return [(True, piece)] if piece else []

    def _release(self, *, reasoning: bool) -> list[tuple[bool, str]]:
        self.decided = True
        piece, self._held = self._held, ""
        return [(reasoning, piece)] if piece else []

    def close(self) -> list[tuple[bool, str]]:
        """What was held back to see whether a tag would come."""
        return self._release(reasoning=self._inside)
