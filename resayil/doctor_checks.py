"""The doctor's table: one check for each thing that the documents and servers disagree on.

A check looks through the client itself, and tells what it observed, how grave that is, and what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from resayil.client import ChatStream
from resayil.codecs.envelopes import http_date
from resayil.doctor_patient import Patient, Row, Status
from resayil.errors import BadRequestError, NotFoundError, ResayilError, UnsupportedError
from resayil.events import StreamEvent
from resayil.images import ImagePart, image_from_bytes
from resayil.jsontext import loads
from resayil.messages import ChatResponse, ToolCallPart, assistant, tool_result, user
from resayil.models import sees
from resayil.options import build_request
from resayil.tools import Tool

CLOCK_OFF = 5.0
"""Seconds by which this machine's clock may be wrong before waiting for "the next minute" goes wrong."""


_TOOL = Tool(
    "add_numbers",
    "Add two numbers.",
    {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
        "required": ["a", "b"],
    },
)
_SCHEMA = {
    "title": "city",
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)
_ASKED = "Answer with one short word."


Probe = Callable[[Patient], tuple[str, Status, str]]
"""Looks; returns what was observed, the status, and a hint."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table before it is looked at.

    Attributes:
        name: What is looked at.
        documented: What the documents say.
        does: What the client does about it, whatever is found.
        requests: Requests that it takes at most.
        tokens: Tokens that they cost, about.
    """

    name: str
    documented: str
    does: str
    requests: int
    tokens: int

    def row(self, observed: str, status: Status, hint: str = "") -> Row:
        """The row with what was found."""
        return Row(self.name, self.documented, observed, self.does, status, hint)


@dataclass(frozen=True, slots=True)
class Check(Line):
    """A row and how it is looked at."""

    probe: Probe


def _key(patient: Patient) -> tuple[str, Status, str]:
    if patient.refusal is not None:
        raise patient.refusal
    return "accepted", "ok", ""


def _models(patient: Patient) -> tuple[str, Status, str]:
    inactive = sum(info.is_active is False for info in patient.listed)
    seeing = sum(bool(sees(info.id, patient.calls.learned.catalogue)) for info in patient.listed)
    priced = sum(info.credit_multiplier is not None for info in patient.listed)
    said = f"{len(patient.listed)} models, {inactive} inactive, {seeing} that see, {priced} with a multiplier"
    if not patient.listed:
        return said, "failed", "The list is empty: ask the service which models your plan has."
    return (
        said,
        "ok" if priced else "note",
        "" if priced else "Credits are estimated with assumed multipliers.",
    )


def _chat(patient: Patient) -> tuple[str, Status, str]:
    response = patient.chat(_ASKED)
    usage = "usage estimated" if response.usage.estimated else f"{response.usage.total_tokens} tokens"
    said = f"answered by {response.model}: {usage}{_adapted(response)}"
    return said, "note" if response.adaptations or response.usage.estimated else "ok", ""


def _adapted(response: ChatResponse) -> str:
    return f"; {'; '.join(response.adaptations)}" if response.adaptations else ""


def _stream(patient: Patient) -> tuple[str, Status, str]:
    tap = patient.tap()
    request = build_request(patient.model, _ASKED, {"max_tokens": 64})
    stream = ChatStream(patient.perform(patient.calls.stream(request, {}), tap), tap)
    events: list[StreamEvent] = list(stream)
    usage = stream.response().usage
    patient.tokens += usage.total_tokens
    facts = [
        f"first event after {tap.first:.1f} s",
        "no usage" if usage.estimated else "usage",
        "last delta is []" if b'"delta":[]' in tap.body.replace(b" ", b"") else "",
        "" if b"[DONE]" in tap.body else "no [DONE]",
        f"{len(events)} events",
    ]
    said = ", ".join(fact for fact in facts if fact)
    if tap.first > patient.slow:
        return (
            said,
            "note",
            "The server is slow to begin: raise read_timeout and gap_timeout where you lowered them.",
        )
    plain = not usage.estimated and facts[2] == facts[3] == ""
    return said, "ok" if plain else "note", "" if plain else "Nothing to do; the client copes."


def _tools(patient: Patient) -> tuple[str, Status, str]:
    response = patient.chat("Add 2 and 3 with the tool.", tools=[_TOOL], tool_choice="required")
    if not response.tool_calls:
        patient.calls_tools = False
        return (
            "tools are ignored without a word",
            "note",
            "Bind tools by text (ResayilToolBinding), or try another model.",
        )
    return f"called {response.tool_calls[0].name}{_adapted(response)}", "ok", ""


def _results(patient: Patient) -> tuple[str, Status, str]:
    turns = [
        user("Add 2 and 3."),
        assistant(ToolCallPart("call_doctor", _TOOL.name, {"a": 2, "b": 3})),
        tool_result("call_doctor", "5"),
    ]
    response = patient.chat(turns, tools=[_TOOL])
    plain = any("plain text" in said for said in response.adaptations)
    if plain:
        return "refused natively, understood as plain text", "note", "Nothing to do; the client remembers it."
    return "understood natively", "ok", ""


def _vision(patient: Patient) -> tuple[str, Status, str]:
    known = [
        info.id
        for info in patient.listed
        if sees(info.id, patient.calls.learned.catalogue) and info.is_active is not False
    ]
    model = patient.settings.vision_model or (known[0] if known else None)
    if model is None:
        return "no listed model is said to see", "skipped", "Name one: --vision-model."
    try:
        response = patient.chat([user("One word: what is this?", _picture())], model=model)
    except (BadRequestError, UnsupportedError) as error:
        patient.vision[model] = False
        return (
            f"{model} refused a picture: {error.message}",
            "failed",
            "Ask the service which model takes images.",
        )
    patient.vision[model] = True
    return f"{model} took a picture{_adapted(response)}", "ok", ""


def _picture() -> ImagePart:
    return image_from_bytes(_PIXEL)


def _schema(patient: Patient) -> tuple[str, Status, str]:
    response = patient.chat("Name a city in Kuwait, as JSON.", response_format=_SCHEMA)
    try:
        found = loads(response.text)
    except ResayilError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("city"), str):
        return f"kept to the schema{_adapted(response)}", "ok", ""
    patient.json_by = "call" if patient.calls_tools else "mode"
    method = "function_calling" if patient.calls_tools else "json_mode"
    return (
        "the schema is ignored",
        "note",
        f"Use with_structured_output(method={method!r}), or another model.",
    )


def _messages(patient: Patient) -> tuple[str, Status, str]:
    try:
        response = patient.chat(_ASKED, how={"api": "messages"})
    except NotFoundError:
        return "there is none", "note", "Leave api='auto'; the chat dialect can say everything."
    return f"answered by {response.model}{_adapted(response)}", "ok", ""


def _count(patient: Patient) -> tuple[str, Status, str]:
    request = build_request(patient.model, _ASKED, {})
    counted = patient.perform(patient.calls.count_tokens(request), patient.tap())
    if counted.source == "local":
        return (
            "the service does not count",
            "note",
            "Counts and forecasts are estimates, which usage corrects.",
        )
    return f"{counted.tokens} tokens", "ok", ""


def _limits(patient: Patient) -> tuple[str, Status, str]:
    told = {name: value for name, value in patient.headers.items() if name.startswith("x-ratelimit-")}
    if not told:
        hint = "Set requests_per_minute or RESAYIL_PLAN to your plan."
        return "no headers until a 429", "note", hint
    said = ", ".join(f"{name.removeprefix('x-ratelimit-')} {value}" for name, value in sorted(told.items()))
    return said, "ok", ""


def _billing(patient: Patient) -> tuple[str, Status, str]:
    balance = patient.perform(patient.calls.balance(), patient.tap())
    if balance.credits is None:
        return "the reply names no credits", "note", "Read the balance on the web."
    return f"{balance.credits:f} credits, plan {balance.tier or 'unknown'}", "ok", ""


def _clock(patient: Patient) -> tuple[str, Status, str]:
    server = http_date(patient.headers.get("date", ""))
    if server is None:
        return "the server tells no time", "note", ""
    off = time.time() - server
    if abs(off) > CLOCK_OFF:
        return (
            f"this machine is {off:+.0f} s off",
            "note",
            "Set the clock: a 429 without a hint waits for the next minute.",
        )
    return f"{off:+.0f} s apart", "ok", ""


CHECKS = (
    Check(
        "key", "Authorization: Bearer", "sends Bearer, one header, and masks the key everywhere", 0, 0, _key
    ),
    Check(
        "models",
        "GET /models; every field optional",
        "hides inactive ones, suggests near ids on 404",
        0,
        0,
        _models,
    ),
    Check("chat", "POST /chat/completions with usage", "estimates missing usage and says so", 3, 100, _chat),
    Check(
        "stream",
        "events, usage, [DONE]",
        "takes a finish reason as the end; EOF without one is an error",
        2,
        100,
        _stream,
    ),
    Check("tools", "tools and tool_choice", "sends tools, reads calls of every form", 3, 250, _tools),
    Check(
        "tool results",
        "a new assistant message, tool_result, or role tool",
        "role tool, else plain text",
        2,
        250,
        _results,
    ),
    Check(
        "vision",
        "base64 pictures on the chat dialect",
        "sends data URLs; an override for models",
        2,
        700,
        _vision,
    ),
    Check(
        "JSON schema",
        "response_format is not documented",
        "sends it, else a forced call, else JSON mode",
        3,
        250,
        _schema,
    ),
    Check("messages", "POST /messages", "speaks it with api='messages'", 2, 100, _messages),
    Check("count_tokens", "POST /messages/count_tokens", "falls back to a local estimate", 1, 0, _count),
    Check(
        "rate limit",
        "X-RateLimit-* on every response",
        "at most N in any rolling minute; follows the header",
        0,
        0,
        _limits,
    ),
    Check("billing", "GET /api/billing/subscription", "reads it, never buys", 1, 0, _billing),
    Check("clock", "limits count by UTC minute or rolling", "waits by a monotonic clock", 0, 0, _clock),
)
"""The table: what is looked at after the base URL, in this order."""
