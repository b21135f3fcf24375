"""Tool calls that came broken, in a stream.

LangChain joins the fragments of a tool call itself and repairs what is not whole JSON: a call cut at
``max_tokens`` would come out as a valid call with other arguments. So the mark behind one has an ending
that no repair turns into an object.
"""

from __future__ import annotations

from langchain_core.utils.json import parse_partial_json

from resayil import marks
from resayil.marks import reason, unmarked

__all__ = ["mark", "reason", "unmarked"]

_ENDINGS = ("", "]", "}", ' "]', ' "}')


def mark(raw: str, reason: str) -> str:
    """The fragment that keeps LangChain from making a call of these arguments; empty where it would not."""
    if raw and not _is_repaired(raw):
        return ""
    made = (marks.mark(reason, ending) for ending in _ENDINGS)
    return next(mark for mark in made if not _is_repaired(raw + mark))


def _is_repaired(text: str) -> bool:
    try:
        return isinstance(parse_partial_json(text), dict)
    except (ValueError, RecursionError):
        return False
