"""A conversation in a terminal: its history, the turns of the model and of its tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from resayil.cli.language import say
from resayil.cli.terminal import Screen
from resayil.cli.toolfile import run_call
from resayil.client import Client
from resayil.errors import RequestError, ResayilError
from resayil.events import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from resayil.images import ImagePart
from resayil.messages import (
    ChatResponse,
    Message,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    tool_result,
    user,
)
from resayil.tools import Tool

MAX_TURNS = 10
"""Answers of the model to one question, calls of tools included."""

Approve = Callable[[ToolCallPart], bool]


@dataclass(slots=True)
class Dialogue:
    """One conversation.

    Attributes:
        client: Who asks.
        model: The model that answers.
        screen: What shows it; none where nothing is shown.
        tools: Tools by name.
        options: What every request says besides its messages.
        approve: Says whether a call may be run.
        messages: Everything that was said so far.
        pictures: Pictures that go with the next question.
        stopped: Whether the last answer was stopped half-way.
    """

    client: Client
    model: str
    screen: Screen | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    approve: Approve = lambda _: True
    messages: list[Message] = field(default_factory=list)
    pictures: list[ImagePart] = field(default_factory=list)
    stopped: bool = False

    def begin(self, told: str) -> None:
        """Forget everything but what the model is told at the start."""
        self.messages = [system(told)] if told else []
        self.pictures = []

    def ask(self, question: str) -> list[ChatResponse]:
        """One question, and all answers until one calls no tool.

        Ctrl-C stops the answer: what was shown of it stays in the history.

        Raises:
            ResayilError: there is no answer; the history is as it was before the question.
        """
        kept, said = len(self.messages), user(question, *self.pictures)
        self.messages.append(said)
        self.stopped = False
        shown: list[str] = []
        try:
            answers = self._answers(shown)
        except KeyboardInterrupt:
            text = "".join(shown)
            self.messages[kept:] = [said, assistant(text)] if text else []
            self.stopped = True
            answers = []
        except ResayilError:
            self.messages[kept:] = []
            raise
        finally:
            if self.screen is not None:
                self.screen.end()
        self.pictures = []
        return answers

    def _answers(self, shown: list[str]) -> list[ChatResponse]:
        answers: list[ChatResponse] = []
        while len(answers) < MAX_TURNS:
            shown.clear()
            tools = list(self.tools.values())
            with self.client.stream(self.model, self.messages, tools=tools, **self.options) as stream:
                for event in stream:
                    self._show(event, shown)
            answer = stream.response()
            answers.append(answer)
            self.messages.append(answer.message)
            if not (answer.tool_calls or answer.invalid_tool_calls):
                return answers
            self._run(answer)
        raise RequestError(say("The model calls tools without end; {n} answers are enough.", n=MAX_TURNS))

    def _show(self, event: StreamEvent, shown: list[str]) -> None:
        if isinstance(event, TextDelta):
            shown.append(event.text)
        if self.screen is None:
            return
        match event:
            case TextDelta():
                self.screen.write(event.text)
            case ReasoningDelta():
                self.screen.write(event.text, "dim")
            case ToolCallDelta():
                self.screen.write(
                    f"⚙ {event.name} {event.arguments}" if event.name else event.arguments, "yellow"
                )
            case _:
                pass

    def _run(self, answer: ChatResponse) -> None:
        """Run the calls of an answer, one after another."""
        for call in answer.tool_calls:
            if self.approve(call):
                result = run_call(call, self.tools)
            else:
                result = tool_result(call.id, "The user refused this call.", is_error=True)
            self._told(result)
        for broken in answer.invalid_tool_calls:
            self._told(tool_result(broken.id, broken.error, is_error=True))

    def _told(self, result: Message) -> None:
        self.messages.append(result)
        (part,) = result.content
        if self.screen is not None and isinstance(part, ToolResultPart):
            self.screen.write(f"→ {part.text}\n", "red" if part.is_error else "green")

    def credits(self, answers: list[ChatResponse]) -> Decimal:
        """What answers have cost, estimated."""
        estimate = self.client.credit_policy.estimate
        return sum(
            (estimate(answer.usage, answer.model, self.client.catalogue) for answer in answers), Decimal(0)
        )
