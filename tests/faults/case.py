"""What a case of the contract is: how the server plays, how the client is set, what must come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faults.outcome import Leave, Outcome
from faults.replies import TEXT, Dialect, Verb, Wire
from faults.server import Log, Play

Check = Callable[[Outcome, Log], str | None]
"""Says what is wrong, or nothing."""


@dataclass(frozen=True, kw_only=True)
class Expect:
    """What must come of a call.

    Attributes:
        error: The error's class; empty for a success. Several, where the contract leaves the choice.
        core_error: The classes that *core* takes, where it takes more than *strict*.
        either: A whole answer is right too.
        core_success: *core* takes a whole answer, *strict* does not.
        fields: Attributes of the error, exactly.
        attempts: Fewest and most requests.
        text: The text of a success.
        finish: The finish reason of a success.
        usage: The total of tokens of a success.
        partial: The text that an error carries, and that was delivered before it.
        within: Seconds.
        core: Further checks.
        strict: Further checks of the strict judgement.
    """

    error: str | Sequence[str] = ""
    core_error: str | Sequence[str] = ()
    either: bool = False
    core_success: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[int, int] = (1, 1)
    text: str | None = TEXT
    finish: str | None = "stop"
    usage: int | None = None
    partial: str | None = None
    within: float = 15.0
    core: Sequence[Check] = ()
    strict: Sequence[Check] = ()


@dataclass(frozen=True)
class Ask:
    """What a caller says.

    Attributes:
        prompt: The user's text.
        tools: Names of the tools offered; each takes a city.
        leave: How a stream is left early.
    """

    prompt: str = "كم السعر؟"
    tools: tuple[str, ...] = ()
    leave: Leave = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One line of the contract, or a part of one.

    Attributes:
        id: The line's id; a part's name follows a hyphen.
        says: What is proved, in words.
        plays: The server's replies, for each dialect and verb.
        expect: What must come of it.
        dialects: Where it applies.
        verbs: Where it applies.
        surfaces: Names of the only surfaces it applies to, if not all.
        settings: The client's settings, by the core's names.
        ask: What the caller says.
        alone: It measures memory, in a process of its own.
        quiet: It measures short times, so nothing runs beside it.
        prove: It is large; the normal run has a smaller one.
        frames: The traceback is looked at with its local variables.
        address: Where the client is sent instead of to the server: ``closed``, ``dns`` or ``tls``.
        warm: A call is made before, so that there is a kept-alive connection.
        next_call: Whether another call is tried on the same pool afterwards.
    """

    id: str
    says: str
    plays: Callable[[Wire], Sequence[Play]]
    expect: Expect
    dialects: tuple[Dialect, ...] = ("chat", "messages")
    verbs: tuple[Verb, ...] = ("chat", "stream")
    surfaces: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    ask: Ask = Ask()
    alone: bool = False
    quiet: bool = False
    prove: bool = False
    frames: bool = False
    address: str = ""
    warm: bool = False
    next_call: bool = True

    @property
    def line(self) -> str:
        """The contract's line."""
        return self.id.partition("-")[0]
