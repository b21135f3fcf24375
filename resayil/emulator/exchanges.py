"""Each endpoint's work: from a checked key to the draft of a reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from resayil.emulator import (
    answers,
    catalogue,
    chat,
    chat_wire,
    checks,
    drafts,
    messages,
    messages_wire,
    retelling,
    scripts,
    speech,
    tokens,
)
from resayil.emulator.catalogue import Model
from resayil.emulator.drafts import Draft
from resayil.emulator.refusals import NOT_FOUND, UPSTREAM_FAILURE, RefusalError
from resayil.emulator.scripts import Fault
from resayil.emulator.values import (
    Answer,
    HttpRequest,
    Json,
    JsonObject,
    Question,
    RecordedRequest,
    Usage,
    dumps,
)
from resayil.emulator.world import Account, World

UNAVAILABLE, BAD_REQUEST = 503, 400
CALL_IDS = {"chat": "call_", "messages": "toolu_"}
REPLY_IDS = {"chat": "chatcmpl-", "messages": "msg_"}
READERS = {"chat": chat.question, "messages": messages.question}
COUNT_FIELDS: dict[str, Callable[[int], JsonObject]] = {
    "token-count-field": lambda count: {"token_count": count},
    "total-tokens-field": lambda count: {"total_tokens": count},
    "tokens-field": lambda count: {"tokens": count},
    "usage-count-field": lambda count: {"usage": {"input_tokens": count}},
}


class StatusFaultError(Exception):
    """The script's next item is a status, not an answer."""

    def __init__(self, fault: Fault) -> None:
        """Keep the fault."""
        super().__init__(fault.kind)
        self.fault = fault


@dataclass(slots=True)
class Exchange:
    """One request on its way through an endpoint, and the fault that waits for its reply."""

    world: World
    request: HttpRequest
    record: RecordedRequest
    account: Account
    now: float
    rest: str = ""
    fault: Fault | None = None

    def has(self, oddity: str) -> bool:
        """Whether a switch is on."""
        return oddity in self.world.oddities

    def reply(self, body: Json) -> Draft:
        """A JSON reply in the way the switches ask for."""
        return drafts.whole(body, escaped=self.has("escaped-arabic"))

    def question(self) -> Question:
        """What a chat request asks; the record learns model and stream on the way."""
        body = checks.parsed(self.request.body)
        asked = READERS[self.record.dialect](body, self.request.query, self.world.oddities)
        self.record.stream = asked.stream
        return replace(asked, turns=retelling.understood(asked.turns))


def talk(exchange: Exchange) -> Draft:
    """Answer a chat request of either dialect."""
    question = exchange.question()
    model = _model(exchange, question.model)
    exchange.account.afford(fields=exchange.has("top-up-fields"))
    prompt = tokens.prompt_count(question)
    _check_length(exchange, model, prompt)
    _check_sight(exchange, question, model)
    answer = speech.limited(_numbered(exchange, _next(exchange, question, model)), question)
    usage = _usage(exchange, question, answer, prompt)
    counted = usage.completion if exchange.has("output-only") else usage.total
    amount = tokens.price(counted, model, per=1000 if exchange.has("per-thousand") else 1)
    _account_for(exchange, usage.total, amount)
    return _formed(exchange, question, answer, usage)


def count(exchange: Exchange) -> Draft:
    """Count the tokens of a Messages body."""
    question = messages.countable(checks.parsed(exchange.request.body))
    if question.model:
        _model(exchange, question.model)
    total = tokens.prompt_count(question)
    named = (form(total) for name, form in COUNT_FIELDS.items() if exchange.has(name))
    return exchange.reply(next(named, {"input_tokens": total}))


def models(exchange: Exchange) -> Draft:
    """List the models, or show the one that the path names."""
    if exchange.rest:
        found = catalogue.find(exchange.rest, any_suffix=exchange.has("cloud-suffix"))
        if found is None:
            raise RefusalError(NOT_FOUND, f"Model '{exchange.rest}' not found.")
        return exchange.reply(found.item())
    category = exchange.request.query.get("category")
    chosen = [model for model in catalogue.MODELS if category in (None, "", model.category)]
    return exchange.reply(catalogue.listing(chosen))


def _model(exchange: Exchange, name: str) -> Model:
    found = catalogue.find(name, any_suffix=exchange.has("cloud-suffix"))
    if found is None:
        raise RefusalError(NOT_FOUND, f"Model '{name}' not found.")
    if not found.active:
        status = UNAVAILABLE if exchange.has("inactive-503") else NOT_FOUND
        raise RefusalError(status, f"Model '{name}' is not available.")
    return found


def _check_length(exchange: Exchange, model: Model, prompt: int) -> None:
    if prompt <= model.window:
        return
    if exchange.has("ollama-503"):
        raise RefusalError(UNAVAILABLE, UPSTREAM_FAILURE)
    message = (
        f"This model's maximum context length is {model.window} tokens. However, your messages resulted in "
        f"{prompt} tokens. Please reduce the length of the messages."
    )
    raise RefusalError(BAD_REQUEST, message)


def _check_sight(exchange: Exchange, question: Question, model: Model) -> None:
    pictures = any(turn.pictures for turn in question.turns)
    if pictures and not model.sees and exchange.has("blind-400"):
        raise RefusalError(BAD_REQUEST, f"Model '{model.id}' does not support image input.")


def _next(exchange: Exchange, question: Question, model: Model) -> Answer:
    """The next scripted answer, else what the emulator finds to say."""
    if not exchange.world.script:
        return answers.compose(question, model)
    item = exchange.world.script.popleft()
    while callable(item):
        item = item(exchange.record)
    if not isinstance(item, Fault):
        return scripts.answer(item)
    if isinstance(item.kind, int):
        raise StatusFaultError(item)
    exchange.fault = item
    return answers.compose(question, model)


def _numbered(exchange: Exchange, answer: Answer) -> Answer:
    prefix = CALL_IDS[exchange.record.dialect]
    calls = tuple(replace(call, id=call.id or exchange.world.new_id(prefix)) for call in answer.calls)
    return replace(answer, calls=calls)


def _usage(exchange: Exchange, question: Question, answer: Answer, prompt: int) -> Usage:
    given = answer.usage or {}
    prompt = given.get("prompt_tokens", given.get("input_tokens", prompt))
    completion = given.get("completion_tokens", given.get("output_tokens", tokens.answer_count(answer)))
    cached, created = _cached(exchange, question, prompt) if exchange.has("prompt-cache") else (0, 0)
    return Usage(prompt, completion, tokens.count(answer.reasoning), cached, created)


def _cached(exchange: Exchange, question: Question, prompt: int) -> tuple[int, int]:
    """How much of the prompt was seen before, and how much is remembered from now on."""
    if question.dialect == "messages" and not question.cache_marked:
        return 0, 0
    cached = 0
    for end in range(len(question.turns), 0, -1):
        part = question.turns[:end]
        told = [(turn.role, turn.text, [call.arguments for call in turn.calls]) for turn in part]
        if exchange.world.seen(f"{question.model} {dumps(told)}") and not cached:
            cached = min(prompt, tokens.turns_count(part))
    return cached, prompt - cached if question.dialect == "messages" else 0


def _account_for(exchange: Exchange, total: int, amount: Decimal) -> None:
    exchange.account.charge(amount)
    exchange.record.tokens, exchange.record.credits = total, amount


def _formed(exchange: Exchange, question: Question, answer: Answer, usage: Usage) -> Draft:
    form = chat_wire.Form(
        exchange.world.new_id(REPLY_IDS[question.dialect]),
        question.model,
        int(exchange.now),
        exchange.world.oddities,
        question.legacy_functions,
        question.stream_usage,
    )
    wire = chat_wire if question.dialect == "chat" else messages_wire
    if not question.stream or (exchange.fault and exchange.fault.kind == "unstreamed"):
        return exchange.reply(wire.body(answer, usage, form))
    events = wire.events(answer, usage, form)
    return drafts.streamed([] if exchange.has("empty-stream") else events)
