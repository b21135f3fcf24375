"""The robust call's script decides as the core does: same errors, same resending, same waits."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from n8n_templates.javascript import run, script

from resayil.codecs.envelopes import error_from
from resayil.errors import STATUS_ERRORS, ErrorResponse, NotFoundError, OverloadedError, error_class
from resayil.retry import RetryPolicy
from resayil_n8n.tables import MAX_ATTEMPTS, RETRY_BUDGET_SECONDS, retry_rules, status_rules

JUDGE = script("judge", RULES=retry_rules())
BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
ANSWER = {"choices": [{"message": {"content": "نعم"}, "finish_reason": "stop"}], "usage": USAGE}


def _call(**changed: Any) -> dict[str, Any]:
    state = {"body": BODY, "expect": "answer", "attempt": 1, "sent": 1, "started_at": time.time()}
    settings = {
        "max_attempts": MAX_ATTEMPTS,
        "retry_budget_seconds": RETRY_BUDGET_SECONDS,
        "fallback_model": "",
        "credits_per_token": 0,
        "language": "ar",
    }
    return {**state, **settings, **changed}


def judged(reply: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    """What the script makes of one reply."""
    ((item,),) = run([_case(reply, **changed)])
    return dict(item["json"])


def _case(reply: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    return {"source": JUDGE, "steps": {"Count the attempt": [_call(**changed)]}, "input": [reply]}


def _replied(status: int, body: object = None, **headers: str) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": headers,
        "text": body if isinstance(body, str) else json.dumps(body),
    }


STATUSES = sorted({*STATUS_ERRORS, 500, 502, 504})
HINTS = ({}, {"retry_after": 7}, {"error": {"code": 1, "message": "m", "retry_after": "9"}})


def test_every_status_is_sent_again_exactly_when_the_core_would() -> None:
    """Each status, each hint and each number of attempts, against the core's own policy."""
    table = [(status, hint, n) for status in STATUSES for hint in HINTS for n in range(1, MAX_ATTEMPTS + 2)]
    answers = run([_case(_replied(status, hint or {"message": "m"}), attempt=n) for status, hint, n in table])
    for (status, hint, attempts), (item,) in zip(table, answers, strict=True):
        error = error_from(ErrorResponse(status), hint or {"message": "m"}, now=time.time())
        wanted = RetryPolicy().delay(error, attempts=attempts, elapsed=0, now=time.time(), jitter=0)
        said = item["json"]
        assert said["outcome"] == ("done" if wanted is None else "wait"), (status, hint, attempts)
        if wanted is None:
            assert said["error"]["kind"] == type(error).__name__
            assert said["error"]["status"] == status
        elif error.retry_after is not None:
            assert said["wait_seconds"] == error.retry_after
        elif status != 429:
            assert wanted <= said["wait_seconds"] <= wanted * 1.25 + 0.001
        else:
            assert 0 < said["wait_seconds"] <= 61


@pytest.mark.parametrize("status", STATUSES)
def test_a_table_row_is_the_cores(status: int) -> None:
    """The name of the error and whether another model may help come from the core's classes."""
    rule = status_rules()[str(status)]
    assert rule["kind"] == error_class(status).__name__
    assert rule["other_model"] == issubclass(error_class(status), NotFoundError | OverloadedError)
    assert all(rule["hint"].values())


def test_an_answer_is_handed_back_in_the_same_fields() -> None:
    """Both dialects, text and calls, usage, and credits that are an estimate."""
    done = judged(_replied(200, ANSWER))
    assert done == {
        "outcome": "done", "ok": True, "text": "نعم", "tool_calls": [], "finish_reason": "stop",
        "reply": None,
        "usage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}, "credits_estimate": 7,
        "error": None, "model": "m", "attempts": 1,
    }  # fmt: skip
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": "٣"}},
    ]
    usage = {"input_tokens": 1, "output_tokens": 2}
    told = {"content": blocks, "stop_reason": "tool_use", "usage": usage}
    done = judged(_replied(200, told), body={**BODY, "model": "big-cloud"})
    assert (done["text"], done["finish_reason"], done["credits_estimate"]) == ("a", "tool_calls", 6)
    assert done["tool_calls"] == [
        {"id": "t", "name": "f", "arguments": {"x": "٣"}, "arguments_text": '{"x":"٣"}', "error": None}
    ]


def test_broken_arguments_are_kept_as_they_came() -> None:
    """A call that cannot be read is named, not dropped and not repaired."""
    call = {"id": "c", "function": {"name": "f", "arguments": '{"x": '}}
    told = {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    (found,) = judged(_replied(200, told))["tool_calls"]
    assert (found["arguments"], found["arguments_text"]) == (None, '{"x": ')
    assert found["error"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (_replied(200, "<!DOCTYPE html><html></html>"), "UnexpectedContentError"),
        (_replied(302, ""), "UnexpectedContentError"),
        (_replied(200, ""), "EmptyResponseError"),
        (_replied(200, "{"), "MalformedResponseError"),
        (_replied(200, {"object": "x", "id": "1"}), "MalformedResponseError"),
        (_replied(200, {"choices": [{"message": {"content": ""}}]}), "EmptyResponseError"),
        (
            _replied(200, {"error": {"code": "insufficient_credits", "message": "no"}}),
            "InsufficientCreditsError",
        ),
        (_replied(403, {"message": "Not enough credits"}), "InsufficientCreditsError"),
        (_replied(401, {"message": "Unauthenticated.", "error": "Invalid API key."}), "AuthenticationError"),
        (_replied(422, {"message": "Bad.", "errors": {"role": ["wrong"]}}), "BadRequestError"),
    ],
    ids=str,
)
def test_what_is_no_answer_is_never_ok(reply: dict[str, Any], kind: str) -> None:
    """A page, a redirect, nothing, broken JSON, an error inside a 200: an error in words, sent once."""
    done = judged(reply)
    assert (done["outcome"], done["ok"], done["error"]["kind"]) == ("done", False, kind)
    assert done["error"]["message"]
    assert done["error"]["hint"]


def test_fields_of_a_refused_request_are_named() -> None:
    """The 422 without an error key says which field."""
    error = judged(_replied(422, {"message": "Bad.", "errors": {"messages.0.role": ["wrong"]}}))["error"]
    assert error["message"] == "Bad. messages.0.role: wrong"


@pytest.mark.parametrize(
    ("status", "asked"), [(404, True), (503, True), (401, False), (402, False), (422, False)]
)
def test_another_model_is_asked_where_it_may_help(status: int, *, asked: bool) -> None:
    """Once attempts are spent, and once only; never after what another model cannot mend."""
    reply = _replied(status, {"message": "m"})
    spent = {"attempt": MAX_ATTEMPTS, "fallback_model": "other"}
    assert judged(reply, **spent)["outcome"] == ("other model" if asked else "done")
    assert judged(reply, **spent, fell_back=True)["outcome"] == "done"
    assert judged(reply, attempt=MAX_ATTEMPTS)["outcome"] == "done"


@pytest.mark.parametrize(
    ("code", "message", "outcome"),
    [
        ("ECONNREFUSED", "m", "wait"),
        ("ECONNRESET", "socket hang up", "wait"),
        ("ECONNRESET", "aborted", "done"),
        ("ETIMEDOUT", "m", "done"),
        ("", "m", "done"),
    ],
)
def test_a_failed_connection_is_tried_again_only_where_no_answer_can_exist(
    code: str, message: str, outcome: str
) -> None:
    """A timeout, and a connection that broke inside the answer, may hide an answer that was paid for."""
    reply = {"failure": {"code": code, "message": message}}
    assert judged(reply)["outcome"] == outcome
    assert judged(reply, attempt=3)["error"]["kind"] == "APIConnectionError"


def test_what_may_be_charged_is_sent_three_times_at_most() -> None:
    """However many attempts Config allows: a 500 may hide an answer, a 503 hides none."""
    assert judged(_replied(500, {}), attempt=2, max_attempts=9)["outcome"] == "wait"
    assert judged(_replied(500, {}), attempt=3, max_attempts=9)["outcome"] == "done"
    assert judged(_replied(503, {}), attempt=3, max_attempts=9)["outcome"] == "wait"


def test_nothing_starts_after_the_budget() -> None:
    """A wait that would end after retry_budget_seconds is not begun."""
    reply = _replied(429, {"retry_after": 30})
    assert judged(reply, retry_budget_seconds=29)["outcome"] == "done"
    assert judged(reply, started_at=time.time() - 100)["outcome"] == "done"
    assert judged(reply)["wait_seconds"] == 30


def test_bulk_rows_never_wait_less_than_their_turn() -> None:
    """A resend inside a bulk run keeps the distance that the plan's minute asks for."""
    assert judged(_replied(503, {}), least_wait_seconds=6)["wait_seconds"] == 6
