"""LiteLLM with this pack's provider as four surfaces; its errors are judged with the core's behind them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, ClassVar

from faults.case import Ask
from faults.outcome import ATTRIBUTES, KEY, Caught, Heard, caught
from faults.replies import MODEL, Dialect, Verb
from faults.surfaces import DEFAULTS, Surface, alisten, listen
from pydantic_core import from_json

from resayil import ResayilError


@cache
def litellm() -> Any:
    """LiteLLM, with the provider registered."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm as module  # noqa: PLC0415 - it takes seconds

    import litellm_provider  # noqa: PLC0415 - the same

    module.suppress_debug_info = True
    litellm_provider.register()
    return module


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those behind it."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, getattr(current, "original_exception", None)]


def asked(client: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """The arguments of a call."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in ask.tools]
    return {
        **client,
        "messages": [{"role": "user", "content": ask.prompt}],
        **({"tools": tools} if tools else {}),
    }


def text_of(chunk: Any) -> str:
    """The text of a chunk."""
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def note(response: Any, heard: Heard) -> None:
    """Note a whole answer."""
    choice = response.choices[0]
    heard.text, heard.finish, heard.whole = choice.message.content or "", choice.finish_reason, True
    heard.truncated = heard.finish == "length"
    usage = getattr(response, "usage", None)
    heard.usage = usage.total_tokens if usage else None
    read_calls(
        heard, [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
    )


def note_ours(response: Any, heard: Heard) -> None:
    """Note a whole answer of this pack, which tells what it took."""
    note(response, heard)
    known = response._hidden_params["provider_specific_fields"]  # noqa: SLF001 - where LiteLLM tells it
    heard.attempts, heard.maybe_billed = known["attempts"], known["maybe_billed"]


def read_calls(heard: Heard, calls: list[tuple[str, str]]) -> None:
    """Calls whose arguments are handed over as text: those that a caller can read, and the others."""
    good: list[tuple[str, Any]] = []
    bad: list[tuple[str, str]] = []
    for name, raw in calls:
        try:
            value = from_json(raw.strip() or "{}", allow_inf_nan=False)
            json.dumps(value, allow_nan=False)  # a number beyond all numbers is none
        except ValueError:
            value = None
        if isinstance(value, dict):
            good.append((name, value))
        else:
            bad.append((name, raw))
    heard.calls, heard.invalid = tuple(good), tuple(bad)


class Completion(Surface):
    """`litellm.completion`."""

    name = "LiteLLM.completion"
    verb: ClassVar[Verb] = "chat"
    adapter: ClassVar[bool] = True

    def open(self, url: str, dialect: Dialect, settings: Mapping[str, Any]) -> Any:
        """The arguments that every call has."""
        litellm()  # imported before a call is timed
        given = {**DEFAULTS, **settings}
        return {"model": f"resayil/{MODEL}", "api_key": KEY, "api_base": url, "api": dialect, **given}

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note_ours(litellm().completion(**asked(client, ask)), heard)

    def close(self, client: Any) -> Any:
        """Nothing: the provider keeps its clients."""

    def caught(self, error: BaseException, *, frames: bool = False) -> Caught:
        """LiteLLM's class and the core's behind it."""
        errors = list(chain(error))
        names = frozenset(kind.__name__ for one in errors for kind in type(one).__mro__)
        core = next((one for one in errors if isinstance(one, ResayilError)), None)
        found = caught(error, names, typed=type(error).__module__.startswith("litellm"), frames=frames)
        if core is None:
            return found
        behind = caught(core, names, typed=True).fields
        found.fields = {
            **behind,
            "class": found.fields["class"],
            **{name: behind[name] for name in ATTRIBUTES},
        }
        return found


class CompletionStream(Completion):
    """`litellm.completion(stream=True)`."""

    name = "LiteLLM.stream"
    verb = "stream"

    def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream, and the answer that it makes."""
        chunks: list[Any] = []
        stream = litellm().completion(**asked(client, ask), stream=True)
        listen(stream, heard, lambda chunk: keep(chunks, chunk))
        if not heard.leave:
            note_ours(litellm().stream_chunk_builder(chunks), heard)


class ACompletion(Completion):
    """`litellm.acompletion`."""

    name = "LiteLLM.acompletion"
    asynchronous = True

    async def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A whole answer."""
        note_ours(await litellm().acompletion(**asked(client, ask)), heard)

    async def close(self, client: Any) -> Any:
        """Nothing: the provider keeps its clients."""


class ACompletionStream(ACompletion):
    """`litellm.acompletion(stream=True)`."""

    name = "LiteLLM.astream"
    verb = "stream"

    async def call(self, client: Any, ask: Ask, heard: Heard) -> Any:
        """A stream, and the answer that it makes."""
        chunks: list[Any] = []
        stream = await litellm().acompletion(**asked(client, ask), stream=True)
        await alisten(stream, heard, lambda chunk: keep(chunks, chunk))
        if not heard.leave:
            note_ours(litellm().stream_chunk_builder(chunks), heard)


def keep(chunks: list[Any], chunk: Any) -> str:
    """Keep a chunk and give its text."""
    chunks.append(chunk)
    return text_of(chunk)


LITELLM: tuple[Surface, ...] = (Completion(), CompletionStream(), ACompletion(), ACompletionStream())
