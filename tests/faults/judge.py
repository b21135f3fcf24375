"""Judges an outcome twice: *core*, what any client must do, and *strict*, what the contract asks on top."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from faults.case import Case, Check, Expect
from faults.outcome import ATTRIBUTES, KEY, Caught, Outcome
from faults.replies import Verb
from faults.server import Log

MAX_MESSAGE = 2_000


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an outcome; *strict* is passed only where *core* is."""

    core: tuple[str, ...]
    strict: tuple[str, ...]

    @property
    def passes_core(self) -> bool:
        """Nothing of the core is wrong."""
        return not self.core

    @property
    def passes_strict(self) -> bool:
        """Nothing is wrong."""
        return not self.core and not self.strict

    @property
    def mark(self) -> str:
        """S for strict, c for core only, ✗ for neither."""
        return "S" if self.passes_strict else "c" if self.passes_core else "✗"


def judge(case: Case, verb: Verb, outcome: Outcome, log: Log, *, peer: bool = False) -> Verdict:
    """The verdict on an outcome; a peer isn't asked for the attributes that only the pack's errors have."""
    expect = case.expect
    core = [*_result(expect, outcome), *_conduct(case, outcome), *_said(expect.core, outcome, log)]
    strict = [*_strictly(expect, verb, outcome), *_said(expect.strict, outcome, log)]
    if outcome.error is not None and outcome.error.typed:
        strict += _shape(outcome.error)
        if not peer:
            core += _attributes(outcome.error, outcome)
    return Verdict(tuple(core), tuple(strict))


def _names(wanted: str | Sequence[str]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) and wanted else tuple(wanted)


def _result(expect: Expect, outcome: Outcome) -> Iterator[str]:
    """Whether the right thing was raised, or the right answer came."""
    wanted = (*_names(expect.error), *_names(expect.core_error))
    error = outcome.error
    if error is None:
        if wanted and not expect.either and not expect.core_success:
            yield f"no error, but {outcome.heard.delivered[:60]!r} as an answer"
            return
        yield from _answer(expect, outcome)
    elif not wanted:
        yield f"{error.name}: {error.message[:200]}"
    elif not error.typed and _names(expect.error)[0] not in _FOREIGN:
        yield f"not typed: {error.name}: {error.message[:200]}"
    elif error.kinds.isdisjoint(wanted):
        yield f"{error.name}, not {' or '.join(wanted)}: {error.message[:120]}"


_UNSEEN = {"connect", "certificate"}
"""Where a connection broke before the server saw a request."""

_FOREIGN = frozenset({"ConsumerError", "KeyboardInterrupt", "CancelledError", "TimeoutError"})


def _answer(expect: Expect, outcome: Outcome) -> Iterator[str]:
    heard = outcome.heard
    if heard.leave:
        return
    if expect.text is not None and heard.delivered != expect.text:
        yield f"text {heard.delivered[:80]!r}, not {expect.text[:80]!r}"
    if expect.finish is not None and heard.finish != expect.finish:
        yield f"finish {heard.finish!r}, not {expect.finish!r}"
    if expect.usage is not None and heard.usage != expect.usage:
        yield f"usage {heard.usage}, not {expect.usage}"


def _conduct(case: Case, outcome: Outcome) -> Iterator[str]:
    """Requests, time, and whether the connection was let go."""
    fewest, most = case.expect.attempts
    if not fewest <= outcome.requests <= most:
        yield f"{outcome.requests} requests, not {fewest}" + (f" to {most}" if most != fewest else "")
    if outcome.seconds > case.expect.within:
        yield f"took {outcome.seconds:.2f} s, more than {case.expect.within:g}"
    if not outcome.released:
        yield "the connection was not let go within 1.5 s"
    if outcome.next_works is False:
        yield "the next call on the same pool of one failed"


def _strictly(expect: Expect, verb: Verb, outcome: Outcome) -> Iterator[str]:
    error = outcome.error
    wanted = _names(expect.error)
    if error is None:
        if wanted and not expect.either:
            yield "an answer where an error is asked for"
        return
    if wanted and error.kinds.isdisjoint(wanted):
        yield f"{error.name}, not {' or '.join(wanted)}"
    for name, value in expect.fields.items():
        if error.fields.get(name) != value:
            yield f"{name} is {error.fields.get(name)!r:.80}, not {value!r:.80}"
    if expect.partial is not None and verb == "stream":
        if error.fields.get("partial_text") != expect.partial:
            yield f"partial_text {error.fields.get('partial_text')!r:.80}, not {expect.partial!r:.80}"
        if outcome.heard.delivered != expect.partial:
            yield f"delivered {outcome.heard.delivered!r:.80} before the error, not {expect.partial!r:.80}"


def _said(checks: Sequence[Check], outcome: Outcome, log: Log) -> Iterator[str]:
    yield from filter(None, (check(outcome, log) for check in checks))


def _attributes(error: Caught, outcome: Outcome) -> Iterator[str]:
    missing = [name for name in ATTRIBUTES if name not in error.fields]
    if missing:
        yield f"{error.name} has no {', '.join(missing)}"
    if error.fields.get("attempts") != outcome.requests and error.fields.get("phase") not in _UNSEEN:
        yield f"error.attempts is {error.fields.get('attempts')}, the server saw {outcome.requests}"


def _shape(error: Caught) -> Iterator[str]:
    """What holds for every error that is shown to somebody."""
    if len(error.message.encode("utf-8", "replace")) > MAX_MESSAGE:
        yield f"the message has {len(error.message)} characters"
    if not error.message.strip():
        yield "the message is empty"
    if any(unicodedata.category(char) == "Cc" for char in error.message):
        yield "the message holds control characters"
    if KEY in error.shown or KEY in error.frames:
        yield "the key is in the error, or in its traceback"
