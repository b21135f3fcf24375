"""Credits as LangChain's callbacks hear of them."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_resayil.answers import CREDITS
from resayil.credits import MICRO

MAX_RUNS = 1_000
"""Runs whose credits are kept; the one that came first goes first."""


def credits_micro(message: BaseMessage) -> int | None:
    """What a message cost, in millionths of a credit; ``None`` where it does not say, 0 from a cache."""
    usage: Any = message.usage_metadata if isinstance(message, AIMessage) else None
    if usage is None or CREDITS not in usage:
        return None
    return 0 if usage.get("total_cost") == 0 else int(usage[CREDITS])


class CreditsCallbackHandler(BaseCallbackHandler):
    """Sums the estimated credits of everything that is run with it, in all and by run.

    ```python
    spent = CreditsCallbackHandler()
    agent.invoke({"messages": "..."}, config={"callbacks": [spent]})
    spent.total, spent.runs
    ```
    """

    run_inline = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._roots: dict[UUID, UUID] = {}
        self._micro: dict[UUID, int] = {}
        self._total = 0

    @property
    def total(self) -> Decimal:
        """Credits in all."""
        return Decimal(self._total) / MICRO

    @property
    def runs(self) -> dict[UUID, Decimal]:
        """Credits of each run by the id of its outermost call."""
        with self._lock:
            return {run: Decimal(micro) / MICRO for run, micro in self._micro.items()}

    def _begin(self, run_id: UUID, parent: UUID | None) -> None:
        with self._lock:
            self._roots[run_id] = self._roots.get(parent, parent) if parent else run_id

    def _end(self, run_id: UUID) -> None:
        with self._lock:
            self._roots.pop(run_id, None)

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        """A chain, a graph or a node begins."""
        self._begin(run_id, parent_run_id)

    def on_tool_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **__: Any) -> None:
        """A tool begins, which may hold an agent."""
        self._begin(run_id, parent_run_id)

    def on_chain_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """It is over."""
        self._end(run_id)

    def on_chain_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """It has failed."""
        self._end(run_id)

    def on_tool_end(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """It is over."""
        self._end(run_id)

    def on_tool_error(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """It has failed."""
        self._end(run_id)

    def on_chat_model_start(self, *_: Any, **__: Any) -> None:
        """A call begins; it costs nothing yet."""

    def on_llm_end(
        self, response: LLMResult, *, run_id: UUID, parent_run_id: UUID | None = None, **_: Any
    ) -> None:
        """Add what an answer cost."""
        answers = [
            made for prompt in response.generations for made in prompt if isinstance(made, ChatGeneration)
        ]
        cost = sum(credits_micro(answer.message) or 0 for answer in answers)
        with self._lock:
            root = self._roots.get(parent_run_id, parent_run_id) if parent_run_id else run_id
            self._micro[root] = self._micro.get(root, 0) + cost
            self._total += cost
            for old in list(self._micro)[:-MAX_RUNS]:
                self._micro.pop(old)
