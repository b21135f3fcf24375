"""Local estimates: true counts lie within their bounds, and usage corrects them."""

from __future__ import annotations

import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from core.support import KEY, MODEL

from resayil import Client, TokenCount
from resayil.emulator import Emulator, Reply
from resayil.learned import MAX_STYLES, Learned
from resayil.messages import ChatRequest, user
from resayil.tokens import estimate_request, estimate_text, read_count

ARABIC = (
    "تقدّم شركة الرسيل خدمات الذكاء الاصطناعي للمطورين في الكويت والخليج، وتتيح الوصول إلى نماذج متعددة عبر "
    "واجهة برمجية واحدة. يمكنك إرسال الرسائل والصور واستدعاء الأدوات، ويُحسب الاستهلاك بالرصيد."
)
VOCALISED = "بِسْمِ اللَّهِ الرَّحْمَٰنِ الرَّحِيمِ الْحَمْدُ لِلَّهِ رَبِّ الْعَالَمِينَ الرَّحْمَٰنِ الرَّحِيمِ مَالِكِ يَوْمِ الدِّينِ"
ENGLISH = (
    "The service answers in two dialects. A client sends its key in one header, reads the reply as a "
    "stream of events, and counts what it has spent by the tokens of the prompt and of the answer."
)
TEXTS = {
    "arabic": ARABIC,
    "vocalised": VOCALISED,
    "english": ENGLISH,
    "mixed": "اطلب GET /v1/models مع Bearer ثم اقرأ context_window للنموذج qwen2.5:7b بسعر 12.500 د.ك",
    "dialect": "شلونك اليوم؟ ابي احجز طاولة حق اربع اشخاص الساعة ثمان ونص اذا في مجال، مشكورين",
    "digits": "الفاتورة رقم ٢٠٢٦٠٠١٢٣٤ بتاريخ 2026-11-20 والمبلغ ١٢٫٥٠٠ د.ك والخصم 15%",
    "json": json.dumps(
        {"name": "احجز", "items": [{"id": n, "price": 1.5 * n} for n in range(9)]}, ensure_ascii=False
    ),
    "code": "def area(radius: float) -> float:\n    return 3.14159 * radius ** 2\n\nprint(area(2.0))\n" * 3,
    "emoji": "تم الطلب ✅ شكرًا لك 🙏🏽 نراك قريبًا 👩‍💻🎉",
}
ENCODINGS = ("o200k_base", "cl100k_base")
LINE = 40
"""Characters from which a text is no single word that a vocabulary may hold whole."""


def _encoding(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A vocabulary that an installed package brings, read from its files."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
    import tiktoken  # noqa: PLC0415 - with its folder set

    return tiktoken.get_encoding(name)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("vocabulary", ENCODINGS)
def test_the_true_count_lies_within_the_bounds(
    vocabulary: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Low ≤ true ≤ high on Arabic, vocalised, mixed and English texts, for models of no known family."""
    true = len(_encoding(vocabulary, monkeypatch).encode(TEXTS[name]))
    rate = estimate_text(TEXTS[name])
    assert rate.low <= true <= rate.high, (rate, true)


@pytest.mark.parametrize("vocabulary", ENCODINGS)
def test_any_passage_lies_within_the_bounds(vocabulary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only whole texts: any run of words of a line's length, and any two of them mixed."""
    encoding, dice = _encoding(vocabulary, monkeypatch), random.Random(20)  # noqa: S311 - a test's

    def passage() -> str:
        words = dice.choice(list(TEXTS.values())).split(" ")
        first = dice.randrange(len(words))
        return " ".join(words[first : dice.randint(first, len(words)) + 1])

    for _ in range(2000):
        text = f"{passage()} {passage()}"
        rate = estimate_text(text)
        if len(text) >= LINE:
            assert rate.low <= len(encoding.encode(text)) <= rate.high, text


@pytest.mark.parametrize("name", ["arabic", "english", "mixed", "dialect"])
def test_the_likely_count_is_near_on_prose(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On prose the likeliest figure is within a third of o200k's count."""
    true = len(_encoding("o200k_base", monkeypatch).encode(TEXTS[name]))
    assert estimate_text(TEXTS[name]).likely == pytest.approx(true, rel=0.34)


def _strange(emulator: Emulator, per_character: float, calls: int) -> None:
    """Let the emulator count in a way that no table knows."""

    def answered(record: Any) -> Reply:
        text = "".join(turn["content"] for turn in record.body["messages"])
        return Reply("نعم", usage={"prompt_tokens": round(per_character * len(text)), "completion_tokens": 1})

    emulator.script([answered] * calls)


@pytest.mark.parametrize("per_character", [0.08, 1.7, 5.0])
@pytest.mark.parametrize("text", [ARABIC, ENGLISH])
def test_estimates_converge_within_ten_calls(per_character: float, text: str) -> None:
    """Ten calls teach a ratio that is not in the table: the next estimate is near, its bounds hold."""
    emulator = Emulator(oddities=["no-count-tokens"])
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    _strange(emulator, per_character, 10)
    for n in range(10):
        client.chat(MODEL, text[n:])
    unseen = f"{text} {text[:50]}"
    counted = client.count_tokens(MODEL, unseen)
    true = per_character * len(unseen)
    assert counted.tokens == pytest.approx(true, rel=0.1)
    assert counted.low <= true <= counted.high
    assert counted.high < 1.5 * true + 20
    assert counted.estimated


def test_one_call_proves_little() -> None:
    """After a single call the bounds still hold what the table holds."""
    emulator = Emulator(oddities=["no-count-tokens"])
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    before = client.count_tokens(MODEL, ENGLISH)
    _strange(emulator, 0.2, 1)
    client.chat(MODEL, ENGLISH)
    after = client.count_tokens(MODEL, ENGLISH)
    assert after.low <= before.low
    assert after.high >= before.high


def test_streams_teach_as_calls_do() -> None:
    """A stream's usage corrects estimates too."""
    emulator = Emulator(oddities=["no-count-tokens"])
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    _strange(emulator, 3.0, 6)
    for n in range(6):
        list(client.stream(MODEL, ENGLISH[n:]))
    assert client.count_tokens(MODEL, ENGLISH).tokens == pytest.approx(3.0 * len(ENGLISH), rel=0.1)


def test_one_script_does_not_teach_another() -> None:
    """What English prompts cost says nothing of Arabic ones, nor one model of another."""
    emulator = Emulator(oddities=["no-count-tokens"])
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    before = client.count_tokens(MODEL, ARABIC), client.count_tokens("mistral", ENGLISH)
    _strange(emulator, 3.0, 5)
    for _ in range(5):
        client.chat(MODEL, ENGLISH)
    assert (client.count_tokens(MODEL, ARABIC), client.count_tokens("mistral", ENGLISH)) == before


def test_what_usage_teaches_stays_bounded() -> None:
    """A thousand models and scripts at most; the one that was seen longest ago goes first."""
    learned, local = Learned(), estimate_request(ChatRequest("m", (user(ENGLISH),)))
    for number in range(MAX_STYLES + 1):
        learned.see_usage(ChatRequest(f"m{number}", (user(ENGLISH),)), local, 9)
        if number == 1:
            learned.see_usage(ChatRequest("m0", (user(ENGLISH),)), local, 9)
    assert [learned.calls_of(f"m{number}") for number in (0, 1, 2, MAX_STYLES)] == [2, 0, 1, 1]


def test_a_count_of_the_service_is_no_estimate() -> None:
    """Where the service counts, its figure is taken as it is."""
    emulator = Emulator()
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    counted = client.count_tokens(MODEL, ARABIC)
    assert counted == TokenCount(
        counted.tokens, counted.tokens, counted.tokens, estimated=False, source="service"
    )
    assert KEY not in repr(counted)


@pytest.mark.parametrize(
    ("reply", "count"),
    [
        ({"input_tokens": 7}, 7),
        ({"usage": {"input_tokens": 8}}, 8),
        ({}, None),
        ([], None),
        ({"tokens": "7"}, None),
    ],
)
def test_counts_are_read_under_any_name(reply: object, count: int | None) -> None:
    """The field of the service's answer has no documented name."""
    assert read_count(reply) == count
