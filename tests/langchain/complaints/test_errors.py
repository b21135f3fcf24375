"""Failures inside streams, prompts that are too long, and how long to wait: complaints 15, 26 and 27."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from complaints.support import QUESTION, chunk, served
from fixture_types import MakeModel
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError

import resayil
from langchain_resayil import ChatResayil
from resayil import StreamInterruptedError
from resayil.emulator import Emulator


@pytest.mark.parametrize("came", [(), (chunk({"content": "نصف"}),)])
def test_complaint_15_an_error_inside_a_stream(came: Any) -> None:
    """Complaint 15: an error frame raises its own class; an end without an end raises too, with what came."""
    overloaded = {"error": {"code": "overloaded", "message": "busy"}}
    with pytest.raises(resayil.OverloadedError, match="busy"):
        list(served(*came, overloaded).stream(QUESTION))
    if came:
        with pytest.raises(StreamInterruptedError) as caught:
            list(served(*came).stream(QUESTION))
        assert caught.value.partial_text == "نصف"


@pytest.mark.parametrize("status", [400, 413, 422, 429, 500, 503])
@pytest.mark.parametrize("words", ["context_length_exceeded", "prompt is too long: 9000 tokens"])
def test_complaint_26_overflow_in_any_status(
    make_model: MakeModel, emulator: Emulator, status: int, words: str
) -> None:
    """Complaint 26: a prompt that is too long is LangChain's `ContextOverflowError`, whatever the status."""
    emulator.fault(status, body={"error": {"code": words, "message": words}})
    with pytest.raises(ContextOverflowError) as caught:
        make_model().invoke(QUESTION)
    assert not caught.value.is_retryable
    assert len(emulator.requests) == 1


HINTS = [
    ("Retry-After", "7", 7),
    ("retry-after", "0.5", 0.5),
    ("Retry-After", "date", 99),
    ("Retry-After-MS", "1500", 1.5),
]


@pytest.mark.parametrize(("name", "value", "seconds"), HINTS)
def test_complaint_27_retry_after_of_real_headers(name: str, value: str, seconds: float) -> None:
    """Complaint 27: seconds, dates and milliseconds are read from httpx's own headers in any case."""
    headers = {name: formatdate(time.time() + 100, usegmt=True) if value == "date" else value}
    body = {"error": {"code": "rate_limit_exceeded", "message": "slow"}}
    reply = httpx.MockTransport(lambda _: httpx.Response(429, headers=headers, json=body))
    model = ChatResayil(
        model="m", api_key="sk-x", base_url="http://127.0.0.1:1", max_retries=0, http_transport=reply
    )
    with pytest.raises(ModelRateLimitError) as caught:
        model.invoke("x")
    error: Any = caught.value
    assert error.retry_after == pytest.approx(seconds, abs=2)
