"""What the tool binding's tests share: the types of their fixtures, a tool, and the results in a run."""

from __future__ import annotations

from collections.abc import Callable

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.tools import tool

from langchain_resayil import ResayilToolBinding

Bind = Callable[..., ResayilToolBinding]
Run = Callable[..., list[BaseMessage]]


def results_of(messages: list[BaseMessage]) -> list[tuple[str, str]]:
    """Status and text of each result."""
    return [(message.status, message.text) for message in messages if isinstance(message, ToolMessage)]


@tool
def pay(amount: float, note: str = "") -> str:
    """Pay an amount."""
    return f"paid {amount} {note}"
