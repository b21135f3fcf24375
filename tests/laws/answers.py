"""Answers as both dialects tell them, whole and streamed, built without the pack's own writers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from laws import strategies as some

ID, MODEL, CREATED = "answer-1", "deepseek-v4-flash", 1_740_000_000


@dataclass(frozen=True)
class Spoken:
    """A piece of an answer: text, reasoning with its signature, or a call with its raw arguments."""

    kind: str
    text: str = ""
    extra: str | None = None
    name: str = ""


@dataclass(frozen=True)
class Answer:
    """What the model said, and how its stream is cut."""

    pieces: tuple[Spoken, ...]
    finish: str
    usage: tuple[int, int] | None
    unknown: Any
    sizes: tuple[int, ...]
    order: int = 0

    @property
    def calls(self) -> list[Spoken]:
        """Its calls."""
        return [piece for piece in self.pieces if piece.kind == "call"]


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


arguments = some.objects.map(_dumps)
raw_arguments = arguments | some.some_text | st.just("")
call_pieces = st.builds(Spoken, st.just("call"), raw_arguments, some.ids, some.names)
sizes = st.lists(st.integers(0, 5), max_size=8).map(tuple)
unknowns = some.values.filter(lambda value: value is not None)
usages = st.none() | st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))


@st.composite
def chat_answers(draw: st.DrawFn) -> Answer:
    """Reasoning, text and calls, each in the order that a whole reply shows."""
    thought = draw(st.lists(st.builds(Spoken, st.just("reasoning"), some.some_text), max_size=1))
    text = draw(st.lists(st.builds(Spoken, st.just("text"), some.some_text), max_size=1))
    calls = draw(st.lists(call_pieces, max_size=3, unique_by=lambda call: call.extra))
    finish = draw(st.sampled_from(("stop", "length", "tool_calls", "content_filter", "eos")))
    pieces = (*thought, *text, *calls)
    return Answer(pieces, finish, draw(usages), draw(unknowns), draw(sizes), draw(st.integers(0, 9)))


def _message_piece() -> st.SearchStrategy[Spoken]:
    signature = st.none() | some.some_text
    return (
        st.builds(Spoken, st.just("text"), some.texts)
        | st.builds(Spoken, st.just("reasoning"), some.texts, signature)
        | st.builds(Spoken, st.just("redacted"), some.some_text)
        | st.builds(Spoken, st.just("call"), arguments, some.ids, some.names)
    )


@st.composite
def messages_answers(draw: st.DrawFn) -> Answer:
    """Blocks in any order."""
    pieces = draw(st.lists(_message_piece(), max_size=5))
    finish = draw(st.sampled_from(("end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "odd")))
    return Answer(tuple(pieces), finish, draw(usages), draw(unknowns), draw(sizes), draw(st.integers(0, 9)))


def chat_reply(answer: Answer) -> dict[str, Any]:
    """The whole reply of the chat dialect."""
    message: dict[str, Any] = {"role": "assistant", "content": None}
    for piece in answer.pieces:
        if piece.kind == "call":
            message.setdefault("tool_calls", []).append(_chat_call(piece, piece.text))
        else:
            message["content" if piece.kind == "text" else "reasoning_content"] = piece.text
    choice = {"index": 0, "message": message, "finish_reason": answer.finish}
    return {**_chat_frame(answer), "choices": [choice], "usage": _chat_usage(answer)}


def _chat_frame(answer: Answer) -> dict[str, Any]:
    return {"id": ID, "object": "x", "created": CREATED, "model": MODEL, "x_new": answer.unknown}


def _chat_call(piece: Spoken, text: str) -> dict[str, Any]:
    return {"id": piece.extra, "type": "function", "function": {"name": piece.name, "arguments": text}}


def _chat_usage(answer: Answer) -> dict[str, int] | None:
    if answer.usage is None:
        return None
    prompt, completion = answer.usage
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def chat_stream(answer: Answer, *, interleaved: bool = False) -> Iterator[str]:
    """The payloads of its stream; interleaved, the calls' fragments come in turns."""
    tracks: list[list[dict[str, Any]]] = [[]]
    for piece in answer.pieces:
        parts = some.fragments(piece.text, answer.sizes)
        if piece.kind == "call":
            index = len(tracks) - 1
            opening = {**_chat_call(piece, ""), "index": index}
            more = [{"index": index, "function": {"arguments": part}} for part in parts]
            tracks.append([{"tool_calls": [call]} for call in (opening, *more)])
        else:
            field = "content" if piece.kind == "text" else "reasoning_content"
            tracks[0] += [{field: part} for part in parts]
    deltas = list(tracks[0])
    if interleaved:
        longest = max(map(len, tracks))
        deltas += [track[n] for n in range(longest) for track in tracks[1:] if n < len(track)]
    else:
        deltas += [delta for track in tracks[1:] for delta in track]
    frame = _chat_frame(answer)
    yield _dumps({**frame, "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    for delta in deltas:
        yield _dumps({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _dumps({**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish}]})
    if answer.usage is not None:
        yield _dumps({**frame, "choices": [], "usage": _chat_usage(answer)})
    yield "[DONE]"


def _block(piece: Spoken) -> dict[str, Any]:
    match piece.kind:
        case "text":
            return {"type": "text", "text": piece.text}
        case "reasoning":
            return {"type": "thinking", "thinking": piece.text, "signature": piece.extra or ""}
        case "redacted":
            return {"type": "redacted_thinking", "data": piece.text}
    return {"type": "tool_use", "id": piece.extra, "name": piece.name, "input": json.loads(piece.text)}


def messages_reply(answer: Answer) -> dict[str, Any]:
    """The whole reply of the messages dialect."""
    usage = answer.usage and {"input_tokens": answer.usage[0], "output_tokens": answer.usage[1]}
    return {
        **_messages_frame(answer),
        "content": [_block(piece) for piece in answer.pieces],
        "stop_reason": answer.finish,
        "stop_sequence": None,
        "usage": usage,
    }


def _messages_frame(answer: Answer) -> dict[str, Any]:
    return {"id": ID, "type": "message", "role": "assistant", "model": MODEL, "x_new": answer.unknown}


def messages_stream(answer: Answer) -> Iterator[str]:
    """The payloads of its stream."""
    start = {**_messages_frame(answer), "content": [], "stop_reason": None, "usage": None}
    if answer.usage is not None:
        start["usage"] = {"input_tokens": answer.usage[0], "output_tokens": 1}
    yield _dumps({"type": "message_start", "message": start})
    for index, piece in enumerate(answer.pieces):
        yield from (_dumps({**event, "index": index}) for event in _block_events(piece, answer.sizes))
        yield _dumps({"type": "ping"})
    usage = answer.usage and {"output_tokens": answer.usage[1]}
    delta = {"stop_reason": answer.finish, "stop_sequence": None}
    yield _dumps({"type": "message_delta", "delta": delta, "usage": usage})
    yield _dumps({"type": "message_stop"})


_DELTAS = {
    "text": ("text_delta", "text"),
    "reasoning": ("thinking_delta", "thinking"),
    "call": ("input_json_delta", "partial_json"),
}
_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "reasoning": {"thinking": "", "signature": ""},
    "call": {"input": {}},
}


def _block_events(piece: Spoken, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    block = _block(piece)
    if piece.kind == "redacted":
        yield {"type": "content_block_start", "content_block": block}
    else:
        yield {"type": "content_block_start", "content_block": {**block, **_EMPTY[piece.kind]}}
        kind, field = _DELTAS[piece.kind]
        for part in some.fragments(piece.text, sizes):
            yield {"type": "content_block_delta", "delta": {"type": kind, field: part}}
        if piece.kind == "reasoning" and piece.extra:
            yield {
                "type": "content_block_delta",
                "delta": {"type": "signature_delta", "signature": piece.extra},
            }
    yield {"type": "content_block_stop"}


def framed(payloads: Iterator[str], end: str = "\n") -> bytes:
    """Payloads as server-sent events, lines ended so."""
    return "".join(f"data: {payload}{end}{end}" for payload in payloads).encode()
