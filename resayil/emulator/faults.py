"""What can go wrong on the way, each fault a row of one table.

A status is a refusal in the dialect's envelope.  A name of the table spoils a reply that was otherwise good:
`after_events` says how many of its events still arrive, `seconds` how long a silence lasts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from resayil.emulator import drafts
from resayil.emulator.drafts import Draft
from resayil.emulator.refusals import HTML, RefusalError, envelope, page
from resayil.emulator.scripts import Fault
from resayil.emulator.values import Cut, HttpRequest, Json, Step, Wait

OK, FOUND, TEMPORARY, BAD_GATEWAY, OVERLOADED = 200, 302, 307, 502, 529
SILENCE, PAUSE = 1.0, 0.05
HEADER = "x-resayil-fault"
PORTAL = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to the network</body></html>"
BROKEN = b'data: {"choices": [{"index": 0, "delta": {"con\n\n'
NOT_TEXT = b'data: {"text": "\xff\xfe"}\n\n'
PINGS = {"chat": b": ping\n\n", "messages": b'event: ping\ndata: {"type":"ping"}\n\n'}
ENDINGS = {"chat": b"data: [DONE]\n\n", "messages": b'event: message_stop\ndata: {"type":"message_stop"}\n\n'}

Spoil: TypeAlias = Callable[[Draft, Fault, str], Draft]


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: what it does to a reply, and in words."""

    spoil: Spoil
    summary: str


def _split(draft: Draft, fault: Fault) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """What still arrives, and what would have followed; half of it unless the fault says otherwise."""
    if draft.stream:
        kept = len(draft.events) // 2 if fault.after_events is None else fault.after_events
        return draft.events[:kept], draft.events[kept:]
    data = b"".join(step for step in draft.events if isinstance(step, bytes))
    return (data[: len(data) // 2],), (data[len(data) // 2 :],)


def _cut(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    return replace(draft, events=(*_split(draft, fault)[0], Cut()))


def _reset(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    return replace(draft, events=(*_split(draft, fault)[0], Cut(hard=True)))


def _refused(draft: Draft, _fault: Fault, _dialect: str) -> Draft:
    return replace(draft, status=0, events=(Cut(hard=True),))


def _ended(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    return replace(draft, events=_split(draft, fault)[0], headers=_unsized(draft))


def _empty(draft: Draft, _fault: Fault, _dialect: str) -> Draft:
    return replace(draft, events=(), headers=_unsized(draft))


def _stalled(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    wait = Wait(SILENCE if fault.seconds is None else fault.seconds)
    if fault.after_events is None:
        return replace(draft, events=(wait, *draft.events), late=True)
    before, after = _split(draft, fault)
    return replace(draft, events=(*before, wait, *after))


def _dribbled(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    wait = Wait(PAUSE if fault.seconds is None else fault.seconds)
    data = b"".join(step for step in draft.events if isinstance(step, bytes))
    return replace(draft, events=tuple(step for byte in data for step in (bytes([byte]), wait)))


def _pinged(draft: Draft, fault: Fault, dialect: str) -> Draft:
    before, after = _split(draft, fault)
    times = max(1, round((SILENCE if fault.seconds is None else fault.seconds) / PAUSE))
    between: tuple[Step, ...] = (PINGS.get(dialect, PINGS["chat"]), Wait(PAUSE))
    return replace(draft, events=(*before, *(between * times), *after))


def _only_done(draft: Draft, _fault: Fault, dialect: str) -> Draft:
    return replace(draft, events=(ENDINGS.get(dialect, ENDINGS["chat"]),), headers=_unsized(draft))


def _without_done(draft: Draft, _fault: Fault, _dialect: str) -> Draft:
    return replace(draft, events=draft.events[:-1])


def _error_event(draft: Draft, fault: Fault, dialect: str) -> Draft:
    body = fault.body or envelope(RefusalError(OVERLOADED), dialect, frozenset())
    name = "error" if dialect == "messages" else ""
    return replace(
        draft, events=(*_split(draft, fault)[0], drafts.event(body, name=name)), headers=_unsized(draft)
    )


def _error_200(_draft: Draft, fault: Fault, dialect: str) -> Draft:
    return drafts.whole(fault.body or envelope(RefusalError(OVERLOADED), dialect, frozenset()))


def _broken(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    before, after = _split(draft, fault)
    return replace(
        draft, events=(*before, BROKEN, *after) if draft.stream else before, headers=_unsized(draft)
    )


def _not_text(draft: Draft, fault: Fault, _dialect: str) -> Draft:
    before, after = _split(draft, fault)
    return replace(
        draft, events=(*before, NOT_TEXT if draft.stream else b"\xff\xfe", *after), headers=_unsized(draft)
    )


def _portal(_draft: Draft, fault: Fault, _dialect: str) -> Draft:
    return drafts.text(str(fault.body or PORTAL), HTML)


def _gateway_page(_draft: Draft, fault: Fault, _dialect: str) -> Draft:
    return drafts.text(str(fault.body or page(BAD_GATEWAY)), HTML, status=BAD_GATEWAY)


def _redirect(status: int) -> Spoil:
    def spoil(_draft: Draft, fault: Fault, _dialect: str) -> Draft:
        draft = drafts.text(str(fault.body or PORTAL), HTML, status=status)
        return replace(draft, headers={**draft.headers, "location": "/login"})

    return spoil


def _unstreamed(draft: Draft, _fault: Fault, _dialect: str) -> Draft:
    return draft


FAULTS: dict[str, Kind] = {
    "cut": Kind(_cut, "the connection closes in mid-body"),
    "reset": Kind(_reset, "the connection is reset in mid-body"),
    "refused": Kind(_refused, "the connection closes before any byte of a reply"),
    "eof": Kind(_ended, "the body ends early, as if it were whole"),
    "empty": Kind(_empty, "200 with an empty body"),
    "stall": Kind(_stalled, "silence before the reply, or after so many events"),
    "dribble": Kind(_dribbled, "one byte at a time"),
    "pings": Kind(_pinged, "nothing but pings for a while"),
    "done-only": Kind(_only_done, "a stream of its last event alone"),
    "no-done": Kind(_without_done, "a stream without its last event"),
    "error-event": Kind(_error_event, "an error inside the stream"),
    "error-200": Kind(_error_200, "an error's envelope under status 200"),
    "broken-json": Kind(_broken, "JSON that breaks off"),
    "bad-utf8": Kind(_not_text, "bytes that are no UTF-8"),
    "html": Kind(_portal, "200 with a page, as a network's sign-in shows"),
    "html-502": Kind(_gateway_page, "502 with a proxy's page"),
    "redirect": Kind(_redirect(FOUND), "302 to a page"),
    "redirect-307": Kind(_redirect(TEMPORARY), "307 to a page"),
    "unstreamed": Kind(_unstreamed, "a stream was asked for, the whole reply comes"),
}


def checked(fault: Fault) -> Fault:
    """The fault, when the table knows it.

    Raises:
        ValueError: It is neither a status nor a name of the table, or its numbers cannot be.
    """
    if isinstance(fault.kind, str) and fault.kind.isdigit():
        fault = replace(fault, kind=int(fault.kind))
    if isinstance(fault.kind, str) and fault.kind not in FAULTS:
        message = f"There is no fault {fault.kind!r}; give a status or one of: {', '.join(FAULTS)}."
        raise ValueError(message)
    if fault.seconds is not None and not 0 <= fault.seconds < math.inf:
        message = f"A fault lasts a number of seconds from 0, not {fault.seconds!r}."
        raise ValueError(message)
    if fault.after_events is not None and fault.after_events < 0:
        message = f"after_events is a whole number from 0, not {fault.after_events!r}."
        raise ValueError(message)
    return fault


def from_header(request: HttpRequest) -> Fault | None:
    """The fault that a request asks for itself: `x-resayil-fault: stall; seconds=2; after_events=3`."""
    kind, *options = (part.strip() for part in request.headers.get(HEADER, "").split(";"))
    if not kind:
        return None
    given = {name: value for name, _, value in (option.partition("=") for option in options)}
    try:
        seconds = float(given["seconds"]) if "seconds" in given else None
        events = int(given["after_events"]) if "after_events" in given else None
        return checked(Fault(kind, seconds, after_events=events))
    except ValueError as error:
        raise RefusalError(400, f"{HEADER}: {error}") from error


def status_draft(fault: Fault, status: int, body: Json) -> Draft:
    """A fault that is a status: the fault's own body, or the dialect's envelope."""
    return _bodied(fault.body, status, body).headed(fault.headers or {})


def spoiled(draft: Draft, fault: Fault | None, dialect: str) -> Draft:
    """A good reply after what the fault does to it."""
    if fault is None or isinstance(fault.kind, int):
        return draft
    return FAULTS[fault.kind].spoil(draft, fault, dialect).headed(fault.headers or {})


def _bodied(own: Json, status: int, body: Json) -> Draft:
    if isinstance(own, bytes):
        return Draft(status, (own,), {"content-length": str(len(own))})
    if isinstance(own, str):
        return drafts.text(own, HTML if own.lstrip().startswith("<") else "text/plain", status=status)
    return drafts.whole(body if own is None else own, status=status)


def _unsized(draft: Draft) -> dict[str, str]:
    return {name: value for name, value in draft.headers.items() if name != "content-length"}
