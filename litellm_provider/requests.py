"""What LiteLLM hands over, as a request of the core.

Everything LiteLLM knows of a call arrives in keyword arguments: ``optional_params`` holds the parameters of
OpenAI's form, those that nobody knows, the settings of a deployment, and ``extra_body`` beside them. The
core's `read_request` reads the body; here is only what is LiteLLM's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import httpx

from litellm_provider.prices import CreditPrice, read_price
from resayil.codecs.openai import read_messages, read_request
from resayil.config import Settings
from resayil.errors import RequestError
from resayil.marks import unmarked
from resayil.messages import ChatRequest, InvalidToolCall, Message, ReasoningPart

BASE_URL_VARIABLE = "RESAYIL_API_BASE"
"""The base URL by LiteLLM's habit of naming; the core reads ``RESAYIL_BASE_URL``."""

SETTINGS = frozenset(Settings.model_fields) - {
    "api_key", "base_url", "extra_headers", "max_retries", "stream_usage",
}  # fmt: skip
"""Settings of the core's client that a deployment, or a caller of the SDK, may give beside the parameters."""

_PRICES = ("credit_price", "credit_multiplier")
PRICES = frozenset(_PRICES)
"""What a credit costs, and how many of them a token of the model costs."""

NOT_SENT: Mapping[str, str] = {
    "annotations": "annotations of an earlier answer",
    "cache_control": "cache_control, since the service documents no caching hints",
    "provider_specific_fields": "provider_specific_fields, LiteLLM's notes on an earlier answer",
    "reasoning_items": "reasoning_items, another provider's form of reasoning",
}
"""Fields of a message that are never sent, each named in the answer's adaptations when it was there.

Two more are translated: ``thinking_blocks`` become reasoning, which the core sends back only where its
setting ``reasoning_replay`` says so, and of those the ``redacted_thinking`` ones are never sent. ``user`` and
``metadata`` of a call stay with LiteLLM, which never hands them to a provider of this kind.
"""

_REDACTED = "redacted_thinking blocks, which only their maker can read"
_RESERVED = frozenset({"model", "messages", "stream"})
_REQUEST_OPTIONS = tuple(
    field.name for field in fields(ChatRequest) if field.name not in {"model", "messages", "reasoning_replay"}
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of LiteLLM in the core's words.

    Attributes:
        model: The model's id.
        messages: The conversation.
        options: The other arguments of the core's ``chat()`` and ``stream()``.
        settings: The settings of the client that makes it.
        price: What its credits cost.
        said: What was not sent, in words.
    """

    model: str
    messages: tuple[Message, ...]
    options: dict[str, Any]
    settings: dict[str, Any] = field(repr=False)  # it holds the key
    price: CreditPrice
    said: tuple[str, ...] = ()

    @property
    def offered(self) -> bool:
        """Whether it offers any tools."""
        return bool(self.options["tools"])


def read_call(given: Mapping[str, Any], defaults: Mapping[str, Any], *, stream: bool) -> Call:
    """The call in the keyword arguments that LiteLLM gives a handler.

    Args:
        given: LiteLLM's arguments.
        defaults: The handler's own settings, which those of the call precede.
        stream: Whether the answer is streamed.

    Raises:
        RequestError: something in it cannot be said, or a proxy's client may not say it.
    """
    params = dict(given["optional_params"])
    _refuse_from_clients(params, given.get("litellm_params") or {})
    chosen = {**defaults, **params}  # only what was given: for some settings None is a choice
    settings = {name: value for name, value in chosen.items() if name in SETTINGS}
    params = {name: value for name, value in params.items() if name not in SETTINGS}
    per_credit, multiplier = (params.pop(name, defaults.get(name)) for name in _PRICES)
    price = read_price(per_credit, multiplier, settings.get("credit_policy"))
    settings["api_key"] = given.get("api_key") or defaults.get("api_key")
    settings["base_url"] = (
        given.get("api_base") or defaults.get("base_url") or os.environ.get(BASE_URL_VARIABLE)
    )
    how = {
        "max_retries": params.pop("max_retries", defaults.get("max_retries")),
        "extra_headers": dict(given.get("headers") or {}) or None,
        # Under a Router nobody waits for a slot, since another deployment may have one.
        "limit_max_wait": 0.0 if under_router(given) and "limit_max_wait" not in settings else None,
        **_clocks(given.get("timeout"), settings, stream=stream),
    }
    messages, said = read_turns(given["messages"])
    request = read_request({"model": given["model"], "messages": messages, **_merged(params)})
    options = {name: getattr(request, name) for name in _REQUEST_OPTIONS}
    turns = tuple(map(_as_written, request.messages))
    return Call(request.model, turns, {**options, **how}, settings, price, said)


def under_router(given: Mapping[str, Any]) -> bool:
    """Whether a Router made this call: it notes its group in the call's metadata."""
    params = given.get("litellm_params") or {}
    notes = (params.get("metadata"), params.get("litellm_metadata"))
    return any(isinstance(note, Mapping) and note.get("model_group") for note in notes)


def _refuse_from_clients(params: Mapping[str, Any], litellm_params: Mapping[str, Any]) -> None:
    """Settings and prices are the configuration's; a client of a proxy could else reach what it may not."""
    asked = (litellm_params.get("proxy_server_request") or {}).get("body") or {}
    theirs = sorted(name for name in params.keys() & asked.keys() if name in SETTINGS or name in PRICES)
    if theirs:
        raise RequestError(f"{', '.join(theirs)}: set by the proxy's configuration, not by its clients.")


def _merged(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the fields of ``extra_body``, which come last and win."""
    extra = params.pop("extra_body", None) or {}
    if not isinstance(extra, Mapping):
        raise RequestError(f"extra_body is an object, not {extra!r:.80}.")
    taken = sorted(_RESERVED & extra.keys())
    if taken:
        raise RequestError(f"extra_body may not replace {', '.join(taken)}; use the arguments of that name.")
    options = params.get("stream_options") or {}
    unknown = sorted(options.keys() - {"include_usage"}) if isinstance(options, Mapping) else []
    if unknown:
        raise RequestError(f"stream_options: {', '.join(unknown)} cannot be passed on; include_usage can.")
    return {**params, **extra}


def _clocks(timeout: object, settings: Mapping[str, Any], *, stream: bool) -> dict[str, float | None]:
    """LiteLLM's timeout: silence on the wire, and for an answer in one piece the whole call too.

    LiteLLM's defaults are minutes to hours, so it only ever shortens the core's own clocks.
    """
    whole = timeout if isinstance(timeout, int | float) else None
    silence = timeout.read if isinstance(timeout, httpx.Timeout) else whole
    usual = settings.get("read_timeout") or Settings.model_fields["read_timeout"].default
    clocks = {"read_timeout": min(usual, silence) if silence else None}
    if not stream and whole and not settings.get("deadline"):
        clocks["deadline"] = float(whole)
    return clocks


def read_turns(messages: Iterable[Mapping[str, Any]]) -> tuple[list[Any], tuple[str, ...]]:
    """The messages without what is LiteLLM's own, and what of it was not sent."""
    said: dict[str, None] = {}
    return [_turn(message, said) for message in messages], tuple(said)


def _turn(message: Mapping[str, Any], said: dict[str, None]) -> Mapping[str, Any] | Message:
    own = {name for name in NOT_SENT if message.get(name)}
    blocks = message.get("thinking_blocks") or []
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    blocks = [*blocks, *(part for part in parts if _is_thinking(part))]
    own |= {"cache_control" for part in parts if isinstance(part, Mapping) and part.get("cache_control")}
    said.update((f"not sent: {NOT_SENT[name]}", None) for name in sorted(own))
    plain = {
        name: value for name, value in message.items() if name not in NOT_SENT and name != "thinking_blocks"
    }
    if not blocks:
        return plain
    if parts:
        plain["content"] = [part for part in parts if not _is_thinking(part)]
    if any(block.get("type") == "redacted_thinking" for block in blocks):
        said[f"not sent: {_REDACTED}"] = None
    return _with_reasoning(plain, blocks)


def _as_written(message: Message) -> Message:
    """The message with broken calls as the model wrote them, without our word behind their arguments."""
    if not message.invalid_tool_calls:
        return message
    parts = (
        replace(part, arguments=unmarked(part.arguments)) if isinstance(part, InvalidToolCall) else part
        for part in message.content
    )
    return replace(message, content=tuple(parts))


def _is_thinking(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") in {"thinking", "redacted_thinking"}


def _with_reasoning(plain: Mapping[str, Any], blocks: Iterable[Mapping[str, Any]]) -> Message:
    """An assistant turn whose reasoning comes in blocks, which keep their signatures."""
    signed = tuple(
        ReasoningPart(str(block.get("thinking") or ""), block.get("signature") or None)
        for block in blocks
        if block.get("type") == "thinking"
    )
    (message,) = read_messages([plain])
    rest = tuple(part for part in message.content if not isinstance(part, ReasoningPart))
    return replace(message, content=(*signed, *rest)) if signed else message
