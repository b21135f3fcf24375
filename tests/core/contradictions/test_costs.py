"""What is counted, charged and bought: rows C15, C16, C22–C25 and C34 of the table."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from core.contradictions.support import HISTORY, SOURCES
from core.support import MODEL, WEATHER, Scripted, client_of, emulator_of, json_reply

import resayil
from resayil import CreditPolicy, ModelInfo, Usage

FIELDS = ("token-count-field", "total-tokens-field", "tokens-field", "usage-count-field")


@pytest.mark.parametrize("oddities", [(), *((name,) for name in FIELDS)])
def test_c15_tokens_are_counted_by_the_service(oddities: tuple[str, ...]) -> None:
    """Model, messages, system and tools are counted, under whatever name the count comes."""
    emulator = emulator_of(*oddities)
    count = client_of(emulator.transport()).count_tokens(MODEL, HISTORY, tools=[WEATHER])
    assert not count.estimated
    assert count.low == count.tokens == count.high > 0
    assert emulator.requests[0].body.keys() == {"model", "messages", "system", "tools"}


@pytest.mark.parametrize("status", [404, 405, 422, 501])
def test_c15_no_counting_means_an_estimate(status: int) -> None:
    """Where the service does not count, a marked local estimate answers."""
    emulator = emulator_of()
    emulator.fault(status)
    count = client_of(emulator.transport()).count_tokens(MODEL, HISTORY)
    assert count.estimated
    assert count.source == "local"
    assert count.low < count.tokens < count.high


def test_c15_other_refusals_are_told() -> None:
    """A wrong key is not hidden behind an estimate."""
    emulator = emulator_of()
    emulator.fault(401)
    with pytest.raises(resayil.AuthenticationError):
        client_of(emulator.transport()).count_tokens(MODEL, "س")


@pytest.mark.parametrize("oddities", [(), ("billing-404",), ("wrapped-billing",)])
def test_c16_topups_are_read_never_bought(oddities: tuple[str, ...]) -> None:
    """The packs come from the billing pages or from the article's; nothing but GET is ever sent."""
    emulator = emulator_of(*oddities)
    client = client_of(emulator.transport())
    packs = client.topups()
    assert all(pack.credits and pack.price for pack in packs)
    if "billing-404" not in oddities:
        assert isinstance(client.topup_history(page=2), list)
        assert emulator.requests[-1].query == {"page": "2"}
    assert {request.method for request in emulator.requests} == {"GET"}


def test_c16_buying_is_a_link() -> None:
    """Without credits the error says where they are bought."""
    emulator = emulator_of()
    emulator.fault(402)
    with pytest.raises(resayil.InsufficientCreditsError, match="/billing/plans"):
        client_of(emulator.transport()).chat(MODEL, "س")


def test_c22_c23_c24_nothing_of_money_is_stated() -> None:
    """No amount, price, currency or payment system stands in the code; what is shown is what was read."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert not re.search(r"\b(?:KWD|USD|KNET|MyFatoorah|Stripe|PayPal)\b|5,000 credits", text)
    packs = [
        {"credits": 5000, "price": "2.000"},
        {"credits": 1, "amount": 0.25, "currency": "KWD", "name": "x"},
        "?",
    ]
    known, other = client_of(Scripted(json_reply({"data": {"packs": packs}}))).topups()
    assert (known.price, known.currency) == (Decimal("2.000"), None)
    assert (other.price, other.currency, other.extra) == (Decimal("0.25"), "KWD", {"name": "x"})


def test_c22_the_balance_is_read() -> None:
    """Credits come from the service, fractions and all, and unknown fields are kept."""
    body = {"status": "ok", "data": {"tier": "pro", "status": "active", "credits": "12.125", "x": 1}}
    balance = client_of(Scripted(json_reply(body))).balance()
    assert (balance.credits, balance.tier, balance.status) == (Decimal("12.125"), "pro", "active")
    assert balance.extra == {"x": 1}


@pytest.mark.parametrize("body", [[], {"x": 1}, None, {"data": []}])
def test_c22_a_reply_without_a_balance_is_no_zero(body: object) -> None:
    """What holds no subscription is an error, never a balance of nothing."""
    with pytest.raises(resayil.MalformedResponseError):
        client_of(Scripted(json_reply(body))).balance()
    with pytest.raises(resayil.MalformedResponseError):
        client_of(Scripted(json_reply({"data": {"x": 1}}))).topups()


def test_c25_the_credit_formula_is_a_setting() -> None:
    """Basis, unit and multipliers can be set; by default all tokens count, times what the list says."""
    usage = Usage(900, 100)
    catalogue = {"a": ModelInfo("a", credit_multiplier=Decimal("3.5")), "b": ModelInfo("b")}
    assert CreditPolicy().estimate(usage, "a", catalogue) == 3500
    assert CreditPolicy().estimate(usage, "b", catalogue) == 1000
    assert CreditPolicy().estimate(usage, "b:cloud", catalogue) == 2000
    assert CreditPolicy().estimate(usage, "c-cloud", {}) == 2000
    assert CreditPolicy(basis="output").estimate(usage, "a", catalogue) == 350
    assert CreditPolicy(per=1000).estimate(usage, "a", catalogue) == Decimal("3.5")
    assert CreditPolicy(multipliers={"a": Decimal(7)}).estimate(usage, "a", catalogue) == 7000
    assert "estimate" in (CreditPolicy.estimate.__doc__ or "").lower()


def test_c34_no_tokenizer_is_claimed() -> None:
    """An estimate has a low and a high figure and depends on the model; no tokenizer is shipped."""
    text = "مرحبًا بك في المتجر، كيف أساعدك اليوم؟ " * 20
    client = client_of(Scripted(json_reply({}, 404)))
    counts = {model: client.count_tokens(model, text) for model in ("qwen2.5:7b", "kimi-k2:1t", "unknown")}
    assert len({count.tokens for count in counts.values()}) == 3
    for count in counts.values():
        assert count.estimated
        assert count.low < count.tokens < count.high
    assert counts["unknown"].high > counts["qwen2.5:7b"].high
