"""Calling tools by text, for models and servers that have no tools.

The protocol stands in the system message: the tools with their schemas, and how to call them. An answer is a
call in exactly two forms, and text in every other:

- the whole answer is one JSON object ``{"tool_calls": [{"name": …, "arguments": {…}}]}``, bare or in a code
  fence, with these keys and no others;
- the answer ends with a block fenced as ``tool_calls``, the protocol's mark; text may stand before it. If
  such a block holds anything but that object, the call is broken, and the model is told why: nothing is
  guessed.

Results go back in a user message, so a conversation needs no role ``tool`` and no content array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolCall,
    ToolMessage,
    message_chunk_to_message,
)
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.tools import BaseTool

from langchain_resayil.blocks import IMAGES, standard
from langchain_resayil.convert import LAYOUT
from langchain_resayil.marks import unmarked
from langchain_resayil.options import read_tools
from resayil.jsontext import dumps
from resayil.tools import parse_arguments

MARK = "```tool_calls"
FENCE = "```"
_OPENINGS = tuple(fence + '{"tool_calls":' for fence in ("", FENCE, f"{FENCE}json"))  # without white space

RULES = f"""\
You can call tools. Each is listed with the JSON schema of its arguments:

{{tools}}

To call tools, end your answer with this block and write nothing after it:

{MARK}
{{{{"tool_calls":[{{{{"name":"<name of the tool>","arguments":{{{{<its arguments>}}}}}}}}]}}}}
{FENCE}

Several calls go into the one list. Their results come in the next user message, in a block that begins \
with {FENCE}tool_results; never write such a block yourself. Where no tool is needed, answer in plain words, \
without a block."""


class Reader(Protocol):
    """Reads one answer as it comes: feed it the pieces, close it, and take the message."""

    def feed(self, piece: AIMessage) -> Iterator[AIMessage]:
        """The pieces that can be shown now."""

    def close(self) -> Iterator[AIMessage]:
        """The pieces that had to wait for the end."""

    def message(self) -> AIMessage:
        """The whole answer, its calls read."""


class Voice(Protocol):
    """How a model is told of tools and results, and how its calls are read."""

    def said(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """A conversation as the model is sent it."""

    def reader(self, messages: list[BaseMessage]) -> Reader:
        """A reader of the answer to a conversation."""


class NativeVoice:
    """The service's own tool calls: everything as it is."""

    def said(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """The conversation."""
        return messages

    def reader(self, messages: list[BaseMessage]) -> Reader:  # noqa: ARG002 - the protocol's signature
        """A reader that shows every piece at once."""
        return NativeReader()


class NativeReader:
    """Shows every piece at once."""

    def __init__(self) -> None:
        self._shown: list[AIMessage] = []

    def feed(self, piece: AIMessage) -> Iterator[AIMessage]:
        """The piece."""
        self._shown.append(piece)
        yield piece

    def close(self) -> Iterator[AIMessage]:
        """Nothing has waited."""
        yield from ()

    def message(self) -> AIMessage:
        """The pieces, added up."""
        return _joined(self._shown)


class EmulatedVoice:
    """The protocol for these tools."""

    def __init__(self, tools: Sequence[BaseTool]) -> None:
        offered = [_offered(tool["function"]) for tool in read_tools(tools)]
        self._rules = RULES.format(tools="[\n" + ",\n".join(map(dumps, offered)) + "\n]")

    def said(self, messages: list[BaseMessage]) -> list[BaseMessage]:
        """The conversation in text alone, the protocol in its system message."""
        names = {call["id"]: call["name"] for message in messages for call in _calls(message)}
        head = [self._rules]
        rest = messages
        if messages and isinstance(messages[0], SystemMessage):
            head, rest = [messages[0].text, self._rules], messages[1:]
        told: list[BaseMessage] = [SystemMessage("\n\n".join(head))]
        results: list[ToolMessage] = []
        for message in rest:
            if isinstance(message, ToolMessage):
                results.append(message)
                continue
            told += _results(results, names)
            results = []
            told.append(_as_text(message) if isinstance(message, AIMessage) else message)
        return told + _results(results, names)

    def reader(self, messages: list[BaseMessage]) -> Reader:
        """A reader whose calls have ids that the conversation does not hold."""
        return EmulatedReader(sum(len(list(_calls(message))) for message in messages))


class EmulatedReader:
    """Shows text at once, and holds back what may be a call until it is whole.

    Args:
        before: How many calls the conversation holds, for the ids.
    """

    def __init__(self, before: int = 0) -> None:
        self._before = before
        self._shown: list[AIMessage] = []
        self._held: list[AIMessage] = []
        self._text = ""
        self._begun = False
        self._broken: list[InvalidToolCall] = []

    def feed(self, piece: AIMessage) -> Iterator[AIMessage]:
        """What cannot be part of a call."""
        self._held.append(piece)
        self._text += piece.text
        if not isinstance(piece, AIMessageChunk) or self._waits():
            return
        self._begun = self._begun or bool(self._text.strip())
        self._text = ""
        yield from self._release()

    def close(self) -> Iterator[AIMessage]:
        """What was held back: as a call, or as the text that it is."""
        read = read_answer(self._text, nothing_before=not self._begun)
        if read is not None:
            self._held = self._with_calls(*read)
        yield from self._release()

    def message(self) -> AIMessage:
        """The whole answer, its calls read."""
        message = _joined(self._shown)
        # LangChain's sum of a stream has lost why a call is broken.
        return message.model_copy(update={"invalid_tool_calls": self._broken}) if self._broken else message

    def _waits(self) -> bool:
        if MARK in self._text:
            return True
        if any(self._text.endswith(MARK[:length]) for length in range(1, len(MARK))):
            return True
        return not self._begun and self._text != "" and may_be_call(self._text)

    def _release(self) -> Iterator[AIMessage]:
        pieces, self._held = self._held, []
        for piece in pieces:
            self._shown.append(piece)
            yield piece

    def _with_calls(self, text: str, calls: list[dict[str, Any]] | str) -> list[AIMessage]:
        """The held pieces with the call in place of its text."""
        numbered: list[ToolCall] = []
        if isinstance(calls, str):
            raw = self._text[len(text) :].strip()
            call = InvalidToolCall(type="invalid_tool_call", name="", args=raw, id=self._id(0), error=calls)
            self._broken = [call]
        else:
            numbered = [
                ToolCall(type="tool_call", name=call["name"], args=call["arguments"], id=self._id(n))
                for n, call in enumerate(calls)
            ]
        whole = _sum(self._held)
        content = _with_text(whole, text)
        update = {"content": content, "additional_kwargs": _without_layout(whole)}
        if isinstance(whole, AIMessageChunk):
            rest = whole.model_copy(update=update)
            return [_fragments(rest, [*numbered, *self._broken], self._free_index()), rest]
        if not isinstance(content, str):
            content += [*numbered, *self._broken]
        return [
            whole.model_copy(update={**update, "tool_calls": numbered, "invalid_tool_calls": self._broken})
        ]

    def _free_index(self) -> int:
        """The place behind every block of this answer; LangChain joins blocks of one place."""
        blocks = [block for piece in (*self._shown, *self._held) for block in standard(piece.content)]
        return 1 + max(
            (index for block in blocks if isinstance(index := block.get("index"), int)), default=-1
        )

    def _id(self, n: int) -> str:
        return f"emulated_{self._before + n + 1}"


def read_answer(text: str, *, nothing_before: bool = True) -> tuple[str, list[dict[str, Any]] | str] | None:
    """The text and the calls of an answer, or why its marked block is none; ``None`` for an ordinary answer.

    Args:
        text: The answer.
        nothing_before: Whether this is the answer from its beginning, so that it may be one bare object.
    """
    before, mark, rest = text.partition(MARK)
    if mark:
        calls = _read(rest.strip().removesuffix(FENCE))
        if isinstance(calls, str) and isinstance(_read(rest.rpartition(FENCE)[0]), list):
            calls = "text stands behind the block of tool calls; the block is the answer's end"
        return before, calls
    if not nothing_before:
        return None
    bare = text.strip()
    if bare.startswith(FENCE) and bare.endswith(FENCE):
        bare = bare.removeprefix(FENCE).removeprefix("json").removesuffix(FENCE).strip()
    calls = _read(bare) if bare.startswith("{") else ""
    return None if isinstance(calls, str) else ("", calls)


def may_be_call(text: str) -> bool:
    """Whether an answer that begins so may become one whole call."""
    compact = "".join(text.split())
    return any(compact.startswith(opening) or opening.startswith(compact) for opening in _OPENINGS)


def _read(block: str) -> list[dict[str, Any]] | str:
    """The calls in a block, or what is wrong with it."""
    if not block.strip():
        return "the block is empty"
    value = parse_arguments(block.strip())
    if isinstance(value, str):
        return value.replace("the arguments", "the block", 1)
    if value.keys() != {"tool_calls"} or not isinstance(value["tool_calls"], list) or not value["tool_calls"]:
        return 'the block is no object with one key, "tool_calls", and a list of calls'
    for call in value["tool_calls"]:
        if not isinstance(call, dict) or call.keys() != {"name", "arguments"}:
            return 'a call is no object with the keys "name" and "arguments" alone'
        if not isinstance(call["name"], str) or not isinstance(call["arguments"], dict):
            return "a call's name is no text, or its arguments are no object"
    calls: list[dict[str, Any]] = value["tool_calls"]
    return calls


def _offered(function: Mapping[str, Any]) -> dict[str, Any]:
    return {name: function[name] for name in ("name", "description", "parameters") if name in function}


def _calls(message: BaseMessage) -> Iterator[ToolCall | InvalidToolCall]:
    if isinstance(message, AIMessage):
        yield from message.tool_calls
        yield from message.invalid_tool_calls


def _as_text(message: AIMessage) -> AIMessage:
    """An answer with its calls as the protocol writes them."""
    calls = list(_calls(message))
    if not calls:
        return message
    unreadable = [call for call in message.invalid_tool_calls if not call["name"]]
    block = f"{MARK}\n{dumps({'tool_calls': _written(calls)})}\n{FENCE}"
    if unreadable:
        block = unmarked(unreadable[0]["args"] or "")
    text = f"{message.text.rstrip()}\n\n{block}".lstrip()
    return AIMessage(_with_text(message, text), additional_kwargs=_without_layout(message), name=message.name)


def _written(calls: Sequence[ToolCall | InvalidToolCall]) -> list[dict[str, Any]]:
    return [
        {"name": call["name"], "arguments": unmarked(args) if isinstance(args := call["args"], str) else args}
        for call in calls
    ]


def _results(results: Sequence[ToolMessage], names: Mapping[str | None, str | None]) -> list[BaseMessage]:
    """The user message that brings results, and their images where there are any."""
    if not results:
        return []
    rows = [
        {
            "id": result.tool_call_id,
            "name": result.name or names.get(result.tool_call_id) or "",
            "status": result.status,
            "content": result.text,
        }
        for result in results
    ]
    text = f"{FENCE}tool_results\n{dumps({'tool_results': rows})}\n{FENCE}"
    images = [
        dict(block) for result in results for block in standard(result.content) if block.get("type") in IMAGES
    ]
    return [HumanMessage([{"type": "text", "text": text}, *images] if images else text)]


def _joined(pieces: Sequence[AIMessage]) -> AIMessage:
    message = message_chunk_to_message(_sum(pieces))
    if not isinstance(message, AIMessage):
        raise TypeError(f"A model answers with an AIMessage, not {type(message).__name__}.")
    return message


def _sum(pieces: Sequence[AIMessage]) -> AIMessage:
    first, *rest = pieces
    if not rest or not isinstance(first, AIMessageChunk):
        return first
    return first + [piece for piece in rest if isinstance(piece, AIMessageChunk)]


def _with_text(message: AIMessage, text: str) -> Any:
    """A message's content with this text in place of its own."""
    if isinstance(message.content, str):
        return text
    blocks = list(standard(message.content))
    kept = [block for block in blocks if block.get("type") == "reasoning"]
    spoken = next((block for block in blocks if block.get("type") == "text"), {"type": "text"})
    return [*kept, *([{**spoken, "text": text}] if text else [])]


def _without_layout(message: AIMessage) -> dict[str, Any]:
    return {name: value for name, value in message.additional_kwargs.items() if name != LAYOUT}


def _fragments(
    whole: AIMessageChunk, calls: Sequence[ToolCall | InvalidToolCall], place: int
) -> AIMessageChunk:
    """The chunk that makes the sum of a stream hold these calls."""
    fragments = [
        ToolCallChunk(type="tool_call_chunk", name=call["name"], args=_raw(call), id=call["id"], index=n)
        for n, call in enumerate(calls, start=place)
    ]
    content: Any = "" if isinstance(whole.content, str) else [dict(fragment) for fragment in fragments]
    return AIMessageChunk(content=content, tool_call_chunks=fragments, id=whole.id)


def _raw(call: ToolCall | InvalidToolCall) -> str:
    """A call's arguments as text; a broken block begins with its fence, which LangChain never repairs."""
    return args if isinstance(args := call["args"], str) else dumps(args)
