"""An answer brought to its limits and cut into pieces.

Pieces are counted in letters, not words, so that a stream of Arabic never arrives word by word; the bytes of
a stream are cut once more inside a letter, as a network may cut them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import cycle

from resayil.emulator import tokens
from resayil.emulator.values import Answer, Question, ToolCall

LENGTHS = (3, 5, 2, 6, 4)
CONTINUED = 0xC0


def limited(answer: Answer, question: Question) -> Answer:
    """The answer up to its stop sequence and within its tokens, with the reason why it ended."""
    if answer.finish:
        return answer
    answer = _stopped(answer, question.stop)
    if question.max_tokens is not None and tokens.answer_count(answer) > question.max_tokens:
        return _shortened(answer, question.max_tokens)
    if answer.stop_sequence is not None:
        return replace(answer, finish="stop_sequence")
    return replace(answer, finish="tool_calls" if answer.calls else "stop")


def _stopped(answer: Answer, stops: Iterable[str]) -> Answer:
    places = sorted((at, stop) for stop in stops if (at := answer.text.find(stop)) >= 0)
    if not places:
        return answer
    at, stop = places[0]
    return replace(answer, text=answer.text[:at], chunks=None, stop_sequence=stop)


def _shortened(answer: Answer, budget: int) -> Answer:
    """What fits: reasoning first, then text, then the calls; a call may be cut in its arguments."""
    reasoning = tokens.fitting(answer.reasoning, budget)
    budget -= tokens.count(reasoning)
    text = tokens.fitting(answer.text, budget)
    budget -= tokens.count(text)
    calls: list[ToolCall] = []
    for call in answer.calls:
        budget -= tokens.count(call.name)
        if budget <= 0:
            break
        calls.append(replace(call, arguments=tokens.fitting(call.arguments, budget)))
        budget -= tokens.count(calls[-1].arguments)
    return replace(
        answer,
        text=text,
        reasoning=reasoning,
        calls=tuple(calls),
        chunks=None,
        finish="length",
        stop_sequence=None,
    )


def pieces(text: str) -> Iterator[str]:
    """A text in pieces of a few letters."""
    at, lengths = 0, cycle(LENGTHS)
    while at < len(text):
        end = at + next(lengths)
        yield text[at:end]
        at = end


def torn(event: bytes) -> Iterator[bytes]:
    """The bytes of one event, cut inside their first letter that is more than one byte wide."""
    at = next((index for index, byte in enumerate(event) if byte >= CONTINUED), -1)
    if at < 0:
        yield event
        return
    yield event[: at + 1]
    yield event[at + 1 :]
