"""The values of a conversation: messages, their parts, a request, a response.

All of them are frozen and comparable. Wire names stop at the codecs; the words here are the field's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from resayil.errors import RequestError
from resayil.images import ImagePart

if TYPE_CHECKING:
    from resayil.tools import Tool

Role = Literal["system", "user", "assistant", "tool"]
Dialect = Literal["chat", "messages"]
ReasoningReplay = Literal["never", "tool_turns", "always"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text, never altered."""

    text: str
    type: Literal["text"] = field(default="text", init=False)


@dataclass(frozen=True, slots=True)
class ReasoningPart:
    """What a thinking model wrote before it answered; ``signature`` where the wire carries one."""

    text: str
    signature: str | None = None
    type: Literal["reasoning"] = field(default="reasoning", init=False)


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call that the model asks for, its arguments parsed."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    type: Literal["tool_call"] = field(default="tool_call", init=False)


@dataclass(frozen=True, slots=True)
class InvalidToolCall:
    """A call that cannot be executed as it came: broken arguments, a tool that was not offered, a cut answer.

    Attributes:
        id: The call's id.
        name: The name as the model wrote it.
        arguments: The raw text of the arguments, neither repaired nor shortened.
        error: Why it cannot be executed.
    """

    id: str
    name: str
    arguments: str
    error: str = field(default="", compare=False)
    type: Literal["invalid_tool_call"] = field(default="invalid_tool_call", init=False)


@dataclass(frozen=True, slots=True)
class PartialToolCall:
    """A call whose stream broke off; for display only, never for execution."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool returned: text or images, and whether it is an error."""

    tool_call_id: str
    content: tuple[TextPart | ImagePart, ...] = ()
    is_error: bool = False
    type: Literal["tool_result"] = field(default="tool_result", init=False)

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))


Part = TextPart | ImagePart | ReasoningPart | ToolCallPart | InvalidToolCall | ToolResultPart

_ALLOWED: Mapping[Role, tuple[type[Part], ...]] = {
    "system": (TextPart,),
    "user": (TextPart, ImagePart),
    "assistant": (TextPart, ReasoningPart, ToolCallPart, InvalidToolCall),
    "tool": (ToolResultPart,),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Raises:
        RequestError: a part that this role cannot hold.
    """

    role: Role
    content: tuple[Part, ...] = ()
    name: str | None = None

    def __post_init__(self) -> None:
        allowed = _ALLOWED.get(self.role)
        if allowed is None:
            raise RequestError(f"{self.role!r} is no role; use one of {', '.join(_ALLOWED)}.")
        for part in self.content:
            if not isinstance(part, allowed):
                raise RequestError(f"A {self.role} message cannot hold {type(part).__name__}.")

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, TextPart))

    @property
    def reasoning(self) -> str:
        """The reasoning parts, joined."""
        return "".join(part.text for part in self.content if isinstance(part, ReasoningPart))

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls that can be executed."""
        return tuple(part for part in self.content if isinstance(part, ToolCallPart))

    @property
    def invalid_tool_calls(self) -> tuple[InvalidToolCall, ...]:
        """The calls that cannot."""
        return tuple(part for part in self.content if isinstance(part, InvalidToolCall))

    @property
    def has_image(self) -> bool:
        """Whether any part, a tool result's included, is an image."""
        return any(
            isinstance(part, ImagePart)
            or (
                isinstance(part, ToolResultPart)
                and any(isinstance(inner, ImagePart) for inner in part.content)
            )
            for part in self.content
        )


def system(text: str) -> Message:
    """A system message."""
    return Message("system", _parts(text))


def user(*content: str | TextPart | ImagePart, name: str | None = None) -> Message:
    """A user message of text and images."""
    return Message("user", _parts(*content), name)


def assistant(*content: str | Part, name: str | None = None) -> Message:
    """An assistant message, for a history written by hand."""
    return Message("assistant", _parts(*content), name)


def tool_result(tool_call_id: str, *content: str | TextPart | ImagePart, is_error: bool = False) -> Message:
    """The message that answers one tool call."""
    parts = tuple(part for part in _parts(*content) if isinstance(part, TextPart | ImagePart))
    return Message("tool", (ToolResultPart(tool_call_id, parts, is_error),))


def _parts(*content: str | Part) -> tuple[Part, ...]:
    return tuple(TextPart(part) if isinstance(part, str) else part for part in content if part != "")


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """A choice of exactly one tool, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class JSONFormat:
    """Ask for JSON: any object (JSON mode), or one that satisfies a schema.

    On the messages dialect this is a forced tool call, and ``response.adaptations`` says so.
    """

    schema: Mapping[str, Any] | None = None
    name: str = "response"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Everything one call says to a model, in no dialect.

    Attributes:
        model: The model's id; unknown ids pass through.
        messages: The whole conversation, oldest first.
        tools: Functions offered to the model.
        tool_choice: ``auto``, ``none``, ``required`` or one tool; unset by default.
        parallel_tool_calls: Whether several calls may come in one answer; unset by default.
        response_format: JSON mode or a JSON schema.
        max_tokens: Upper bound of the answer, in tokens.
        temperature: 0 to 2; to 1 on the messages dialect.
        top_p: Nucleus sampling, 0 to 1.
        top_k: Sampling among the k likeliest tokens; messages dialect only.
        stop: Texts at which the model stops.
        seed: Sampling seed; chat dialect only.
        reasoning_replay: Whether reasoning in the history is sent back; ``tool_turns`` sends that of
            the assistant turns since the last user turn.
        extra_body: Further fields of the body, as the service knows them.
    """

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "none", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: JSONFormat | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    reasoning_replay: ReasoningReplay = "never"
    extra_body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def offered(self) -> frozenset[str]:
        """The names of the offered tools."""
        return frozenset(tool.name for tool in self.tools)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call.

    Attributes:
        input_tokens: Prompt tokens, cached ones included.
        output_tokens: Answer tokens, reasoning included.
        total_tokens: As reported, else the sum.
        cache_read_tokens: Prompt tokens read from a cache.
        cache_creation_tokens: Prompt tokens written to a cache.
        reasoning_tokens: Answer tokens spent on reasoning.
        estimated: True where the service reported nothing and the figures are the pack's estimate.
    """

    input_tokens: int
    output_tokens: int
    total_tokens: int = -1
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        if self.total_tokens < 0:
            object.__setattr__(self, "total_tokens", self.input_tokens + self.output_tokens)


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """A whole answer.

    Attributes:
        id: The service's id of the answer.
        model: The model that answered, as reported, else as asked.
        message: The assistant message, ready to be appended to the history.
        finish_reason: ``stop``, ``length``, ``tool_calls``, ``content_filter``, or the service's own
            word; ``None`` where it gave none.
        usage: Tokens, reported or estimated.
        created: Unix time in seconds, where reported.
        request_id: The service's id of the HTTP request.
        adaptations: What the pack changed in the request so that it could be answered, in words.
        attempts: HTTP requests made.
        maybe_billed: Attempts that may have been charged although this answer is not theirs.
        headers: Rate-limit and other reply headers, redacted.
        extra: Fields of the reply that the pack does not know, by name.
    """

    id: str
    model: str
    message: Message
    finish_reason: str | None
    usage: Usage
    created: int | None = None
    request_id: str | None = None
    adaptations: tuple[str, ...] = ()
    attempts: int = 1
    maybe_billed: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.message.text

    @property
    def reasoning(self) -> str:
        """The answer's reasoning."""
        return self.message.reasoning

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls that can be executed."""
        return self.message.tool_calls

    @property
    def invalid_tool_calls(self) -> tuple[InvalidToolCall, ...]:
        """The calls that cannot."""
        return self.message.invalid_tool_calls

    @property
    def truncated(self) -> bool:
        """True where the answer was cut at ``max_tokens``."""
        return self.finish_reason == "length"


Conversation = str | Message | Sequence[Message | Mapping[str, Any]]
"""What ``chat()`` takes as messages: a user's text, one message, or messages (also as OpenAI dicts)."""
