"""Tool calls that came broken, where a host passes their arguments on as text and reads them itself.

What was streamed cannot be taken back, but a last fragment can follow: one behind which no JSON is read,
and that says why. In a history it is taken off again.
"""

from __future__ import annotations

import re

_MARK = re.compile("«[^«»]* not executable: (?P<reason>[^«»]*)»\\Z")


def mark(reason: str, ending: str = "]") -> str:
    """The fragment that says why a call is not to be executed.

    Args:
        reason: Why.
        ending: What keeps a reader that repairs JSON from doing so; the bracket does it behind an object,
            whose end it cannot be.
    """
    return f"«{ending} not executable: {re.sub('[«»]', '', reason)}»"


def unmarked(arguments: str) -> str:
    """The arguments as they came."""
    return _MARK.sub("", arguments)


def reason(arguments: str) -> str:
    """Why a call is broken, as its last fragment says; empty where none does."""
    match = _MARK.search(arguments)
    return match["reason"] if match else ""
