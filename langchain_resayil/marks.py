"""Tool calls that came broken, in a stream.

LangChain joins the fragments of a tool call itself and repairs what is not whole JSON: a call cut at
``max_tokens`` would come out as a valid call with other arguments. Nothing that was streamed can be taken
back, but a last fragment can follow: one that no repair turns into an object, and that says why.
"""

from __future__ import annotations

import re

from langchain_core.utils.json import parse_partial_json

_ENDINGS = ("", "]", "}", ' "]', ' "}')
_MARK = re.compile("«[^«»]* not executable: (?P<reason>[^«»]*)»\\Z")


def mark(raw: str, reason: str) -> str:
    """The fragment that keeps LangChain from making a call of these arguments; empty where it would not."""
    if raw and not _is_repaired(raw):
        return ""
    note = f" not executable: {re.sub('[«»]', '', reason)}»"
    marks = ("«" + ending + note for ending in _ENDINGS)
    return next(mark for mark in marks if not _is_repaired(raw + mark))


def unmarked(arguments: str) -> str:
    """The arguments as they came."""
    return _MARK.sub("", arguments)


def reason(arguments: str) -> str:
    """Why a streamed call is broken, as its last fragment says; empty where none does."""
    match = _MARK.search(arguments)
    return match["reason"] if match else ""


def _is_repaired(text: str) -> bool:
    try:
        return isinstance(parse_partial_json(text), dict)
    except (ValueError, RecursionError):
        return False
