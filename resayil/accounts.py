"""The credits of a client's calls: what each may cost, set aside before, settled after, and written down."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from resayil.config import Settings
from resayil.credits import Entry, Forecast, Interval, micro, reconciled
from resayil.effects import Enter, Reserve, Settle, Short, Weigh
from resayil.errors import BudgetExceededError
from resayil.learned import Learned
from resayil.messages import ChatRequest, Dialect, Usage
from resayil.tokens import TokenCount, estimate_request

if TYPE_CHECKING:
    from resayil.flow import Flow

TAUGHT = 50
"""Calls of a model after which its estimates are no longer corrected where nobody counts credits."""


@dataclass(slots=True)
class Ticket:
    """A call whose credits are set aside.

    Attributes:
        identity: Its name in the budgets.
        request: What is sent.
        local: The local estimate of its prompt, uncorrected; ``None`` where nothing is learned from it.
        tag: The caller's word for it.
    """

    identity: str
    request: ChatRequest
    local: TokenCount | None
    tag: str


class Accounts:
    """Decides what is set aside, settled and written down; the rim's `Books` does it.

    Args:
        settings: Policy, budgets, ledger.
        learned: Models and what their usage has taught.
        wall: Tells the wall-clock time.

    Attributes:
        kept: Whether credits are counted.
        policy: The settings' policy, or the one that balances have told.
    """

    def __init__(self, settings: Settings, learned: Learned, wall: Callable[[], float]) -> None:
        self._settings = settings
        self._learned = learned
        self._wall = wall
        self.kept = bool(settings.budgets or settings.ledger)
        self.policy = settings.credit_policy
        self._weighed = not settings.ledger

    def count(self, request: ChatRequest) -> TokenCount:
        """The local estimate of a prompt, corrected by what the model's usage has taught."""
        return self._learned.corrected(request, estimate_request(request))

    def forecast(self, request: ChatRequest, dialect: Dialect, prompt: TokenCount | None = None) -> Forecast:
        """What a request will cost."""
        settings = self._settings
        max_output = request.max_tokens or settings.assumed_output
        if dialect == "messages" and request.max_tokens is None:
            max_output = settings.default_max_tokens
        return self.policy.forecast(
            prompt or self.count(request), request.model, self._learned.catalogue, max_output=max_output
        )

    def begin(self) -> Flow[None]:
        """Take over what balances have told so far, once."""
        if not self._weighed:
            yield from self.weigh(None)

    def weigh(self, balance: Decimal | None) -> Flow[None]:
        """Write a balance down and take over the policy that the balances so far tell.

        A policy that was set stays as it is; balances can only confirm it.
        """
        if not self._settings.ledger:
            return
        self._weighed = True
        intervals: list[Interval] = yield Weigh(self._wall(), balance)
        given = self._settings.credit_policy
        found = reconciled(given, self._learned.catalogue, intervals)
        if "credit_policy" in self._settings.model_fields_set and found != replace(given, reconciled=True):
            found = None
        self.policy = found or given

    def open(self, request: ChatRequest, dialect: Dialect, tag: str) -> Flow[Ticket]:
        """Set aside what a call may cost at most.

        Raises:
            BudgetExceededError: a budget does not cover it; nothing is set aside, nothing was sent.
        """
        learns = self.kept or self._learned.calls_of(request.model) < TAUGHT
        identity = uuid.uuid4().hex if self._settings.budgets else ""
        ticket = Ticket(identity, request, estimate_request(request) if learns else None, tag)
        if identity:
            forecast = self.forecast(request, dialect)
            short: Short | None = yield Reserve(ticket.identity, micro(forecast.high))
            if short is not None:
                raise _exceeded(short, forecast)
        return ticket

    def settle(self, ticket: Ticket, usage: Usage | None) -> Flow[None]:
        """Replace what was set aside by what a call has cost, and write it down; ``None`` is nothing."""
        model = ticket.request.model
        if usage is not None and not usage.estimated and ticket.local is not None:
            self._learned.see_usage(ticket.request, ticket.local, usage.input_tokens)
        if not self.kept:
            return
        amount = 0 if usage is None else micro(self.policy.estimate(usage, model, self._learned.catalogue))
        if self._settings.budgets:
            yield Settle(ticket.identity, amount)
        if self._settings.ledger and usage is not None:
            tokens = usage.input_tokens, usage.output_tokens
            yield Enter(Entry(self._wall(), model, *tokens, amount, usage.estimated, ticket.tag))


def _exceeded(short: Short, forecast: Forecast) -> BudgetExceededError:
    budget = short.budget
    return BudgetExceededError(
        f"This call may cost {forecast.high:f} credits (estimated: a prompt of {forecast.prompt.low} to "
        f"{forecast.prompt.high} tokens and at most {forecast.max_output} of answer), and of the "
        f"{budget.credits:f} credits per {budget.per} {short.left:f} are left. Nothing was sent. "
        "Lower max_tokens, shorten the prompt, or raise the budget."
    )
