"""What a call costs in credits: always an estimate, since the documents give four formulas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from resayil.messages import Usage
from resayil.models import SNAPSHOT, ModelInfo, bare, find

LOCAL_MULTIPLIER = Decimal(1)
CLOUD_MULTIPLIER = Decimal(2)


@dataclass(frozen=True, slots=True)
class CreditPolicy:
    """How tokens become credits; the defaults are the one-page reference's.

    Attributes:
        basis: Tokens that count: prompt and answer, or the answer only.
        per: So many tokens cost one credit times the multiplier.
        multipliers: Multipliers by model id, before those of the model list.
    """

    basis: Literal["total", "output"] = "total"
    per: int = 1
    multipliers: Mapping[str, Decimal] = field(default_factory=dict)

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
