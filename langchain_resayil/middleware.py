"""Middleware for agents: a budget of credits, and another try for calls that came broken.

It needs the package ``langchain``, which `ChatResayil` itself does without.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, cast

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse, hook_config
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langgraph.runtime import Runtime

from langchain_resayil.callbacks import credits_micro
from langchain_resayil.configured import ConfiguredModel
from langchain_resayil.convert import not_executed
from langchain_resayil.errors import BudgetExceededError, ConfigurationError
from resayil.credits import MICRO, Forecast, micro
from resayil.limit_stores import Purse

Response = ModelResponse[Any]


class CreditBudgetMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """A budget of credits, by estimate, for the agents that share this object.

    Each call of the model sets aside what it may cost at most; its answer's usage takes the place of that,
    and a call that fails gives it back. A call that the budget does not cover raises before it is sent.

    ```python
    budget = CreditBudgetMiddleware(50_000)
    agent = create_agent(ChatResayil(model="deepseek-v4-pro"), tools=[...], middleware=[budget])
    ```

    Several processes and restarts share a budget of the core instead: see ``budgets`` of `resayil.Settings`.

    Args:
        credits_: So many credits.
    """

    def __init__(self, credits_: float | Decimal | str) -> None:
        super().__init__()
        self.budget = Decimal(str(credits_))
        self._purse = Purse()
        self._lock = threading.Lock()

    @property
    def spent(self) -> Decimal:
        """Credits spent, those of calls under way included."""
        with self._lock:
            return Decimal(self._purse.total()) / MICRO

    @property
    def left(self) -> Decimal:
        """Credits left."""
        return self.budget - self.spent

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Response]
    ) -> Response:
        """Make the call, if the budget covers it.

        Raises:
            BudgetExceededError: it does not; nothing was sent.
        """
        with self._held(_forecast(request)) as settle:
            response = handler(request)
            settle(response)
            return response

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[Response]]
    ) -> Response:
        """As `wrap_model_call`."""
        with self._held(_forecast(request)) as settle:
            response = await handler(request)
            settle(response)
            return response

    @contextmanager
    def _held(self, forecast: Forecast) -> Iterator[Callable[[Response], None]]:
        """Set the highest cost aside; what is not settled is given back."""
        identity, cost = uuid.uuid4().hex, [0]
        with self._lock:
            left = self._purse.hold(identity, micro(forecast.high), micro(self.budget))
        if left is not None:
            raise BudgetExceededError(
                f"This call may cost {forecast.high:f} credits (estimated), and of the agent's "
                f"{self.budget:f} {Decimal(left) / MICRO:f} are left. Nothing was sent."
            )

        def settle(response: Response) -> None:
            known = [n for message in response.result if (n := credits_micro(message)) is not None]
            cost[0] = sum(known) if known else micro(forecast.high)

        try:
            yield settle
        finally:
            with self._lock:
                self._purse.settle(identity, cost[0])


def _forecast(request: ModelRequest[Any]) -> Forecast:
    if not isinstance(request.model, ConfiguredModel):
        raise ConfigurationError(
            f"A budget of credits is for ChatResayil; what {type(request.model).__name__} costs is not known."
        )
    first: list[BaseMessage] = [request.system_message] if request.system_message else []
    longest = request.model_settings.get("max_tokens")
    return request.model.forecast([*first, *request.messages], tools=request.tools, max_tokens=longest)


class RepairMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Asks again where an answer holds nothing but calls that cannot be executed.

    LangChain's agents execute ``tool_calls`` and end without them: a call with broken arguments, of a tool
    that was not offered, or cut at ``max_tokens`` stands in ``invalid_tool_calls``, and the agent would stop
    without a word. With this, each such call is answered by its reason, and the model is asked again.

    Args:
        repairs: So many times in a row.
    """

    def __init__(self, repairs: int = 1) -> None:
        super().__init__()
        self.repairs = repairs

    @hook_config(can_jump_to=["model"])
    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:  # noqa: ARG002 - LangChain's signature
        """Answer the broken calls of the newest answer."""
        messages = state["messages"]
        if not _is_broken(messages[-1]) or _tries(messages) > self.repairs:
            return None
        broken = cast("AIMessage", messages[-1]).invalid_tool_calls
        results = [
            ToolMessage(
                not_executed(call["error"] or ""),
                tool_call_id=call["id"] or call["name"] or "",
                name=call["name"],
                status="error",
            )
            for call in broken
        ]
        return {"messages": results, "jump_to": "model"}


def _is_broken(message: BaseMessage) -> bool:
    return isinstance(message, AIMessage) and bool(message.invalid_tool_calls) and not message.tool_calls


def _tries(messages: list[Any]) -> int:
    """How many answers in a row, the newest included, held nothing but broken calls."""
    answers = [message for message in messages if not isinstance(message, ToolMessage)]
    return next((n for n, message in enumerate(reversed(answers)) if not _is_broken(message)), len(answers))
