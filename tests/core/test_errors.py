"""What every error holds before anything is known of it, how long it may be, and what stands behind it."""

from __future__ import annotations

from itertools import islice

from resayil.errors import MAX_MESSAGE_BYTES, APIConnectionError, ResayilError, chained


def test_an_error_begins_with_nothing() -> None:
    """No attempt, no charge, nothing delivered; a connection never stood unless told otherwise."""
    error = APIConnectionError("x")
    assert (error.attempts, error.maybe_billed, error.partial_text, error.partial_tool_calls) == (
        0,
        0,
        "",
        (),
    )
    assert (error.code, error.status_code, error.response, error.request_id) == (None, None, None, None)
    assert (error.retry_after, dict(error.fields), error.usage, error.phase) == (None, {}, None, "connect")


def test_a_message_is_bounded_however_it_grows() -> None:
    """Two thousand bytes when it is made, reworded and added to."""
    error = ResayilError("ط" * 3000)
    for message in ("م" * 3000, "x"):
        assert len(str(error).encode()) <= MAX_MESSAGE_BYTES
        assert error.message == str(error)
        error.reword(message)
    error.with_hint("م" * 3000)
    assert error.message == f"x {'م' * 997}…"


def test_what_stands_behind_an_error() -> None:
    """Causes and contexts on every branch, each once, also where they lead back."""
    first, second, third, fourth, fifth = errors = [ValueError(number) for number in range(5)]
    first.__cause__, first.__context__ = second, third
    second.__cause__, third.__cause__ = fourth, fifth
    fourth.__context__, fifth.__context__ = fifth, first
    found = list(islice(chained(first), 9))
    assert found[0] is first
    assert sorted(found, key=errors.index) == errors
