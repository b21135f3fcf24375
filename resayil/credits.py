"""What a call costs in credits: always an estimate, since the documents give four formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal
from typing import Literal, NamedTuple

from resayil.messages import Usage
from resayil.models import SNAPSHOT, ModelInfo, bare, find
from resayil.tokens import TokenCount

LOCAL_MULTIPLIER = Decimal(1)
CLOUD_MULTIPLIER = Decimal(2)


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """How tokens become credits; the defaults are the one-page reference's.

    Attributes:
        basis: Tokens that count: prompt and answer, or the answer only.
        per: So many tokens cost one credit times the multiplier.
        multipliers: Multipliers by model id, before those of the model list.
        reconciled: Whether balances have confirmed it; until then every figure is an estimate.
    """

    basis: Literal["total", "output"] = "total"
    per: int = 1
    multipliers: Mapping[str, Decimal] = field(default_factory=dict)
    reconciled: bool = False

    def __hash__(self) -> int:
        return hash((self.basis, self.per, frozenset(self.multipliers.items()), self.reconciled))

    def multiplier(self, model: str, catalogue: Mapping[str, ModelInfo] = SNAPSHOT) -> Decimal:
        """Credits per token: as set here, as listed, else 2 for cloud ids and 1 for others."""
        if model in self.multipliers:
            return self.multipliers[model]
        info = find(model, catalogue)
        if info is not None and info.credit_multiplier is not None:
            return info.credit_multiplier
        return CLOUD_MULTIPLIER if bare(model) != model else LOCAL_MULTIPLIER

    def estimate(self, usage: Usage, model: str, catalogue: Mapping[str, ModelInfo] = SNAPSHOT) -> Decimal:
        """Estimated credits of a call."""
        tokens = usage.total_tokens if self.basis == "total" else usage.output_tokens
        return Decimal(tokens) / self.per * self.multiplier(model, catalogue)

    def cost(self, usage: Usage, model: str, catalogue: Mapping[str, ModelInfo] = SNAPSHOT) -> Cost:
        """The same, with whether it is known."""
        known = self.reconciled and not usage.estimated
        return Cost(self.estimate(usage, model, catalogue), estimated=not known)

    def forecast(
        self,
        prompt: TokenCount,
        model: str,
        catalogue: Mapping[str, ModelInfo] = SNAPSHOT,
        *,
        max_output: int,
    ) -> Forecast:
        """What a call will cost, before it is made.

        Args:
            prompt: Tokens of its prompt.
            model: The model that answers.
            catalogue: The model list.
            max_output: Tokens that the answer may have at most, or is assumed to.
        """

        def cost(tokens: int, output: int) -> Decimal:
            return self.estimate(Usage(tokens, output), model, catalogue)

        return Forecast(
            cost(prompt.tokens, max_output // 2),
            cost(prompt.low, 0),
            cost(prompt.high, max_output),
            prompt,
            max_output,
            model,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call has cost.

    Attributes:
        credits: So many.
        estimated: Whether they are an estimate: the tokens are, or no balances have confirmed the policy.
    """

    credits: Decimal
    estimated: bool


@dataclass(frozen=True, slots=True)
class Forecast:
    """The credits of a call that has not been made; an estimate, as every figure from tokens is.

    Attributes:
        credits: Likely: with half of the answer that is allowed.
        low: At least, with next to no answer.
        high: At most, with the longest answer.
        prompt: Tokens of the prompt.
        max_output: Tokens of the longest answer.
        model: The model that answers.
    """

    credits: Decimal
    low: Decimal
    high: Decimal
    prompt: TokenCount
    max_output: int
    model: str
    estimated: Literal[True] = True


class Interval(NamedTuple):
    """What lies between two balances that were read one after the other.

    Attributes:
        charged: Credits by which the balance fell; less than it was charged where credits were bought.
        usage: Tokens of the ledger's calls between them, by model.
    """

    charged: Decimal
    usage: Mapping[str, Usage]

    def estimate(self, policy: CreditPolicy, catalogue: Mapping[str, ModelInfo]) -> Decimal:
        """Estimated credits of its calls."""
        return sum(
            (policy.estimate(usage, model, catalogue) for model, usage in self.usage.items()), Decimal(0)
        )

    def fits(self, policy: CreditPolicy, catalogue: Mapping[str, ModelInfo]) -> bool:
        """Whether a policy explains what was charged."""
        return abs(self.estimate(policy, catalogue) - self.charged) <= CLOSE * self.charged


CLOSE = Decimal("0.01")
"""Share of what was charged by which an estimate of it may be off."""

RECENT = 5
"""Intervals that a policy has to explain: the newest, since prices change."""

WITNESSES = 2
"""Intervals that a multiplier of no list has to explain."""

_FORMULAS: tuple[tuple[Literal["total", "output"], int], ...] = (
    ("total", 1), ("output", 1), ("total", 1000), ("output", 1000),
)  # fmt: skip
"""Each that the documents give."""


def reconciled(
    policy: CreditPolicy, catalogue: Mapping[str, ModelInfo], intervals: Sequence[Interval]
) -> CreditPolicy | None:
    """The policy that explains what was charged, nearest to the given one; ``None`` where none does.

    The formulas of the documents are tried with the multipliers as they are, then with those of models that
    were alone between two balances, as these tell them.

    Args:
        policy: The policy so far.
        catalogue: The model list.
        intervals: Between balances, oldest first.
    """
    told = [interval for interval in intervals if interval.charged > 0 and interval.usage][-RECENT:]
    formulas = ((policy.basis, policy.per), *_FORMULAS)
    listed = [replace(policy, basis=basis, per=per, reconciled=True) for basis, per in formulas]
    corrected = [_corrected(one, told) for one in listed] if len(told) >= WITNESSES else []
    return next(
        (one for one in (*listed, *corrected) if told and all(it.fits(one, catalogue) for it in told)), None
    )


def _corrected(policy: CreditPolicy, intervals: Sequence[Interval]) -> CreditPolicy:
    """The policy with the multipliers that models had where each was alone, by its first such interval."""
    own = dict(policy.multipliers)
    for interval in reversed(intervals):
        if len(interval.usage) == 1:
            ((model, usage),) = interval.usage.items()
            cost = replace(policy, multipliers={model: Decimal(1)}).estimate(usage, model)
            if cost:
                own[model] = round(interval.charged / cost, 3)
    return replace(policy, multipliers=own)


MICRO = 1_000_000
"""Parts of a credit in which budgets and ledgers count, so that sums are exact everywhere."""


def micro(amount: Decimal) -> int:
    """An amount in millionths of a credit, rounded up."""
    return int((amount * MICRO).to_integral_value(ROUND_CEILING))


@dataclass(frozen=True, slots=True)
class Budget:
    """Credits that may be spent, by estimate, over everybody who shares it.

    Attributes:
        credits: So many.
        per: ``client``: each client has its own. ``day``: each UTC day, over all that share the key and the
            storage. ``run``: everything that names the same run, over the same.
        run: The run's name; by default one for this process.
    """

    credits: Decimal
    per: Literal["client", "run", "day"] = "client"
    run: str = ""


class Entry(NamedTuple):
    """One call in the ledger: no word of what was said.

    Attributes:
        at: Unix time in seconds.
        model: The model that answered.
        prompt_tokens: Tokens of the prompt.
        output_tokens: Tokens of the answer.
        amount: Millionths of a credit, by the policy.
        estimated: Whether the tokens are an estimate; the credits always are.
        tag: The caller's own word for the call.
    """

    at: float
    model: str
    prompt_tokens: int
    output_tokens: int
    amount: int
    estimated: bool
    tag: str = ""
