"""Credits as money, and the models as LiteLLM's price map wants them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from resayil.credits import CreditPolicy
from resayil.errors import ConfigurationError
from resayil.messages import Usage
from resayil.models import SNAPSHOT, ModelInfo, decimal, sees

PROVIDER = "resayil"


@dataclass(frozen=True, slots=True)
class CreditPrice:
    """What a call costs; every figure from tokens is an estimate.

    Attributes:
        per_credit: Money for one credit; ``None`` where nobody has said.
        multiplier: Credits per token, before the policy's and the model list's.
        policy: How tokens become credits, as the core's setting ``credit_policy`` says.
    """

    per_credit: Decimal | None = None
    multiplier: Decimal | None = None
    policy: CreditPolicy = field(default_factory=CreditPolicy)

    def credits(self, usage: Usage, model: str) -> Decimal:
        """Estimated credits of a call."""
        if self.multiplier is None:
            return self.policy.estimate(usage, model)
        own = {**self.policy.multipliers, model: self.multiplier}
        return replace(self.policy, multipliers=own).estimate(usage, model)

    def cost(self, usage: Usage, model: str) -> float | None:
        """The call's cost in the money of the price."""
        return None if self.per_credit is None else float(self.credits(usage, model) * self.per_credit)


def read_price(per_credit: object, multiplier: object, policy: CreditPolicy | None = None) -> CreditPrice:
    """A price from numbers as YAML or an environment gives them.

    Raises:
        ConfigurationError: no numbers.
    """
    return CreditPrice(
        _number(per_credit, "credit_price"),
        _number(multiplier, "credit_multiplier"),
        policy or CreditPolicy(),
    )


def _number(value: object, name: str) -> Decimal | None:
    number = decimal(value)
    if value is not None and (number is None or number < 0):
        raise ConfigurationError(f"{name} is a number from 0 up, not {value!r:.40}.")
    return number


def price_map(
    models: Iterable[ModelInfo] = SNAPSHOT.values(), credit_price: Decimal | float | str | None = None
) -> dict[str, dict[str, Any]]:
    """The entries for ``litellm.register_model``: windows, capabilities, and prices where one is set.

    What is not known of a model is left out, except tools, which the service documents for chat as such.
    """
    return {f"{PROVIDER}/{info.id}": entry(info, _number(credit_price, "credit_price")) for info in models}


def entry(info: ModelInfo, credit_price: Decimal | None) -> dict[str, Any]:
    """What LiteLLM may know of one model."""
    said: dict[str, Any] = {
        "litellm_provider": PROVIDER,
        "mode": "chat",
        "supports_function_calling": True,
        "supports_tool_choice": True,
        "supports_system_messages": True,
        "supports_vision": sees(info.id, {info.id: info}) is True,
        "supports_reasoning": info.category == "thinking",
    }
    if info.context_window:
        said |= dict.fromkeys(("max_tokens", "max_input_tokens"), info.context_window)
    if credit_price is not None:
        multiplier = CreditPolicy().multiplier(info.id, {info.id: info})
        said |= dict.fromkeys(
            ("input_cost_per_token", "output_cost_per_token"), float(multiplier * credit_price)
        )
    return said
