"""The formulas, worked by hand from the documents' examples under every policy they give."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from core.support import MODEL, async_client_of
from credits.support import client_of

from resayil import Budget, CreditPolicy, Forecast, TokenCount, Usage
from resayil.credits import Cost, micro
from resayil.emulator import Emulator
from resayil.models import ModelInfo

CATALOGUE = {
    "cheap": ModelInfo("cheap", credit_multiplier=Decimal("0.5")),
    "local": ModelInfo("local", credit_multiplier=Decimal(1)),
    "dear": ModelInfo("dear", credit_multiplier=Decimal("3.5")),
}

EXAMPLES = {
    "one-page reference": Usage(24, 9),
    "getting started": Usage(10, 25),
    "Messages API": Usage(14, 9),
}
"""The replies that the documents show, with their usage."""

# For each formula (basis, per) and model: the credits of the three examples, worked by hand.
WORKED: dict[tuple[str, int], dict[str, tuple[str, str, str]]] = {
    ("total", 1): {
        "local": ("33", "35", "23"),
        "any-cloud": ("66", "70", "46"),
        "any:cloud": ("66", "70", "46"),
        "unknown": ("33", "35", "23"),
        "cheap": ("16.5", "17.5", "11.5"),
        "dear": ("115.5", "122.5", "80.5"),
    },
    ("output", 1): {
        "local": ("9", "25", "9"),
        "any-cloud": ("18", "50", "18"),
        "dear": ("31.5", "87.5", "31.5"),
    },
    ("total", 1000): {
        "local": ("0.033", "0.035", "0.023"),
        "any-cloud": ("0.066", "0.07", "0.046"),
        "dear": ("0.1155", "0.1225", "0.0805"),
    },
    ("output", 1000): {
        "local": ("0.009", "0.025", "0.009"),
        "dear": ("0.0315", "0.0875", "0.0315"),
    },
}
CASES = [
    (basis, per, model, example, amount)
    for (basis, per), models in WORKED.items()
    for model, amounts in models.items()
    for example, amount in zip(EXAMPLES, amounts, strict=True)
]


@pytest.mark.parametrize(("basis", "per", "model", "example", "amount"), CASES)
def test_the_examples(basis: str, per: int, model: str, example: str, amount: str) -> None:
    """33 tokens x 1 = 33, and so on: each formula, multiplier and example."""
    policy = CreditPolicy(basis, per)  # type: ignore[arg-type] # the table's words
    assert policy.estimate(EXAMPLES[example], model, CATALOGUE) == Decimal(amount)
    assert policy.cost(EXAMPLES[example], model, CATALOGUE) == Cost(Decimal(amount), estimated=True)


def test_a_multiplier_that_was_set_wins() -> None:
    """Before the model list's and before those by kind."""
    policy = CreditPolicy(multipliers={"dear": Decimal("0.5"), "a-cloud": Decimal(3)})
    assert policy.estimate(Usage(100, 100), "dear", CATALOGUE) == 100
    assert policy.estimate(Usage(100, 100), "a-cloud", CATALOGUE) == 600


@pytest.mark.parametrize(("tokens", "policy"), list(product((True, False), repeat=2)))
def test_what_is_known_is_no_estimate(tokens: bool, policy: bool) -> None:  # noqa: FBT001 - parametrised
    """A cost is known where the tokens were counted and balances have confirmed the policy."""
    cost = CreditPolicy(reconciled=policy).cost(Usage(1, 1, estimated=tokens), "local", CATALOGUE)
    assert cost.estimated is (tokens or not policy)


def test_a_forecast_is_low_likely_and_high() -> None:
    """The prompt's bounds, with no answer, half of the longest one, and all of it."""
    prompt = TokenCount(100, 80, 130, estimated=True, source="local")
    forecast = CreditPolicy().forecast(prompt, "dear", CATALOGUE, max_output=50)
    assert forecast == Forecast(
        Decimal("437.5"), Decimal(280), Decimal(630), prompt, 50, "dear", estimated=True
    )
    assert CreditPolicy(basis="output").forecast(prompt, "local", CATALOGUE, max_output=50).high == 50


def test_fractions_are_counted_exactly() -> None:
    """Millionths of a credit, rounded up, never a float."""
    assert micro(Decimal("0.1")) == 100_000
    assert micro(Decimal("0.0000001")) == 1
    assert hash(CreditPolicy(multipliers={"a": Decimal(1)})) == hash(
        CreditPolicy(multipliers={"a": Decimal(1)})
    )


async def test_an_answer_has_its_cost() -> None:
    """By the list that the client has, sync or async."""
    emulator = Emulator()
    client, async_client = client_of(emulator), async_client_of(emulator.async_transport())
    for one in (client, async_client):
        one.catalogue = {MODEL: ModelInfo(MODEL, credit_multiplier=Decimal("3.5"))}
    answer = client.chat(MODEL, "س")
    cost = Cost(answer.usage.total_tokens * Decimal("3.5"), estimated=True)
    assert client.cost(answer) == async_client.cost(answer) == cost


def test_prices_come_from_the_live_list() -> None:
    """The model list is asked for once, before the first call that counts credits; without it, a warning."""
    emulator = Emulator()
    client = client_of(emulator, budgets=[Budget(Decimal(10**6))])
    for _ in range(3):
        client.chat(MODEL, "س")
    assert [record.path for record in emulator.requests].count("/v1/models") == 1
    other = Emulator()
    other.fault(500)
    unlucky = client_of(other, budgets=[Budget(Decimal(10**6))])
    with pytest.warns(UserWarning, match="prices are assumed"):
        assert unlucky.chat(MODEL, "س").text
