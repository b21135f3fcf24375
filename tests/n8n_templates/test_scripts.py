"""The templates' scripts: sums, digits, sentence ends, rows, customers."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from n8n_templates.javascript import run, script

from resayil_n8n.bodies import plain_turns, tool_turns
from resayil_n8n.flows.messages_forecast import most_tokens
from resayil_n8n.tables import prices

RECEIPT = {
    "shop": "بقالة النور", "date": "2026-11-20", "currency": "KWD", "confidence": 0.9, "unclear": "",
    "items": [{"name": "خبز", "amount": "٠٫٢٥٠"}, {"name": "قهوة", "amount": "3.5"}], "total": "٣٫٧٥٠ د.ك",
}  # fmt: skip
LEAST = {"least_confidence": 0.8, "points_per_unit": 10, "language": "ar"}


def check(text: str, **answer: Any) -> dict[str, Any]:
    """What is made of a vision model's answer."""
    given = {"ok": True, "text": text, "credits_estimate": 5, "error": None, **answer}
    ((item,),) = run([{"source": script("check_receipt"), "steps": {"Config": [LEAST]}, "input": [given]}])
    return dict(item["json"])


def test_a_clear_receipt_adds_up_to_the_thousandth() -> None:
    """Arabic digits and Arabic decimal marks are read; amounts have three decimals."""
    found = check(f"```json\n{json.dumps(RECEIPT, ensure_ascii=False)}\n```")
    assert found["state"] == "clear"
    assert found["receipt"]["total"] == "3.750"
    assert found["receipt"]["thousandths"] == 3750
    assert [item["amount"] for item in found["receipt"]["items"]] == ["0.250", "3.500"]


@pytest.mark.parametrize(
    ("amount", "thousandths"),
    [
        ("١٬٢٣٤٫٥", 1_234_500), ("1,234.567", 1_234_567), ("۰٫۰۰۱", 1), ("KWD 2", 2000),
        ("-0.250", -250), ("0.1", 100), ("12.5.", 12_500), ("", None), ("مجاني", None), (None, None),
        ("1.2345", None), ("1,5", None),
    ],
)  # fmt: skip
def test_an_amount_is_read_or_not_at_all(amount: str | None, thousandths: int | None) -> None:
    """A figure with more places than a currency has is asked about, not rounded."""
    found = check(json.dumps({**RECEIPT, "items": [], "total": amount}))
    assert found["receipt"]["thousandths"] == thousandths
    assert (found["state"] == "clear") == (thousandths is not None)


@pytest.mark.parametrize(
    "changed",
    [{"total": "3.751"}, {"confidence": 0.5}, {"confidence": 7}, {"confidence": None}, {"unclear": "الشعار"}],
    ids=str,
)
def test_what_does_not_add_up_or_is_unsure_is_asked_about(changed: dict[str, Any]) -> None:
    """Each doubt has its reason in words."""
    found = check(json.dumps({**RECEIPT, **changed}))
    assert found["state"] == "unclear"
    assert len(found["problems"]) == 1


def test_no_json_is_unclear_and_no_answer_is_a_failure() -> None:
    """A model that chats is asked about; a call that failed keeps its error."""
    assert check("I cannot see it.")["state"] == "unclear"
    failed = check("", ok=False, error={"kind": "RateLimitError"})
    assert (failed["state"], failed["error"]["kind"]) == ("failed", "RateLimitError")


def test_points_are_counted_by_code() -> None:
    """Ten points a dinar, rounded down."""
    item = check(json.dumps(RECEIPT))
    ((done,),) = run([{"source": script("award_points"), "steps": {"Config": [LEAST]}, "input": [item]}])
    assert (done["json"]["points"], done["json"]["ok"]) == (37, True)


def cut(text: str, most: int, chunks: int = 10_000) -> Any:
    """The parts of a document."""
    config = {"chunk_characters": most, "most_chunks": chunks}
    (found,) = run([{"source": script("chunks"), "steps": {"Config": [config]}, "input": [{"text": text}]}])
    return found


TEXT = "بلغ السعر ٣٫٧٥٠ د.ك اليوم. هل يكفي؟ نعم؛ يكفي! It is 3.750, e.g. now… And then. كتابٌ جديدٌ۔ نهاية"


@pytest.mark.parametrize("most", [12, 20, 40, 1000])
def test_parts_joined_are_the_document(most: int) -> None:
    """No letter is lost, none is doubled, no part is too long."""
    parts = [item["json"]["chunk"] for item in cut(TEXT, most)]
    assert "".join(parts) == TEXT
    assert max(map(len, parts)) <= most


def test_parts_end_where_sentences_do() -> None:
    """Arabic question mark, semicolon and full stop end a sentence; the point in 3.750 does not."""
    parts = [item["json"]["chunk"].strip() for item in cut(TEXT, 30)]
    assert parts[0] == "بلغ السعر ٣٫٧٥٠ د.ك اليوم."
    assert parts[1] == "هل يكفي؟ نعم؛ يكفي!"
    assert not [part for part in parts if part.endswith("3")]


@pytest.mark.parametrize("mark", list(".!?؟؛۔…"))
def test_each_mark_ends_a_sentence(mark: str) -> None:
    """What follows goes into the next part whole, rather than as far as there is room."""
    parts = [item["json"]["chunk"] for item in cut(f"هل يكفي{mark} نعم هذا يكفي جدًا", 20)]
    assert parts == [f"هل يكفي{mark} ", "نعم هذا يكفي جدًا"]


def test_a_long_word_is_never_cut_inside_a_letter() -> None:
    """Marks stay with their letter, and both halves of an emoji together."""
    parts = [item["json"]["chunk"] for item in cut("كَتَبَ" * 5 + "👋" * 5, 7)]
    assert "".join(parts) == "كَتَبَ" * 5 + "👋" * 5
    assert not [part for part in parts if part[0] in "\u064e\u064b" or "\udc00" <= part[0] <= "\udfff"]


def test_an_empty_or_huge_document_stops_before_anything_is_sent() -> None:
    """The reason is told."""
    assert "holds no text" in cut("  ", 10)["raised"]
    assert "Nothing was sent" in cut(TEXT, 20, chunks=2)["raised"]


def test_rows_that_were_answered_are_left_out() -> None:
    """From a table's rows, and from a CSV file with commas, quotes and line breaks inside."""
    rows = [{"row_id": str(n), "input": "x"} for n in range(1, 5)]
    written = run(
        [
            {
                "source": script("row_result"),
                "steps": {"Take one row": [{"row_id": n, "input": 'a "quote", a\nbreak'}]},
                "input": [
                    {"ok": ok, "text": "نعم,", "error": None if ok else {"kind": "K", "message": 'm"'}}
                ],
            }
            for n, ok in (("1", True), ("2", False), ("3", True))
        ]
    )
    text = "".join(items[0]["json"]["line"] for items in written)
    table = [items[0]["json"] for items in written]
    steps = {"Take the sample rows": rows}
    source = script("rows_left")
    csv = {"source": source, "steps": steps, "binary": b64encode(text.encode()).decode()}
    found = run([csv, {"source": source, "steps": steps, "input": table}, {"source": source, "steps": steps}])
    assert [[item["json"]["row_id"] for item in items] for items in found] == [
        ["2", "4"],
        ["2", "4"],
        list("1234"),
    ]


@pytest.mark.parametrize(
    ("kind", "go_on"),
    [("InsufficientCreditsError", False), ("AuthenticationError", False), ("BadRequestError", True)],
)
def test_a_run_stops_where_no_other_row_would_do_better(kind: str, *, go_on: bool) -> None:
    """Without credits or with a wrong key nothing further is sent; a bad row is only noted."""
    answer = {"ok": False, "text": "", "error": {"kind": kind, "message": "m"}}
    steps = {"Take one row": [{"row_id": 1, "input": "x"}]}
    ((item,),) = run([{"source": script("row_result"), "steps": steps, "input": [answer]}])
    assert (item["json"]["go_on"], item["json"]["status"]) == (go_on, "failed")


WHATSAPP = {
    "language": "ar", "person_words": "موظف|agent", "person_hours": 1, "remembered_turns": 1,
    "number_field": "data.fromNumber", "text_field": "data.body", "id_field": "data.id",
    "instructions": "in {language}", "person_phone": "+1",
}  # fmt: skip


def decide(text: str, **known: str) -> dict[str, Any]:
    """Who answers a message, and in which language."""
    steps = {"Config": [WHATSAPP], "Read the message": [{"phone": "+2", "text": text}]}
    ((item,),) = run([{"source": script("whatsapp_decide"), "steps": steps, "input": [known]}])
    return dict(item["json"])


@pytest.mark.parametrize(
    ("text", "known", "language"),
    [
        ("hello", {}, "en"),
        ("مرحبا", {"language": "en"}, "ar"),
        ("👍", {"language": "en"}, "en"),
        ("٣", {}, "ar"),
    ],
)
def test_a_customers_language_is_kept(text: str, known: dict[str, str], language: str) -> None:
    """The letters decide; without letters the language stays."""
    assert decide(text, **known)["language"] == language


def test_a_person_takes_over_when_asked_and_stays() -> None:
    """While a person has taken over, the model is silent."""
    asked = decide("أريد موظف")
    assert (asked["who"], asked["asked"]) == ("person", True)
    later = decide("شكرا", person_until=asked["person_until"])
    assert (later["who"], later["asked"]) == ("person", False)
    assert decide("شكرا", person_until="1")["who"] == "model"


def test_a_failed_answer_is_told_to_both_and_turns_are_kept_short() -> None:
    """The customer gets a sentence, a person the message; the history holds the newest turns."""
    customer = {**decide("مرحبا"), "turns_before": [{"role": "user", "content": "old"}] * 2}
    steps = {"Config": [WHATSAPP], "Decide who answers": [customer]}
    source = script("whatsapp_reply", **plain_turns())
    answers = [{"ok": True, "text": "أهلا"}, {"ok": False, "error": {"kind": "OverloadedError"}}]
    (good,), (bad,) = run([{"source": source, "steps": steps, "input": [answer]} for answer in answers])
    assert good["json"]["outgoing"] == [{"phone": "+2", "message": "أهلا"}]
    assert json.loads(good["json"]["turns"]) == [
        {"role": "user", "content": "مرحبا"},
        {"role": "assistant", "content": "أهلا"},
    ]
    assert [message["phone"] for message in bad["json"]["outgoing"]] == ["+2", "+1"]


def test_a_delivery_is_read_where_config_says() -> None:
    """Nothing usable is left out; without an id the same words within a minute are one delivery."""
    bodies: list[dict[str, Any]] = [
        {"data": {"fromNumber": "+2", "body": "x", "id": "7"}}, {"data": {"fromNumber": "+2"}}, {},
        {"data": {"fromNumber": "+2", "body": "x"}},
    ]  # fmt: skip
    given = [{"body": body} for body in bodies]
    (items,) = run([{"source": script("whatsapp_read"), "steps": {"Config": [WHATSAPP]}, "input": given}])
    assert [item["json"]["usable"] for item in items] == [True, False, False, True]
    assert items[0]["json"]["message_id"] == "7"
    assert items[3]["json"]["message_id"].startswith("+2|x|")


def test_functions_are_run_and_answered_also_when_they_fail() -> None:
    """Parallel calls, an unknown function and broken arguments: each gets an answer with its id."""
    calls = [
        {
            "id": "a",
            "name": "order_status",
            "arguments": {"order_id": "١٠٢٤"},
            "arguments_text": "{}",
            "error": None,
        },
        {"id": "b", "name": "constructor", "arguments": {}, "arguments_text": "{}", "error": None},
        {"id": "c", "name": "delivery_fee", "arguments": None, "arguments_text": "{", "error": "broken"},
        {"id": "d", "name": "order_status", "arguments": {}, "arguments_text": "{}", "error": None},
    ]
    answer = {"ok": True, "text": "", "tool_calls": calls, "credits_estimate": 2, "error": None}
    steps = {"Config": [{"max_rounds": 2}], "Write the request": [{"body": {"messages": []}}]}
    source = script("run_functions", **tool_turns())
    past = {**steps, "Run the functions": [{"calls": [{"name": "x"}], "credits_estimate": 3}]}
    (first,), (last,) = run(
        [
            {"source": source, "steps": steps, "input": [answer]},
            {"source": source, "steps": past, "input": [answer], "run": 1},
        ]
    )
    said = first["json"]
    assert said["again"] is True
    assert [turn["role"] for turn in said["messages"]] == ["assistant", "tool", "tool", "tool", "tool"]
    assert [turn["tool_call_id"] for turn in said["messages"][1:]] == ["a", "b", "c", "d"]
    assert json.loads(said["messages"][1]["content"])["state"] == "on its way"
    assert "no function constructor" in said["messages"][2]["content"]
    assert "broken" in said["messages"][3]["content"]
    assert (last["json"]["again"], last["json"]["ok"]) == (False, False)
    assert last["json"]["error"]["kind"] == "TooManyRounds"
    assert (last["json"]["credits_estimate"], len(last["json"]["calls"])) == (5, 5)


def test_a_forecast_counts_or_estimates_and_stops_above_the_budget() -> None:
    """The service's count under any name; letters where it cannot count; a refused key stops too."""
    config = {"model": "m-cloud", "max_tokens": 10, "budget_credits": 50, "credits_per_token": 0,
              "instructions": "", "question": "اب"}  # fmt: skip
    source = script("forecast", PRICES=prices(), MOST=most_tokens())
    replies = [
        {"ok": True, "reply": {"usage": {"tokens": 5}}},
        {"ok": False, "reply": None, "error": {"status": 404, "kind": "NotFoundError"}},
        {"ok": False, "reply": None, "error": {"status": 401, "kind": "AuthenticationError"}},
    ]
    cases = [{"source": source, "steps": {"Config": [config]}, "input": [reply]} for reply in replies]
    counted, estimated, refused = (items[0]["json"] for items in run(cases))
    assert (counted["within"], counted["most"], counted["counted_by"]) == (True, 30, "service")
    assert (estimated["within"], estimated["counted_by"]) == (False, "estimate")
    assert estimated["error"]["kind"] == "BudgetExceededError"
    assert (refused["within"], refused["error"]["kind"]) == (False, "AuthenticationError")


@pytest.mark.parametrize(
    ("reply", "due"),
    [
        ({"credits": 499.5}, True),
        ({"status": "ok", "data": {"credits": "500"}}, False),
        ({}, True),
        ({"credits": None}, True),
    ],
    ids=str,
)
def test_a_balance_that_is_low_or_not_told_is_reported(reply: dict[str, Any], *, due: bool) -> None:
    """Plain or wrapped; a reply without a figure is not taken for plenty."""
    steps = {"Config": [{"least_credits": 500}]}
    answer = {"ok": True, "reply": reply, "error": None}
    ((item,),) = run([{"source": script("compare_balance"), "steps": steps, "input": [answer]}])
    assert item["json"]["due"] is due
    ((alert,),) = run([{"source": script("write_alert"), "input": [item["json"]]}])
    assert "credits" in alert["json"]["text"] or "balance" in alert["json"]["text"]
