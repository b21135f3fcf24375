"""Messages as LiteLLM hands them over: its own fields are kept, translated, refused or named as not sent."""

from __future__ import annotations

from typing import Any

import litellm
import pytest
from litellm import exceptions

from litellm_provider.requests import NOT_SENT, read_turns
from resayil.emulator import Emulator
from resayil.messages import Message, ReasoningPart

Given = dict[str, Any]
USER = {"role": "user", "content": "x"}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def sent(call: Given, emulator: Emulator, *messages: Any, **more: Any) -> list[dict[str, Any]]:
    """What the service was told."""
    litellm.completion(**{**call, "messages": list(messages)}, **more)
    told: list[dict[str, Any]] = emulator.requests[-1].body["messages"]
    return told


def test_an_answer_goes_back_as_it_came(call: Given, emulator: Emulator) -> None:
    """LiteLLM's own message object, with calls, reasoning and notes, can be appended and sent."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    emulator.call("f", {"س": 1}, id="call_1", reasoning="لأن")
    first = litellm.completion(**call, tools=tools).choices[0].message
    result = {"role": "tool", "tool_call_id": "call_1", "name": "f", "content": "٣"}
    told = sent(call, emulator, *call["messages"], first, result, tools=tools)
    assert told[1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"س":1}'}}
        ],
    }
    assert told[2] == {"role": "tool", "tool_call_id": "call_1", "content": "٣"}


def test_reasoning_goes_back_only_where_asked(call: Given, emulator: Emulator) -> None:
    """`reasoning_replay` sends reasoning of the history back; without it none is sent."""
    turn = {"role": "assistant", "content": "y", "reasoning_content": "because"}
    assert "reasoning_content" not in sent(call, emulator, USER, turn, USER)[1]
    assert (
        sent(call, emulator, USER, turn, USER, reasoning_replay="always")[1]["reasoning_content"] == "because"
    )


def test_thinking_blocks_keep_their_signatures(call: Given, emulator: Emulator) -> None:
    """Signed blocks of the history go back as blocks on the messages dialect, redacted ones are named."""
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
    ]
    turn = {"role": "assistant", "content": "y", "thinking_blocks": blocks, "reasoning_content": "hm"}
    told = sent(call, emulator, USER, turn, USER, api="messages", reasoning_replay="always")
    assert told[1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "sig"}
    ((_, read, _), said) = read_turns([USER, turn, USER])
    assert isinstance(read, Message)
    assert read.content[0] == ReasoningPart("hm", "sig")
    assert said == ("not sent: redacted_thinking blocks, which only their maker can read",)


def test_thinking_parts_in_the_content_are_reasoning_too() -> None:
    """Blocks that stand in the content instead of beside it are read the same."""
    part = {"type": "thinking", "thinking": "hm", "signature": "s"}
    ((read,), said) = read_turns([{"role": "assistant", "content": [part, {"type": "text", "text": "y"}]}])
    assert isinstance(read, Message)
    assert (read.reasoning, read.text, said) == ("hm", "y", ())


@pytest.mark.parametrize("field", sorted(NOT_SENT))
def test_what_is_not_sent_is_named(call: Given, emulator: Emulator, field: str) -> None:
    """Each of LiteLLM's own fields leaves the request, and the answer says so; empty ones say nothing."""
    answer = litellm.completion(**{**call, "messages": [{**USER, field: {"a": 1}}]})
    told = answer._hidden_params["additional_headers"]["llm_provider-x-resayil-adaptations"]
    assert NOT_SENT[field] in told
    assert emulator.requests[-1].body["messages"] == [USER]
    quiet = litellm.completion(**{**call, "messages": [{**USER, field: None}]})
    assert "llm_provider-x-resayil-adaptations" not in quiet._hidden_params["additional_headers"]


def test_caching_hints_in_parts_are_named(call: Given, emulator: Emulator) -> None:
    """`cache_control` on a content part is named as not sent; the text is."""
    part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
    answer = litellm.completion(**{**call, "messages": [{"role": "user", "content": [part]}]})
    told = answer._hidden_params["additional_headers"]["llm_provider-x-resayil-adaptations"]
    assert "cache_control" in told
    assert emulator.requests[-1].body["messages"] == [USER]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]},
        {"role": "user", "content": [{"type": "video_url", "video_url": {"url": "https://x.example/v"}}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x.example/a.png"}}]},
        {"role": "user", "content": "x", "shiny": "new"},
        {"role": "assistant", "content": None, "refusal": "no"},
    ],
)
def test_what_cannot_be_sent_is_refused(call: Given, emulator: Emulator, message: Given) -> None:
    """Audio, files, video, plain-http images and unknown fields are a 400, never dropped."""
    with pytest.raises(exceptions.BadRequestError):
        sent(call, emulator, USER, message, USER)
    assert not emulator.requests


def test_pictures_in_both_forms(call: Given, emulator: Emulator) -> None:
    """An image's URL as object or string, with its detail, reaches the service as an object."""
    url = f"data:image/png;base64,{PNG}"
    parts = [
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "image_url", "image_url": url},
    ]
    told = sent(
        {**call, "model": "resayil/qwen3-vl:235b-instruct"}, emulator, {"role": "user", "content": parts}
    )
    assert told[0]["content"] == [
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": url}},
    ]


def test_a_developer_is_a_system(call: Given, emulator: Emulator) -> None:
    """Role `developer`, which the service does not list, is sent as `system`."""
    told = sent(call, emulator, {"role": "developer", "content": "be kind"}, USER)
    assert told[0] == {"role": "system", "content": "be kind"}
