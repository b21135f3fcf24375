"""The chat completions dialect: giving an answer its form, whole or streamed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from resayil.emulator.drafts import event
from resayil.emulator.speech import pieces
from resayil.emulator.values import Answer, Json, JsonObject, ToolCall, Usage

FINISHES = {"stop_sequence": "stop", "end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls"}
DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Form:
    """What an answer's form depends on beside the answer."""

    id: str
    model: str
    created: int
    oddities: frozenset[str]
    legacy: bool = False
    with_usage: bool = False

    @property
    def reasoning_field(self) -> str:
        """The name under which reasoning is given."""
        return "reasoning" if "reasoning-field" in self.oddities else "reasoning_content"


def body(answer: Answer, usage: Usage, form: Form) -> JsonObject:
    """The whole reply."""
    answer = _tagged(answer, form)
    message: JsonObject = {
        "role": "assistant",
        "content": answer.text if answer.text or not answer.calls else None,
    }
    if answer.reasoning:
        message[form.reasoning_field] = answer.reasoning
    if answer.calls and form.legacy:
        message["function_call"] = {"name": answer.calls[0].name, "arguments": answer.calls[0].arguments}
    elif answer.calls:
        message["tool_calls"] = [_call(call) for call in answer.calls]
    choice = {"index": 0, "message": message, "finish_reason": _finish(answer, form)}
    return {**_head(form, "chat.completion"), "choices": [choice], "usage": usage_body(usage, form.oddities)}


def events(answer: Answer, usage: Usage, form: Form) -> list[bytes]:
    """The reply as a stream of events."""
    answer = _tagged(answer, form)
    escaped = "escaped-arabic" in form.oddities
    chunks = [_chunk(delta, None, form) for delta in _deltas(answer, form)]
    last: Json = [] if "delta-array" in form.oddities else {}
    chunks.append(_chunk(last, _finish(answer, form), form))
    if form.with_usage:
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        total = usage_body(usage, form.oddities)
        chunks.append({**_head(form, "chat.completion.chunk"), "choices": [], "usage": total})
    sent = [event(chunk, escaped=escaped) for chunk in chunks]
    return sent if "no-done" in form.oddities else [*sent, event(DONE)]


def usage_body(usage: Usage, oddities: frozenset[str]) -> JsonObject:
    """Usage as this dialect names it."""
    told: JsonObject = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.total,
    }
    if usage.reasoning:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    if "prompt-cache" in oddities:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached}
    return told


def _tagged(answer: Answer, form: Form) -> Answer:
    if not answer.reasoning or "think-tags" not in form.oddities:
        return answer
    opening = f"<think>{answer.reasoning}</think>\n\n"
    chunks = None if answer.chunks is None else (opening, *answer.chunks)
    return replace(answer, text=opening + answer.text, reasoning="", chunks=chunks)


def _finish(answer: Answer, form: Form) -> str:
    if form.legacy and answer.finish == "tool_calls":
        return "function_call"
    return FINISHES.get(answer.finish, answer.finish)


def _head(form: Form, kind: str) -> JsonObject:
    return {"id": form.id, "object": kind, "created": form.created, "model": form.model}


def _chunk(delta: Json, finish: str | None, form: Form) -> JsonObject:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_head(form, "chat.completion.chunk"), "choices": [choice]}


def _call(call: ToolCall) -> JsonObject:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _deltas(answer: Answer, form: Form) -> Iterator[JsonObject]:
    yield {"role": "assistant", "content": ""}
    for piece in pieces(answer.reasoning):
        yield {form.reasoning_field: piece}
    for piece in pieces(answer.text) if answer.chunks is None else answer.chunks:
        yield {"content": piece}
    if form.legacy:
        yield from _legacy_deltas(answer)
        return
    for index, call in enumerate(answer.calls):
        yield {"tool_calls": [{"index": index, **_call(replace(call, arguments=""))}]}
        for piece in pieces(call.arguments):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _legacy_deltas(answer: Answer) -> Iterator[JsonObject]:
    for call in answer.calls[:1]:
        yield {"function_call": {"name": call.name, "arguments": ""}}
        for piece in pieces(call.arguments):
            yield {"function_call": {"arguments": piece}}
