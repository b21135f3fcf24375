from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from n8n.bench import Bench, golden
from n8n.rest import Execution

from resayil.emulator import Call, Reply
from resayil.emulator.scripts import Scripted

pytestmark = pytest.mark.slow
RECEIPT = {
    "shop": "مطعم البحر",
    "date": "2026-11-20",
    "currency": "KWD",
    "items": [{"name": "سمك مشوي", "amount": "٨٫٠٠٠"}, {"name": "شاي", "amount": "4.500"}],
    "total": "١٢٫٥٠٠",
    "confidence": 0.95,
    "unclear": "",
}
ORDER = Call("order_status", {"order_id": "1024"}, "call_order")
FEE = Call("delivery_fee", {"area": "السالمية"}, "call_fee")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model says to a template's own sample, and what comes out."""

    says: tuple[Scripted, ...]
    gives: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)


LOW = "الرصيد المتبقي 1000000، أقل من 2000000. / 1000000 credits left, below 2000000."
SAMPLES = {
    "01-first-check": Sample(
        ("أنا مساعد لغوي.",),
        {
            "healthy": True,
            "model_listed": True,
            "answer": "أنا مساعد لغوي.",
            "estimated": True,
            "problem": None,
        },
    ),
    "02-robust-call": Sample(
        (Reply("تحيّة معناها:\n«الأمان لكم» 👋", usage={"prompt_tokens": 30, "completion_tokens": 12}),),
        {
            "ok": True,
            "text": "تحيّة معناها:\n«الأمان لكم» 👋",
            "usage": {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42},
            "credits_estimate": 42,
            "attempts": 1,
            "error": None,
        },
    ),
    "04-receipt-by-photo": Sample((json.dumps(RECEIPT),), {"ok": True, "points": 125, "problems": []}),
    "05-function-calling": Sample(
        (Reply(calls=(ORDER, FEE)), "طلبك في الطريق، والتوصيل بدينار ونصف."),
        {"ok": True, "text": "طلبك في الطريق، والتوصيل بدينار ونصف.", "rounds": 2, "error": None},
    ),
    "06-messages-forecast": Sample(
        ("نعتذر عن التأخير.",), {"ok": True, "text": "نعتذر عن التأخير.", "error": None}
    ),
    "07-whatsapp-support": Sample(("نعم، نوصل إلى الجهراء.",), {"sent": True, "status": 200}),
    "09-document-summary": Sample(
        ("ملخص أول.", "ملخص ثانٍ.", "الملخص كله."),
        {"ok": True, "text": "الملخص كله.", "chunks": 2, "error": None},
    ),
    "10-credit-watch": Sample(
        (),
        {
            "sent": False,
            "text": "⚠️ الرصيد المتبقي 1000000، أقل من 2000000. / 1000000 credits left, below 2000000.",
        },
        {"least_credits": 2_000_000},
    ),
}
QUICK = frozenset({"01-first-check"})


def cases() -> list[Any]:
    """Every sample; `make test` runs one of plain HTTP requests, since the faults run another."""
    return [slug if slug in QUICK else pytest.param(slug, marks=pytest.mark.prove) for slug in SAMPLES]


def ran(bench: Bench, slug: str) -> Execution:
    """A template's sample, run to a good end."""
    sample = SAMPLES[slug]
    bench.emulator.script(sample.says)
    execution = bench.run(slug, **sample.settings)
    assert execution.status == "success", execution.error
    return execution


@pytest.mark.parametrize("slug", cases())
def test_the_sample_gives_what_the_note_says(bench: Bench, slug: str) -> None:
    """The button runs the template to its end; what it sent and gave is right, and the key is nowhere."""
    execution = ran(bench, slug)
    (given,) = execution.last
    expected = SAMPLES[slug].gives
    assert {name: given.get(name) for name in expected} == expected
    assert bench.asked() == golden(slug)
    assert bench.leaks() == []
