"""The Messages dialect: giving an answer its form, whole or streamed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from resayil.emulator.chat_wire import Form
from resayil.emulator.drafts import event
from resayil.emulator.speech import pieces
from resayil.emulator.values import Answer, Json, JsonObject, Usage

FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def body(answer: Answer, usage: Usage, form: Form) -> JsonObject:
    """The whole reply."""
    content: list[JsonObject] = []
    if answer.reasoning:
        content.append(
            {"type": "thinking", "thinking": answer.reasoning, "signature": _signature(answer.reasoning)}
        )
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    content += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": _input(call.arguments)}
        for call in answer.calls
    ]
    told = {"input_tokens": usage.prompt - usage.cached - usage.created, **_cache(usage, form)}
    return {
        **_head(form),
        "content": content,
        "stop_reason": FINISHES.get(answer.finish, answer.finish),
        "stop_sequence": answer.stop_sequence,
        "usage": {**told, "output_tokens": usage.completion},
    }


def events(answer: Answer, usage: Usage, form: Form) -> list[bytes]:
    """The reply as a stream of events."""
    escaped = "escaped-arabic" in form.oddities
    sent = [event(data, name=data["type"], escaped=escaped) for data in _events(answer, usage, form)]
    return sent[:-1] if "no-done" in form.oddities else sent


def _events(answer: Answer, usage: Usage, form: Form) -> Iterator[JsonObject]:
    told = {
        "input_tokens": usage.prompt - usage.cached - usage.created,
        **_cache(usage, form),
        "output_tokens": 0,
    }
    start = {**_head(form), "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": {**start, "usage": told}}
    for index, (opening, deltas) in enumerate(_blocks(answer)):
        yield {"type": "content_block_start", "index": index, "content_block": opening}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    finish = {
        "stop_reason": FINISHES.get(answer.finish, answer.finish),
        "stop_sequence": answer.stop_sequence,
    }
    output = (
        {"output_tokens": usage.completion}
        if "no-stream-usage" not in form.oddities
        else {"output_tokens": 0}
    )
    yield {"type": "message_delta", "delta": finish, "usage": output}
    yield {"type": "message_stop"}


def _blocks(answer: Answer) -> Iterator[tuple[JsonObject, Iterator[JsonObject]]]:
    if answer.reasoning:
        yield {"type": "thinking", "thinking": "", "signature": ""}, _thinking(answer.reasoning)
    if answer.text or answer.chunks:
        parts = pieces(answer.text) if answer.chunks is None else iter(answer.chunks)
        yield {"type": "text", "text": ""}, ({"type": "text_delta", "text": part} for part in parts)
    for call in answer.calls:
        opening = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield opening, _arguments(call.arguments)


def _thinking(reasoning: str) -> Iterator[JsonObject]:
    for piece in pieces(reasoning):
        yield {"type": "thinking_delta", "thinking": piece}
    yield {"type": "signature_delta", "signature": _signature(reasoning)}


def _arguments(arguments: str) -> Iterator[JsonObject]:
    yield {"type": "input_json_delta", "partial_json": ""}
    for piece in pieces(arguments):
        yield {"type": "input_json_delta", "partial_json": piece}


def _head(form: Form) -> JsonObject:
    return {"id": form.id, "type": "message", "role": "assistant", "model": form.model}


def _cache(usage: Usage, form: Form) -> JsonObject:
    if "prompt-cache" not in form.oddities:
        return {}
    return {"cache_creation_input_tokens": usage.created, "cache_read_input_tokens": usage.cached}


def _input(arguments: str) -> Json:
    """The arguments as a value; what is no JSON goes out as the text it is."""
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments


def _signature(reasoning: str) -> str:
    return f"emulated-{hashlib.sha256(reasoning.encode()).hexdigest()[:32]}"
