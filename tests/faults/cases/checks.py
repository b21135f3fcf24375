"""Checks that cases share: times between requests, memory, what was sent."""

from __future__ import annotations

from collections.abc import Callable

from faults.case import Check
from faults.outcome import NEXT, Outcome
from faults.server import Log


def waited(least: float, most: float) -> Check:
    """The second request came so many seconds after the first was answered."""

    def check(_: Outcome, log: Log) -> str | None:
        if len(log.requests) < 2:
            return "no second request"
        gap = log.requests[1].at - (log.requests[0].answered or 0.0)
        return None if least <= gap <= most else f"waited {gap:.3f} s, not {least:g} to {most:g}"

    return check


def grew_less_than(kilobytes: int) -> Check:
    """The process's memory grew by less."""

    def check(outcome: Outcome, _: Log) -> str | None:
        grown = outcome.peak_kb or 0
        return None if grown < kilobytes else f"memory grew by {grown // 1024} MB"

    return check


def sent_less_than(size: int) -> Check:
    """The client stopped reading before the server had sent so many bytes."""

    def check(_: Outcome, log: Log) -> str | None:
        return None if log.sent < size else f"{log.sent} bytes were taken"

    return check


def one_idempotency_key(_: Outcome, log: Log) -> str | None:
    """Every attempt carries the same key."""
    keys = {seen.headers.get("idempotency-key") for seen in log.requests if NEXT.encode() not in seen.body}
    return None if len(keys) == 1 and None not in keys else f"idempotency keys {keys}"


def billed(count: int) -> Check:
    """So many attempts are counted as possibly charged."""

    def check(outcome: Outcome, _: Log) -> str | None:
        error = outcome.error
        told = outcome.heard.maybe_billed if error is None else error.fields.get("maybe_billed")
        return None if told == count else f"maybe_billed is {told}, not {count}"

    return check


def field(name: str, right: Callable[[object], bool]) -> Check:
    """An attribute of the error is right."""

    def check(outcome: Outcome, _: Log) -> str | None:
        value = None if outcome.error is None else outcome.error.fields.get(name)
        return None if right(value) else f"{name} is {value!r:.120}"

    return check


def message_has(*words: str) -> Check:
    """The message says so."""

    def check(outcome: Outcome, _: Log) -> str | None:
        said = "" if outcome.error is None else outcome.error.message
        missing = [word for word in words if word not in said]
        return f"the message lacks {missing}: {said[:120]!r}" if missing else None

    return check


def message_lacks(*words: str) -> Check:
    """The message does not show it."""

    def check(outcome: Outcome, _: Log) -> str | None:
        said = "" if outcome.error is None else outcome.error.message
        found = [word for word in words if word in said]
        return f"the message holds {found}" if found else None

    return check


def first_token_before(seconds: float) -> Check:
    """The first token was heard so soon after the start."""

    def check(outcome: Outcome, _: Log) -> str | None:
        if not outcome.heard.pieces:
            return "no token was heard"
        after = outcome.heard.pieces[0][0] - outcome.began
        return None if after < seconds else f"the first token came after {after:.2f} s"

    return check


def connections(least: int, most: int) -> Check:
    """So many connections were made."""

    def check(_: Outcome, log: Log) -> str | None:
        return None if least <= log.links <= most else f"{log.links} connections"

    return check
