"""What a stream yields: seven kinds of event, the same for both dialects.

Every delta names its ``part``, counted from 0 in order of appearance: a change of kind opens the next
part, and each tool call keeps its own. The classes are slotted but not frozen: a frozen dataclass costs
three times as much to build, and one is built for every chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from resayil.messages import Usage


@dataclass(slots=True)
class MessageStart:
    """The first event: who answers."""

    id: str = ""
    model: str = ""
    created: int | None = None
    type: ClassVar[Literal["message_start"]] = "message_start"


@dataclass(slots=True)
class TextDelta:
    """A fragment of the answer's text."""

    part: int
    text: str
    type: ClassVar[Literal["text_delta"]] = "text_delta"


@dataclass(slots=True)
class ReasoningDelta:
    """A fragment of reasoning, or its signature."""

    part: int
    text: str
    signature: str | None = None
    type: ClassVar[Literal["reasoning_delta"]] = "reasoning_delta"


@dataclass(slots=True)
class ToolCallDelta:
    """A fragment of a tool call; ``id`` and ``name`` stand on the call's first fragment only."""

    part: int
    index: int
    arguments: str = ""
    id: str | None = None
    name: str | None = None
    type: ClassVar[Literal["tool_call_delta"]] = "tool_call_delta"


@dataclass(slots=True)
class UsageReport:
    """Tokens so far; a later report replaces an earlier one."""

    usage: Usage
    type: ClassVar[Literal["usage"]] = "usage"


@dataclass(slots=True)
class Extra:
    """Fields of the wire that the pack does not know, for adapters to pass on."""

    data: Mapping[str, Any]
    type: ClassVar[Literal["extra"]] = "extra"


@dataclass(slots=True)
class MessageEnd:
    """The last event: the answer is whole."""

    finish_reason: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)
    type: ClassVar[Literal["message_end"]] = "message_end"


ContentDelta = TextDelta | ReasoningDelta | ToolCallDelta
StreamEvent = MessageStart | TextDelta | ReasoningDelta | ToolCallDelta | UsageReport | Extra | MessageEnd
