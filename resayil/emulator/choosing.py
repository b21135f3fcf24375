"""Which tools an unscripted answer calls, and with which words as their arguments' source.

A tool is called when the request forces one, or when the newest turn is the user's and its words speak of
the tool, or supply the numbers that its required parameters need.
"""

from __future__ import annotations

import re

from resayil.emulator.descriptions import described
from resayil.emulator.evidence import Evidence, is_identifier
from resayil.emulator.filling import NUMERIC, fill, kind_of, properties_of, required_of, words_of
from resayil.emulator.values import Question, Tool, ToolCall, Turn, dumps
from resayil.emulator.words import concepts, numbers, shared

BY_NAME, BY_PARAMETER, BY_DESCRIPTION = 2, 1, 1
ENOUGH = 2
LISTED = frozenset({"city", "country", "place", "location", "name", "id", "customer"})
LATER = re.compile(r"\bthen\b|\bafter that\b|\bafterwards\b|(?:^|\s)ثم\s|بعد ذلك", re.IGNORECASE)
DECLINED = re.compile(
    r"(?:do not|don't|without)\s+(?:use|using|call|calling)?\s*(?:any\s+)?tools?|لا تستخدم", re.IGNORECASE
)
_NAME = r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)*"
_NUMBER = r"[-\u2212]?\d+(?:[.\u066b]\d+)?"
LISTS = (
    re.compile(rf"{_NAME}(?:, {_NAME})*,? (?:and|&) {_NAME}"),
    re.compile(rf"{_NUMBER}(?:[,،] ?{_NUMBER})*[,،]? ?(?:and|&|و) ?{_NUMBER}"),
    re.compile(r"(?<=في )[^\s,،.؟?!؛]+(?:، ?[^\s,،.؟?!؛]+)* و(?:في )?[^\s,،.؟?!؛]+"),
)
ANY_OBJECT = {"type": "object"}
BETWEEN = re.compile(r",? (?:and|&) |[,،] ?| و(?:في )?|(?<=\d) ?(?:and|&|و) ?(?=\d)")


def newest_user(question: Question) -> int:
    """The place of the newest user turn, or -1."""
    places = (
        index for index in range(len(question.turns) - 1, -1, -1) if question.turns[index].role == "user"
    )
    return next(places, -1)


def since_user(question: Question) -> tuple[Turn, ...]:
    """The turns after the newest user turn."""
    return question.turns[newest_user(question) + 1 :]


def calls(question: Question) -> tuple[ToolCall, ...]:
    """The calls to make now; none when the answer is text."""
    if not question.tools or question.choice == "none":
        return ()
    wanted = _wanted(question)
    made = [ToolCall(tool.name, arguments) for tool in wanted for arguments in _arguments(tool, question)]
    return tuple(made if question.parallel else made[:1])


def evidence(question: Question, newest: str | None = None) -> Evidence:
    """The texts to take values from: the newest words and what came with them, then earlier turns."""
    at = newest_user(question)
    texts = [turn.text for turn in reversed(since_user(question)) if turn.role == "tool"]
    if at >= 0:
        turn = question.turns[at]
        texts = [
            turn.text if newest is None else newest,
            *(picture.text for picture in turn.pictures),
            *texts,
        ]
    earlier = [turn for turn in reversed(question.turns[: max(at, 0)]) if turn.role != "system"]
    texts += [turn.text for turn in earlier if turn.role == "user"]
    texts += [turn.text for turn in earlier if turn.role != "user"]
    return Evidence(tuple(text for text in texts if text))


def _wanted(question: Question) -> list[Tool]:
    done = {call.name for turn in since_user(question) for call in turn.calls}
    fresh = [tool for tool in question.tools if tool.name not in done]
    at = newest_user(question)
    text = question.turns[at].text if at >= 0 else ""
    if question.choice == "required":
        return _forced(question, fresh, text)
    if at < 0 or DECLINED.search(text):
        return []
    if done or question.turns[-1].role == "tool":
        return _named(fresh, text)[:1] if LATER.search(text) else []
    if question.turns[at].pictures:
        return []
    spoken = _spoken_of(fresh, text) or [tool for tool in fresh if _supplied(tool, question)][:1]
    return spoken[:1] if LATER.search(text) else spoken


def _forced(question: Question, fresh: list[Tool], text: str) -> list[Tool]:
    if question.named:
        return [tool for tool in question.tools if tool.name == question.named][:1]
    offered = fresh or list(question.tools)
    return _spoken_of(offered, text) or offered[:1]


def _score(tool: Tool, said: set[str]) -> int:
    named = shared(concepts(tool.name), said)
    parameters = shared(
        {word for name in properties_of(tool.schema) for word in concepts(name)} - named, said
    )
    described = shared(concepts(tool.description) - named - parameters, said)
    return BY_NAME * len(named) + BY_PARAMETER * len(parameters) + BY_DESCRIPTION * len(described)


def _spoken_of(tools: list[Tool], text: str) -> list[Tool]:
    """The best tool for these words, and every other whose name explains words that are left."""
    said = concepts(text)
    ranked = sorted(tools, key=lambda tool: -_score(tool, said))
    if not ranked or _score(ranked[0], said) < ENOUGH:
        return []
    chosen, left = [ranked[0]], said - shared(said, _about(ranked[0]))
    for tool in ranked[1:]:
        if explained := shared(left, concepts(tool.name)):
            chosen.append(tool)
            left -= explained
    return sorted(chosen, key=lambda tool: _mention(tool, text)) if len(chosen) > 1 else chosen


def _named(tools: list[Tool], text: str) -> list[Tool]:
    said = concepts(text)
    named = [tool for tool in tools if shared(concepts(tool.name), said)]
    return sorted(named, key=lambda tool: _mention(tool, text))


def _about(tool: Tool) -> set[str]:
    return concepts(tool.name) | {word for name in properties_of(tool.schema) for word in concepts(name)}


def _mention(tool: Tool, text: str) -> int:
    """Where the text first speaks of the tool."""
    names = concepts(tool.name)
    places = (match.start() for match in re.finditer(r"\S+", text) if shared(concepts(match.group()), names))
    return next(places, len(text))


def _needs_number(tool: Tool) -> list[str]:
    parts = properties_of(tool.schema)
    return [
        name
        for name in required_of(tool.schema)
        if kind_of(parts[name]) in NUMERIC or is_identifier(words_of(name))
    ]


def _supplied(tool: Tool, question: Question) -> bool:
    """Whether the newest words hold a number and the conversation one for each required parameter."""
    required = required_of(tool.schema)
    wanted = _needs_number(tool)
    texts = evidence(question).texts
    enough = texts and numbers(texts[0]) and sum(len(numbers(text)) for text in texts) >= len(wanted)
    return bool(wanted) and len(wanted) == len(required) and bool(enough)


def _arguments(tool: Tool, question: Question) -> list[str]:
    """The arguments of each call of a tool: one call for each item that they list."""
    at = newest_user(question)
    text = question.turns[at].text if at >= 0 else ""
    if tool.name == question.named and tool.schema == ANY_OBJECT:
        return [dumps(fill(described(question), evidence(question)))]
    versions = _versions(text) if _takes_one(tool) else [text]
    return [dumps(fill(tool.schema, evidence(question, version))) for version in versions]


def _takes_one(tool: Tool) -> bool:
    """Whether the tool's one required parameter is a single thing of which a text may list several."""
    required = required_of(tool.schema)
    if len(required) != 1:
        return False
    kind = kind_of(properties_of(tool.schema)[required[0]])
    return kind in NUMERIC or (kind == "string" and not LISTED.isdisjoint(words_of(required[0])))


def _versions(text: str) -> list[str]:
    """The same words with each item of a list in its place."""
    for pattern in LISTS:
        if match := pattern.search(text):
            parts = [part.strip() for part in BETWEEN.split(match.group())]
            return [text[: match.start()] + part + text[match.end() :] for part in parts if part]
    return [text]
