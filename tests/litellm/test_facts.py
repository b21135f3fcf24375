"""What LiteLLM's answers have no field for, and calls that nobody may execute."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import litellm
import pytest
from litellm.types.utils import Delta, ModelResponseStream, StreamingChoices

from litellm_provider.chunks import ChunkMaker
from litellm_provider.requests import read_call
from resayil.emulator import Call, Emulator, Reply
from resayil.events import MessageStart, ReasoningDelta, TextDelta

Given = dict[str, Any]
Streamed = Callable[..., list[Any]]

TOOLS = [{"type": "function", "function": {"name": "offered", "parameters": {"type": "object"}}}]
UNOFFERED = Reply(calls=(Call("rm", {"path": "/"}, "a"),))
CUT = Reply(calls=(Call("offered", {}, "a"),), finish_reason="length")


@pytest.fixture(params=["whole", "streamed"])
def answered(request: pytest.FixtureRequest, streamed: Streamed) -> Callable[..., Any]:
    """The answer of a call, whole or put together from its stream."""

    def answer(call: Given, **more: Any) -> Any:
        if request.param == "whole":
            return litellm.completion(**call, **more)
        return litellm.stream_chunk_builder(streamed(call, **more), messages=call["messages"])

    return answer


@pytest.mark.parametrize(
    ("reply", "why"), [(UNOFFERED, "no tool of this name"), (CUT, "cut at max_tokens")], ids=["other", "cut"]
)
def test_a_call_that_is_none_cannot_be_read_as_one(
    call: Given, emulator: Emulator, answered: Callable[..., Any], reply: Reply, why: str
) -> None:
    """The arguments of a call of something else, or of a cut one, are no JSON and say why."""
    emulator.script([reply])
    message = answered(call, tools=TOOLS).choices[0].message
    (made,) = message.tool_calls
    assert why in made.function.arguments
    with pytest.raises(json.JSONDecodeError):
        json.loads(made.function.arguments)
    result = {"role": "tool", "tool_call_id": "a", "content": "no"}
    litellm.completion(**{**call, "messages": [*call["messages"], message, result]}, tools=TOOLS)
    (sent,) = emulator.requests[-1].body["messages"][1]["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == dict(reply.calls[0].arguments)


def test_a_call_where_nothing_was_offered_stays(
    call: Given, emulator: Emulator, answered: Callable[..., Any]
) -> None:
    """Without any tool in the request nothing could be executed, and the call is passed on as it came."""
    emulator.script([UNOFFERED])
    (made,) = answered(call).choices[0].message.tool_calls
    assert json.loads(made.function.arguments) == {"path": "/"}


def test_doubtful_attempts_and_credits_are_told(
    call: Given, emulator: Emulator, answered: Callable[..., Any]
) -> None:
    """An answer says how many attempts it took, which of them may have been charged, and its credits."""
    emulator.fault(500)
    answer = answered({**call, "max_retries": 1})
    known = answer._hidden_params["provider_specific_fields"]
    assert (known["attempts"], known["maybe_billed"]) == (2, 1)
    assert known["credits"] == answer.usage.total_tokens
    assert known["credits_estimated"] is True
    assert known["request_id"].startswith("req_")


def test_a_stream_tells_them_before_its_usage(call: Given, streamed: Streamed) -> None:
    """A chunk without text holds them, where a caller of the proxy can read them too."""
    chunks = streamed(call, stream_options={"include_usage": True})
    told = [part for part in chunks if part.provider_specific_fields]
    assert [part.provider_specific_fields["attempts"] for part in told] == [1]
    assert chunks.index(told[0]) < len(chunks) - 2
    assert not told[0].choices[0].delta.content


def test_a_proxys_client_is_told_by_headers(call: Given, emulator: Emulator) -> None:
    """The same figures are headers of an answer in one piece."""
    emulator.fault(503)
    answer = litellm.completion(**{**call, "max_retries": 1})
    told = answer._hidden_params["additional_headers"]
    assert told["llm_provider-x-resayil-attempts"] == "2"
    assert told["llm_provider-x-resayil-maybe-billed"] == "0"


@pytest.mark.parametrize(
    ("event", "field"),
    [(TextDelta(0, "أهلًا"), "content"), (ReasoningDelta(0, "لأن"), "reasoning_content")],
    ids=["text", "reasoning"],
)
def test_a_copied_chunk_is_the_chunk_that_litellm_makes(
    call: Given, event: TextDelta | ReasoningDelta, field: str
) -> None:
    """Copying a blank chunk gives what LiteLLM's classes give, and no two chunks share anything."""
    asked = read_call(
        {"model": "m", "messages": call["messages"], "optional_params": {}, "api_key": "sk-x"},
        {},
        stream=True,
    )
    maker = ChunkMaker(asked, lambda: pytest.fail("the stream is not at its end"))
    maker.feed(MessageStart("chatcmpl-7", "m"))
    first, second, third = (maker.feed(event)[0] for _ in range(3))
    assert first.choices[0].delta.role == "assistant"
    delta = Delta(role=None, **{field: event.text})
    made = ModelResponseStream(
        id="chatcmpl-7", created=second.created, model="m", choices=[StreamingChoices(index=0, delta=delta)]
    )
    assert second.model_dump() == made.model_dump() == third.model_dump()
    assert second.model_dump_json(exclude_none=True, exclude_unset=True) == made.model_dump_json(
        exclude_none=True, exclude_unset=True
    )
    second._hidden_params["seen"] = True
    second.choices[0].delta.content = "x"
    assert third._hidden_params == {}
    assert getattr(third.choices[0].delta, field) == event.text


def test_a_chunk_is_short_in_a_text_and_whole_when_printed(call: Given, streamed: Streamed) -> None:
    """LiteLLM's debug messages, made for every chunk, hold its text; `str` and `repr` hold all of it."""
    chunk = streamed(call)[1]
    assert chunk.choices[0].delta.content in f"{chunk}"
    assert len(f"{chunk}") < len(str(chunk)) / 2
    assert "finish_reason=None" in str(chunk)
