"""The emulator's own count of tokens and price in credits.

The rule, the same on every machine: a run of Latin letters costs one token for every four letters begun, a
run of Arabic letters one for every two, digits one for every three, an Arabic vowel mark one for every two,
any other visible sign one each; white space is free.  Each turn costs four more, a picture 258.  It is a rule
of this emulator: the service's tokenisers are not public.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from resayil.emulator.values import Answer, Question, Turn, dumps

if TYPE_CHECKING:
    from resayil.emulator.catalogue import Model

PER_TURN = 4
PER_PICTURE = 258
RUNS = re.compile(
    "(?P<arabic>[\u0620-\u063f\u0641-\u064a\u066e-\u06d3]+)|(?P<mark>[\u0610-\u061a\u0640\u064b-\u065f\u0670]+)"
    r"|(?P<digit>\d+)|(?P<latin>[A-Za-z\u00c0-\u024f]+)|(?P<sign>\S)"
)
LETTERS_PER_TOKEN = {"arabic": 2, "mark": 2, "digit": 3, "latin": 4, "sign": 1}


def count(text: str) -> int:
    """Tokens of one text."""
    total = 0
    for run in RUNS.finditer(text):
        per_token = LETTERS_PER_TOKEN[run.lastgroup or "sign"]
        total += -(-(run.end() - run.start()) // per_token)
    return total


def fitting(text: str, budget: int) -> str:
    """The longest beginning of a text that costs no more than the budget."""
    spent, end = 0, 0
    for run in RUNS.finditer(text):
        per_token = LETTERS_PER_TOKEN[run.lastgroup or "sign"]
        length = run.end() - run.start()
        cost = -(-length // per_token)
        if spent + cost > budget:
            return text[: run.start() + (budget - spent) * per_token] if budget > spent else text[:end]
        spent, end = spent + cost, run.end()
    return text


def turn_count(turn: Turn) -> int:
    """Tokens of one turn, its calls and pictures included."""
    calls = sum(count(call.name) + count(call.arguments) for call in turn.calls)
    return PER_TURN + count(turn.text) + calls + PER_PICTURE * len(turn.pictures)


def prompt_count(question: Question) -> int:
    """Tokens of everything that was sent: turns, tools and the wanted schema."""
    tools = sum(count(dumps([tool.name, tool.description, tool.schema])) for tool in question.tools)
    schema = count(dumps(question.json_schema)) if question.json_schema else 0
    return tools + schema + turns_count(question.turns)


def turns_count(turns: Iterable[Turn]) -> int:
    """Tokens of several turns."""
    return sum(turn_count(turn) for turn in turns)


def answer_count(answer: Answer) -> int:
    """Tokens of what the model said, reasoning included."""
    calls = sum(count(call.name) + count(call.arguments) for call in answer.calls)
    return max(1, count(answer.text) + count(answer.reasoning) + calls)


def price(tokens: int, model: Model, *, per: int = 1) -> Decimal:
    """Credits for so many tokens: tokens times the model's multiplier, per token or per so many."""
    return tokens * model.multiplier / per
