"""How an answer ends, and where its reasoning stands: rows C13, C14 and C33 of the table."""

from __future__ import annotations

import pytest
from core.support import MODEL, Scripted, answer, chunk, client_of, emulator_of, event, json_reply, streamed

from resayil import EmptyResponseError, RateLimitError, StreamInterruptedError, user
from resayil.codecs import anthropic_replies, openai_replies


@pytest.mark.parametrize("delta", [[], None, {}], ids=["list", "null", "empty"])
def test_c13_any_last_delta(delta: object) -> None:
    """A list or a null where a delta belongs does no harm."""
    response = streamed(chunk({"content": "نعم"}), chunk(delta, "stop"), event("[DONE]"))
    assert (response.text, response.finish_reason) == ("نعم", "stop")


@pytest.mark.parametrize("oddities", [("delta-array", "no-stream-usage"), ("no-done",), ("escaped-arabic",)])
def test_c13_odd_ends_against_the_emulator(oddities: tuple[str, ...]) -> None:
    """However a stream ends behind its finish reason, it is whole; missing usage is a marked estimate."""
    emulator = emulator_of(*oddities)
    emulator.reply("مرحبًا بك")
    stream = client_of(emulator.transport()).stream(MODEL, "س")
    list(stream)
    response = stream.response()
    assert (response.text, response.finish_reason) == ("مرحبًا بك", "stop")
    assert response.usage.estimated == ("no-stream-usage" in oddities)
    assert response.usage.total_tokens > 0


def test_c13_an_end_without_a_finish_reason_is_an_error() -> None:
    """What came is kept, and no finish is made up."""
    with pytest.raises(StreamInterruptedError) as caught:
        streamed(chunk({"content": "نعم"}))
    assert caught.value.partial_text == "نعم"


def test_c13_an_empty_stream_is_an_error() -> None:
    """A 200 without a single event is never an empty answer."""
    with pytest.raises(EmptyResponseError):
        client_of(emulator_of("empty-stream").transport()).stream(MODEL, "س")


def test_c13_an_error_inside_a_stream_is_an_error() -> None:
    """It has the class that its code stands for, and keeps what was delivered."""
    with pytest.raises(RateLimitError) as caught:
        streamed(chunk({"content": "نعم"}), event({"error": {"code": 429, "message": "x"}}))
    assert caught.value.partial_text == "نعم"


@pytest.mark.parametrize("oddities", [(), ("think-tags",), ("reasoning-field",)])
@pytest.mark.parametrize("api", ["chat", "messages"])
def test_c14_reasoning_has_one_channel(oddities: tuple[str, ...], api: str) -> None:
    """Field, other field, blocks or leading tags: reasoning is apart from text, called and streamed."""
    emulator = emulator_of(*oddities)
    client = client_of(emulator.transport(), api=api)
    for _ in range(2):
        emulator.reply("القاهرة", reasoning="أفكر في السؤال")
    stream = client.stream("deepseek-v4-pro", "س")
    list(stream)
    for response in (client.chat("deepseek-v4-pro", "س"), stream.response()):
        # The blank line behind a tag is the model's own text, which is never altered.
        assert (response.reasoning, response.text.lstrip("\n")) == ("أفكر في السؤال", "القاهرة")


def test_c14_thinking_is_a_matter_of_the_model() -> None:
    """No parameter is sent for it, and reasoning in the history does not go back unless asked."""
    emulator = emulator_of()
    emulator.reply("القاهرة", reasoning="أفكر")
    client = client_of(emulator.transport())
    first = client.chat("deepseek-v4-pro", "س")
    client.chat("deepseek-v4-pro", [user("س"), first.message, user("وبعد؟")])
    assert not any("thinking" in request.body for request in emulator.requests)
    assert "أفكر" not in str(emulator.requests[1].body)
    replaying = client_of(emulator.transport(), reasoning_replay="always")
    replaying.chat(MODEL, [user("س"), first.message, user("؟")])
    assert "أفكر" in str(emulator.requests[2].body)


@pytest.mark.parametrize("word", [*openai_replies.FINISH_REASONS, "eos", "انتهى"])
def test_c33_finish_reasons_on_chat(word: str) -> None:
    """Known words are read by one table, unknown ones pass through."""
    reply = answer()
    reply["choices"][0]["finish_reason"] = word
    found = client_of(Scripted(json_reply(reply))).chat(MODEL, "س").finish_reason
    assert found == openai_replies.FINISH_REASONS.get(word, word)


@pytest.mark.parametrize("word", [*anthropic_replies.FINISH_REASONS, "pause_turn", "انتهى"])
def test_c33_finish_reasons_on_messages(word: str) -> None:
    """The same words for the other dialect's."""
    reply = {"content": [{"type": "text", "text": "نعم"}], "stop_reason": word}
    found = client_of(Scripted(json_reply(reply)), api="messages").chat(MODEL, "س").finish_reason
    assert found == anthropic_replies.FINISH_REASONS.get(word, word)
    assert found in {"stop", "length", "tool_calls", "content_filter", "pause_turn", "انتهى"}
