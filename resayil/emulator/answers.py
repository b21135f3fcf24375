"""What the emulator says when nothing was scripted.

It is no model: it calls tools, fills schemas, reports what it can read of an image, quotes tool results, and
otherwise says that it is the emulator and repeats the question.  The same request always gets the same words.
"""

from __future__ import annotations

import json
import re

from resayil.emulator import choosing, prompts, receipts
from resayil.emulator.catalogue import Model
from resayil.emulator.descriptions import described
from resayil.emulator.filling import fill
from resayil.emulator.phrases import PHRASES, label
from resayil.emulator.values import Answer, Json, Picture, Question, Turn, dumps
from resayil.emulator.words import is_arabic, numbers

NAME_TOLD = re.compile(r"(?:my name is|I am called|call me|اسمي)\s+(?P<it>[^\s.,،؟?!؛]+)", re.IGNORECASE)
NAME_ASKED = re.compile(
    r"what(?:'s| is) my name|my name\?|ما (?:هو )?اسمي|ماذا (?:كان )?اسمي|تعرف اسمي", re.IGNORECASE
)
LONGEST_QUOTE = 400
COMMAS = {"ar": "، ", "en": ", "}


def compose(question: Question, model: Model) -> Answer:
    """The answer to a question, before stop sequences and the token limit."""
    if prompted := prompts.read(question):
        return prompted.written(compose(prompted.question, model))
    if calls := choosing.calls(question):
        names = _comma(question).join(dict.fromkeys(call.name for call in calls))
        return Answer(calls=calls, reasoning=_reasoning(question, model, "tool", names))
    text = _text(question, model)
    return Answer(text, reasoning=_reasoning(question, model, "text", ""))


def language(question: Question) -> str:
    """The language to answer in: that of the newest user words, else of the system prompt."""
    at = choosing.newest_user(question)
    said = question.turns[at].text if at >= 0 else ""
    return "ar" if is_arabic(said or " ".join(question.texts("system"))) else "en"


def _say(question: Question, phrase: str, **values: str) -> str:
    return PHRASES[phrase][language(question)].format(**values)


def _reasoning(question: Question, model: Model, kind: str, names: str) -> str:
    if not model.thinks:
        return ""
    return _say(question, f"thinking-{kind}", asked=_asked(question), names=names)


def _asked(question: Question) -> str:
    said = question.texts("user")
    return said[0][:LONGEST_QUOTE] if said else ""


def _text(question: Question, model: Model) -> str:
    if question.json_mode:
        return dumps(_object(question))
    for rule in (_of_results, _of_pictures, _of_memory):
        if text := rule(question, model):
            return text
    return _say(question, "echo", asked=_asked(question), model=model.id)


def _object(question: Question) -> Json:
    schema = question.json_schema or described(question)
    return fill(schema, choosing.evidence(question))


def _of_results(question: Question, _model: Model) -> str:
    since = choosing.since_user(question)
    results = [turn for turn in since if turn.role == "tool"]
    if not results:
        return ""
    said = " ".join(_quoted(question, turn) for turn in results)
    basis = _basis(question, since)
    return f"{said} {basis}".strip() if basis else said


def _quoted(question: Question, turn: Turn) -> str:
    name = next(
        (call.name for other in question.turns for call in other.calls if call.id == turn.call_id), ""
    )
    pictures = " ".join(_picture(question, picture) for picture in turn.pictures)
    content = _readable(turn.text, language(question))
    failed = turn.failed or turn.text.lstrip().lower().startswith("error")
    said = (
        _say(question, "failed" if failed else "result", name=name or "-", content=content) if content else ""
    )
    return f"{said} {pictures}".strip() or _say(question, "no-result", name=name or "-")


def _comma(question: Question) -> str:
    return COMMAS[language(question)]


def _readable(text: str, tongue: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip().rstrip(".")
    if not isinstance(value, dict):
        return text.strip()
    told = (
        (label(key, tongue), item if isinstance(item, str) else dumps(item)) for key, item in value.items()
    )
    return COMMAS[tongue].join(f"{key}: {item}" for key, item in told)


def _basis(question: Question, since: tuple[Turn, ...]) -> str:
    """The arguments that the results rest on, amounts quoted as the conversation wrote them."""
    told: list[str] = []
    for call in (call for turn in since for call in turn.calls):
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            continue
        rows = arguments.items() if isinstance(arguments, dict) else ()
        told += [f"{label(key, language(question))} {_as_written(question, value)}" for key, value in rows]
    arguments = _comma(question).join(dict.fromkeys(told)).rstrip(".")
    return _say(question, "basis", arguments=arguments) if told else ""


def _as_written(question: Question, value: Json) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for turn in reversed(question.turns):
            for amount in receipts.amounts(turn.text) if turn.role in ("user", "assistant") else ():
                if any(float(number.value) == value for number in numbers(amount)):
                    return amount
    return value if isinstance(value, str) else dumps(value)


def _of_pictures(question: Question, model: Model) -> str:
    at = choosing.newest_user(question)
    pictures = question.turns[at].pictures if at >= 0 else ()
    if not pictures:
        return ""
    if not model.sees:
        return _say(question, "blind", model=model.id)
    return "\n".join(_picture(question, picture) for picture in pictures)


def _picture(question: Question, picture: Picture) -> str:
    if picture.url:
        return _say(question, "not-fetched", url=picture.url)
    size = f"{picture.width}×{picture.height}"
    if found := receipts.read(picture.text):
        title = f" ({found.title})" if found.title else ""
        return _say(question, "receipt", total=found.total, title=title, kind=picture.kind, size=size)
    phrase = "image-text" if picture.text else "image"
    return _say(question, phrase, kind=picture.kind, size=size, text=picture.text)


def _of_memory(question: Question, _model: Model) -> str:
    if not NAME_ASKED.search(_asked(question)):
        return ""
    told = (match["it"] for text in question.texts("user")[1:] for match in NAME_TOLD.finditer(text))
    name = next(told, "")
    return _say(question, "name", name=name) if name else ""
