"""Values of the core in canonical form: everything that each dialect can say, said in one way.

Chat: an assistant turn is reasoning, then text, then calls; a tool turn is one result, its text before its
images. Messages: one system turn at the head, user and assistant turns in alternation, results right
behind the calls, ``max_tokens`` set, names and images left out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

from core.support import png
from hypothesis import strategies as st

from resayil import (
    ChatRequest,
    ImagePart,
    InvalidToolCall,
    JSONFormat,
    Message,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
)

PIECES = (
    "مرحبًا", "بك", "الرسيّل", "كِتَابٌ", "ـــ", "لا\u200cإله", "\u200f", "\u061c", "١٢٫٥", "٤١", "٪", "؟", "،",
    "👩\u200d💻", "🇰🇼", "\u2028", "\u2029", "\u0085", "\u00a0", "\ufeff", "\u202e", "\r\n", "\n", "\t",
    "\r", "\x00", "é", "e\u0301", "日本", "\U0001f600", "data: ", ": ", "[DONE]", '"', "\\", "\\u0645", "{",
    "<", "<think>", "</think>",
)  # fmt: skip
"""What breaks clients: marks, joiners, bidi controls, other line ends, what looks like framing."""

pieces = st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
texts = st.lists(pieces, max_size=6).map("".join)
some_text = st.lists(pieces, min_size=1, max_size=6).map("".join).filter(bool)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
ids = st.from_regex(r"[a-z]{1,4}_[A-Za-z0-9]{1,8}", fullmatch=True)
models = st.sampled_from(
    ("deepseek-v4-flash", "qwen3-vl:235b-instruct", "library/Kimi-K2:1t", "llama3.2:3b", "x")
)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    leaves | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4).filter(lambda found: found.keys() != {"INVALID_JSON"})

images = st.builds(ImagePart, st.integers(0, 4).map(lambda pad: png(pad=pad))) | st.builds(
    ImagePart,
    st.none(),
    st.sampled_from(("https://example.com/صورة.png", "https://cdn.example.org/a.jpg?x=1")),
    st.sampled_from((None, "low", "high", "auto")),
)
text_parts = st.builds(TextPart, texts)
schemas = st.fixed_dictionaries(
    {
        "type": st.just("object"),
        "properties": st.dictionaries(names, st.just({"type": "string"}), max_size=3),
    },
    optional={"description": some_text, "required": st.lists(names, max_size=2, unique=True)},
)
tools = st.builds(Tool, names.map("t_{}".format), texts, schemas, st.sampled_from((None, True, False)))
calls = st.builds(ToolCallPart, ids, names, objects)
broken_calls = st.builds(InvalidToolCall, ids, names, some_text.map('{{"x": {} '.format))


def _mark_free(parts: Sequence[Any]) -> bool:
    first = parts[0] if parts else None
    return not isinstance(first, TextPart) or not first.text.startswith("[")


def _chat_turn(role: str) -> st.SearchStrategy[Message]:
    content: st.SearchStrategy[Any]
    name = st.none() | names
    if role == "system":
        content = st.lists(text_parts, max_size=3)
    elif role == "user":
        content = st.lists(text_parts | images, max_size=3).filter(_mark_free)
    else:
        thought = st.lists(st.builds(ReasoningPart, some_text), max_size=1)
        content = st.tuples(
            thought,
            st.lists(text_parts, max_size=2),
            st.lists(calls | broken_calls, max_size=2, unique_by=lambda call: call.id),
        ).map(lambda groups: [part for group in groups for part in group])
    return st.builds(Message, st.just(role), content.map(tuple), name)


def results(*, with_images: bool) -> st.SearchStrategy[ToolResultPart]:
    """Results of tools; a failed one is one text, as the chat dialect says it."""
    pictures = st.lists(images, max_size=2) if with_images else st.just([])
    good = st.tuples(st.lists(text_parts, max_size=2).filter(_mark_free), pictures)
    bad = st.tuples(st.lists(st.builds(TextPart, some_text), max_size=1), pictures)
    return st.builds(ToolResultPart, ids, good.map(_joined)) | st.builds(
        ToolResultPart, ids, bad.map(_joined), st.just(value=True)
    )


def _joined(groups: tuple[list[Any], ...]) -> tuple[Any, ...]:
    return tuple(part for group in groups for part in group)


def _unique_ids(messages: list[Message]) -> bool:
    found = [
        part.tool_call_id for turn in messages for part in turn.content if isinstance(part, ToolResultPart)
    ]
    return len(set(found)) == len(found)


chat_messages = st.lists(
    st.sampled_from(("system", "user", "assistant")).flatmap(_chat_turn)
    | st.builds(Message, st.just("tool"), st.tuples(results(with_images=True))),
    min_size=1,
    max_size=5,
).filter(_unique_ids)

unit = st.floats(0, 1)
extra_bodies = st.dictionaries(st.sampled_from(("metadata", "x_new", "user_id")), values, max_size=2)
stops = st.lists(some_text, max_size=2).map(tuple)
json_schemas = schemas.map(lambda schema: {**schema, "title": "جواب"})


@st.composite
def chat_requests(draw: st.DrawFn) -> ChatRequest:
    """A request that the chat dialect can say."""
    offered = draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name))
    choices = [None, "auto", "none", "required", *(ToolChoice(tool.name) for tool in offered)]
    return ChatRequest(
        draw(models),
        tuple(draw(chat_messages)),
        tuple(offered),
        draw(st.sampled_from(choices)),
        draw(st.sampled_from((None, True, False))),
        draw(
            st.none()
            | st.just(JSONFormat())
            | st.builds(JSONFormat, json_schemas, names, st.sampled_from((None, True, False)))
        ),
        draw(st.none() | st.integers(1, 10**6)),
        draw(st.none() | st.floats(0, 2)),
        draw(st.none() | unit),
        None,
        draw(stops),
        draw(st.none() | st.integers(0, 2**31)),
        "always",
        draw(extra_bodies),
    )


thoughts = (
    st.builds(ReasoningPart, some_text, st.none() | some_text)
    | st.builds(ReasoningPart, st.just(""), some_text)
    | st.just(ReasoningPart(""))
)


@st.composite
def _exchange(draw: st.DrawFn, *, first: bool) -> list[Message]:
    """What the user's side says, and an answer to it."""
    turns = (
        []
        if first
        else [Message("tool", (part,)) for part in draw(st.lists(results(with_images=False), max_size=2))]
    )
    said = draw(st.lists(text_parts, min_size=0 if first or not turns else 1, max_size=2))
    if said or not turns or draw(st.booleans()):
        turns.append(Message("user", tuple(said or [TextPart("؟")] if turns else said)))
    parts = draw(st.lists(text_parts | thoughts | calls | broken_calls, max_size=4))
    return [*turns, Message("assistant", tuple(parts))]


@st.composite
def messages_requests(draw: st.DrawFn) -> ChatRequest:
    """A request that the messages dialect can say."""
    offered = draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name))
    wanted = draw(
        st.none()
        | st.just(JSONFormat())
        | st.builds(JSONFormat, json_schemas, names, st.sampled_from((None, True, False)))
    )
    choices = [None, "auto", "none", "required", *(ToolChoice(tool.name) for tool in offered)]
    choice = draw(st.sampled_from(choices if wanted is None else [None, *(["none"] if offered else [])]))
    parallel = draw(st.sampled_from((None, True, False)))
    if wanted is None and choice in (None, "none"):
        parallel = None
    heads = draw(st.none() | some_text)
    turns = [turn for n in range(draw(st.integers(1, 3))) for turn in draw(_exchange(first=n == 0))]
    if draw(st.booleans()):
        turns.pop()
    return ChatRequest(
        draw(models),
        (*((Message("system", (TextPart(heads),)),) if heads else ()), *turns),
        tuple(offered),
        choice,
        parallel,
        wanted,
        draw(st.integers(1, 10**6)),
        draw(st.none() | unit),
        draw(st.none() | unit),
        draw(st.none() | st.integers(1, 500)),
        draw(stops),
        None,
        "always",
        draw(extra_bodies),
    )


def cuts(data: bytes, seed: int, count: int) -> list[bytes]:
    """The bytes in so many pieces, cut anywhere, empty pieces included."""
    dice = random.Random(seed)  # noqa: S311 - cuts, not secrets
    places = sorted(dice.randrange(len(data) + 1) for _ in range(count))
    return [data[start:end] for start, end in pairwise([0, *places, len(data)])]


def fragments(text: str, sizes: Sequence[int]) -> list[str]:
    """The text in fragments of these sizes, what is left over in one more."""
    ends = [*accumulate(size for size in sizes if size)]
    return [piece for start, end in pairwise([0, *ends, len(text) + 1]) if (piece := text[start:end])]
