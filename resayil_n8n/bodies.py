"""Request bodies for templates, out of the core's codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resayil.codecs import CODECS
from resayil.messages import (
    ChatRequest,
    Dialect,
    InvalidToolCall,
    Message,
    TextPart,
    assistant,
    tool_result,
    user,
)
from resayil.options import RequestOptions, build_request
from resayil_n8n.expressions import Numbers, Script, expression, javascript, slot

SLOT_IMAGE = "https://image.invalid/slot"
"""An image's place: codecs pass an https address on unchanged, and an expression takes its place."""


def config(name: str) -> str:
    """The expression of a field of the Config node."""
    return f"$('Config').first().json.{name}"


def endpoint(dialect: Dialect) -> str:
    """The address of a dialect, as an n8n expression."""
    return address(CODECS[dialect].path)


def address(path: str) -> str:
    """An address below the base URL, as an n8n expression."""
    return f"={{{{ {config('base_url')}.replace(/\\/+$/, '') + '{path}' }}}}"


class Body:
    """A request that the core encodes, with slots where n8n fills in.

    Args:
        messages: The conversation; its texts may be slots.
        model: Expression of the model.
        dialect: Which codec encodes it.
        max_tokens: Expression of the answer's upper bound.
        image: Expression of an image's data URL, where a message holds `SLOT_IMAGE`.
        options: The core's own options.
    """

    def __init__(
        self,
        messages: Sequence[Message],
        *,
        model: str = config("model"),
        dialect: Dialect = "chat",
        max_tokens: str = config("max_tokens"),
        image: str | None = None,
        **options: Any,
    ) -> None:
        self._numbers = Numbers()
        self._image = image
        given: RequestOptions = {**options, "max_tokens": self._numbers.slot(max_tokens)}  # type: ignore[typeddict-item] # by name
        self.request: ChatRequest = build_request(slot(model), messages, given)
        self.wire: Mapping[str, Any] = CODECS[dialect].encode(self.request)

    def expression(self, *only: str, **replaced: str) -> str:
        """The body as an n8n expression.

        Args:
            only: The fields to keep; all by default.
            replaced: Expressions that take the place of whole fields.
        """
        kept = {name: value for name, value in self.wire.items() if not only or name in only}
        kept |= {name: Script(text) for name, text in replaced.items()}
        return self._with_image(expression(kept, self._numbers))

    def with_history(self, turns: str) -> str:
        """The body as an n8n expression, earlier turns spread in before its last message.

        Args:
            turns: Expression of those turns, as `plain_turns` writes them.
        """
        *first, last = self.wire["messages"]
        return self.expression(messages=javascript([*first, Script(f"...{turns}"), last], depth=1))

    def field(self, name: str) -> str:
        """One field of the body as an n8n expression."""
        return self._with_image(expression(self.wire[name], self._numbers))

    def _with_image(self, text: str) -> str:
        return text if self._image is None else text.replace(f'"{SLOT_IMAGE}"', self._image)


def tool_turns() -> dict[str, Script]:
    """Two JavaScript functions for a loop by hand, whose bodies are the chat codec's own output.

    ``assistantTurn(text, calls)`` says again what the model asked for, ``resultTurn(id, text)`` answers one
    call; ``calls`` are those of the robust call's result.
    """
    asked = Message(
        "assistant",
        (
            TextPart(slot("text")),
            InvalidToolCall(slot("call.id"), slot("call.name"), slot("call.arguments_text")),
        ),
    )
    answered = tool_result(slot("id"), slot("text"))
    wire = CODECS["chat"].encode(build_request("any", [user("any"), asked, answered], {}))
    _, turn, result = wire["messages"]
    call = javascript(turn["tool_calls"][0], depth=1)
    turn = {**turn, "tool_calls": Script(f"calls.map((call) => ({call}))")}
    return {
        "assistantTurn": Script(f"(text, calls) => ({javascript(turn)})"),
        "resultTurn": Script(f"(id, text) => ({javascript(result)})"),
    }


def plain_turns() -> dict[str, Script]:
    """Two JavaScript functions for a history of plain text, whose bodies are the chat codec's own output."""
    wire = CODECS["chat"].encode(build_request("any", [user(slot("text")), assistant(slot("text"))], {}))
    said, answered = wire["messages"]
    return {
        "userTurn": Script(f"(text) => ({javascript(said)})"),
        "assistantTurn": Script(f"(text) => ({javascript(answered)})"),
    }
