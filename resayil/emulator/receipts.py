"""Receipts: the text an image carries, read for its total."""

from __future__ import annotations

import re
from dataclasses import dataclass

CURRENCY = (
    r"د\.?\s?ك\.?|دينار(?: كويتي)?|KWD|KD|K\.D\.|ر\.?\s?س\.?|ريال|SAR|AED|د\.إ|درهم"
    r"|QAR|BHD|OMR|EGP|جنيه|USD|EUR|GBP|[$€£]"
)
_DIGITS = r"\d+(?:[.,\u066b\u066c]\d+)*"
AMOUNT = re.compile(rf"(?:(?:{CURRENCY})\s*)?{_DIGITS}(?:\s*(?:{CURRENCY}))?")
MONEY = re.compile(CURRENCY)
TOTAL = re.compile(
    r"المجموع|الإجمالي|الاجمالي|المبلغ المستحق|\b(?:grand )?total\b|\bamount due\b", re.IGNORECASE
)
PARTIAL = re.compile(r"الفرعي|قبل الضريبة|\bsub-?\s?total\b", re.IGNORECASE)
FEWEST_LINES = 2


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt says: its shop line and its total exactly as written."""

    title: str
    total: str


def read(text: str) -> Receipt | None:
    """The receipt in this text, when there is one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    priced = [line for line in lines if AMOUNT.search(line)]
    totals = [line for line in priced if TOTAL.search(line) and not PARTIAL.search(line)]
    if len(priced) < FEWEST_LINES or not totals:
        return None
    amount = AMOUNT.findall(totals[-1])[-1].strip()
    if not MONEY.search(amount) and (currency := MONEY.search(text)):
        amount = f"{amount} {currency.group()}"
    title = lines[0] if lines[0] not in priced else ""
    return Receipt(title, amount)


def amounts(text: str) -> list[str]:
    """Every amount of money in a text, as written with its currency."""
    return [match.group().strip() for match in AMOUNT.finditer(text) if MONEY.search(match.group())]
