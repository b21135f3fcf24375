"""Tool lines: whatever a model writes as arguments, a call is right, or invalid with its raw text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from faults.case import Ask, Case, Check, Expect
from faults.outcome import Outcome
from faults.replies import Wire, body, streamed, to_json
from faults.server import Close, Log, Play

NAME = "get_weather"
OFFERED = Ask(tools=(NAME, "get_price"))
ARABIC = '{"city":"مدينة الكويت 👩\u200d💻"}'
NOTHING = Expect(text="", finish="tool_calls")


def calling(
    wire: Wire, *fragments: str, name: str = NAME, finish: str = "tool_calls", then: tuple[Any, ...] = ()
) -> Play:
    """A stream with one call in fragments, or the same as a whole answer."""
    call = wire.call_start(0, "call_1", name)
    parts = [wire.call_part(0, fragment) for fragment in fragments]
    opening = wire.event(wire.opening_payload())
    if then:
        return streamed(opening, call, *parts, then=then)
    return streamed(opening, call, *parts, wire.finish(finish), wire.done())


def whole(wire: Wire, raw: str) -> Play:
    """A whole answer of the chat dialect with these arguments."""
    return [body(to_json(wire.calling(("call_1", NAME, raw))))]


def calls(*wanted: tuple[str, Mapping[str, Any]]) -> Check:
    """Exactly these calls came, and none is invalid."""

    def check(outcome: Outcome, _: Log) -> str | None:
        heard = outcome.heard
        if outcome.error is not None or (heard.calls == wanted and not heard.invalid):
            return None
        return f"calls {heard.calls!r:.120}, invalid {heard.invalid!r:.120}"

    return check


def invalid(name: str, raw: str) -> Check:
    """The one call is invalid and its raw text is there."""

    def check(outcome: Outcome, _: Log) -> str | None:
        heard = outcome.heard
        found = (
            len(heard.invalid) == 1 and heard.invalid[0][0] == name and heard.invalid[0][1].startswith(raw)
        )
        if outcome.error is not None or (found and not heard.calls):
            return None
        return f"calls {heard.calls!r:.120}, invalid {heard.invalid!r:.120}"

    return check


def exactly(raw: str) -> Check:
    """The raw text is there, and nothing else."""

    def check(outcome: Outcome, _: Log) -> str | None:
        found = [arguments for _, arguments in outcome.heard.invalid]
        return None if outcome.error is not None or found == [raw] else f"the raw text became {found!r:.160}"

    return check


def never_called(outcome: Outcome, _: Log) -> str | None:
    """No call is delivered as one to be executed."""
    return f"delivered {outcome.heard.calls!r:.120}" if outcome.heard.calls else None


def kept(name: str, raw: str) -> Check:
    """The call stands among the partial ones of the error."""

    def check(outcome: Outcome, _: Log) -> str | None:
        found = outcome.error.fields.get("partial_calls") if outcome.error else None
        return None if found == [(name, raw)] else f"partial_tool_calls {found!r:.120}"

    return check


def unreadable(name: str, says: str, raw: str, *, within: float = 8.0) -> list[Case]:
    """Arguments that cannot be read, streamed and whole."""
    expect = Expect(
        text="", finish="tool_calls", within=within, core=(invalid(NAME, raw),), strict=(exactly(raw),)
    )
    halves = (raw[: len(raw) // 2], raw[len(raw) // 2 :])
    return [
        Case(
            id=name,
            says=says,
            plays=lambda wire: [calling(wire, *halves)],
            expect=expect,
            verbs=("stream",),
            ask=OFFERED,
            quiet=within < 5,
        ),
        Case(
            id=f"{name}-whole",
            says=says,
            plays=lambda wire: [whole(wire, raw)],
            expect=expect,
            dialects=("chat",),
            verbs=("chat",),
            ask=OFFERED,
        ),
    ]


def interleaved(wire: Wire) -> Play:
    """Two calls whose fragments alternate."""
    first, second = '{"city":"الكويت"}', '{"city":"حولي"}'
    events = [wire.call_start(0, "call_1", NAME), wire.call_start(1, "call_2", "get_price")]
    for n in range(0, max(len(first), len(second)), 4):
        events += [wire.call_part(0, first[n : n + 4]), wire.call_part(1, second[n : n + 4])]
    opening = wire.event(wire.opening_payload())
    return streamed(opening, *events, wire.finish("tool_calls", blocks=2), wire.done())


def unoffered(name: str, tool_name: str) -> Case:
    """A call of something that was not offered."""
    return Case(
        id=f"T12-{name}",
        says="a call of a tool that was not offered is invalid and keeps its arguments",
        plays=lambda wire: [calling(wire, '{"city":"x"}', name=tool_name)],
        expect=Expect(
            text="",
            finish="tool_calls",
            core=(invalid(tool_name, '{"city":"x"}'),),
            strict=(exactly('{"city":"x"}'),),
        ),
        verbs=("stream",),
        ask=OFFERED,
    )


def broken_off(name: str, raw: str) -> Case:
    """A stream that ends inside a call, whether or not its arguments could be read."""
    return Case(
        id=f"T10-{name}",
        says="a call in which the stream ended stands among the partial ones, and nowhere else",
        plays=lambda wire: [calling(wire, raw, then=(b"0\r\n\r\n", Close()))],
        expect=Expect(
            error="StreamInterruptedError",
            core_error="ResayilError",
            core=(never_called,),
            strict=(kept(NAME, raw),),
        ),
        verbs=("stream",),
        ask=OFFERED,
    )


DEEP = '{"city":' + "[" * 100_000 + "]" * 100_000 + "}"
HUGE = '{"city":' + "9" * 6000 + "}"


def huge(outcome: Outcome, _: Log) -> str | None:
    """The 6000 digits came exactly, or the call is invalid."""
    heard = outcome.heard
    if outcome.error is not None or (heard.invalid and heard.invalid[0][1].startswith(HUGE)):
        return None
    exact = heard.calls == ((NAME, {"city": 10**6000 - 1}),)
    return None if exact else "the number was changed"


CASES: list[Case] = [
    Case(
        id="T01",
        says="arguments that come one character per event are joined",
        plays=lambda wire: [calling(wire, *ARABIC)],
        expect=Expect(text="", finish="tool_calls", core=(calls((NAME, json.loads(ARABIC))),), usage=13),
        verbs=("stream",),
        ask=OFFERED,
    ),
    Case(
        id="T01-whole",
        says="a call in a whole answer is read",
        plays=lambda wire: [whole(wire, ARABIC)],
        expect=Expect(text="", finish="tool_calls", core=(calls((NAME, json.loads(ARABIC))),), usage=13),
        verbs=("chat",),
        ask=OFFERED,
    ),
    Case(
        id="T11",
        says="calls whose fragments alternate are kept apart by their index",
        plays=lambda wire: [interleaved(wire)],
        expect=Expect(
            text="",
            finish="tool_calls",
            core=(calls((NAME, {"city": "الكويت"}), ("get_price", {"city": "حولي"})),),
        ),
        verbs=("stream",),
        ask=OFFERED,
    ),
    *unreadable("T02", "broken JSON is invalid and keeps its text", '{"city": "Ku'),
    *unreadable("T08-list", "arguments that are no object are invalid", "[1, 2]"),
    *unreadable("T08-text", "arguments that are no object are invalid", '"Kuwait"'),
    *unreadable("T06-nan", "NaN is invalid", '{"city":NaN}'),
    *unreadable("T06-infinity", "Infinity is invalid", '{"city":-Infinity}'),
    *unreadable("T06-1e999", "a number beyond all numbers is invalid", '{"city":1e999}'),
    *unreadable("T09", "half a surrogate pair is invalid", '{"city":"\\ud800"}'),
    *unreadable("T04", "arguments nested 100 000 deep are invalid, in time", DEEP, within=2),
    Case(
        id="T05",
        says="a number of 6000 digits is exact or invalid, and the stream survives",
        plays=lambda wire: [calling(wire, HUGE[:3000], HUGE[3000:])],
        expect=Expect(text="", finish="tool_calls", core=(huge,)),
        verbs=("stream",),
        ask=OFFERED,
    ),
    Case(
        id="T03",
        says="a call that was cut at max_tokens is never delivered, whether or not it can be read",
        plays=lambda wire: [calling(wire, '{"city": "Ku', finish="length")],
        expect=Expect(
            text="",
            finish="length",
            core=(never_called, invalid(NAME, '{"city": "Ku')),
            strict=(exactly('{"city": "Ku'),),
        ),
        verbs=("stream",),
        ask=OFFERED,
    ),
    Case(
        id="T03-readable",
        says="nor is one whose cut left readable arguments",
        plays=lambda wire: [calling(wire, "{}", finish="length")],
        expect=Expect(
            text="", finish="length", core=(never_called,), strict=(invalid(NAME, "{}"), exactly("{}"))
        ),
        verbs=("stream",),
        ask=OFFERED,
    ),
    broken_off("cut", '{"path": "/ho'),
    broken_off("complete", '{"path": "/home"}'),
    Case(
        id="T07",
        says="empty arguments are none",
        plays=lambda wire: [calling(wire)],
        expect=Expect(text="", finish="tool_calls", core=(calls((NAME, {})),)),
        verbs=("stream",),
        ask=OFFERED,
    ),
    Case(
        id="T07-blank",
        says="blank arguments are none",
        plays=lambda wire: [calling(wire, "", " ")],
        expect=Expect(text="", finish="tool_calls", core=(calls((NAME, {})),)),
        verbs=("stream",),
        ask=OFFERED,
    ),
    unoffered("other", "rm"),
    unoffered("control", "get_weather\x1b[31m\n"),
    unoffered("case", "GET_WEATHER"),
]
