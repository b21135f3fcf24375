"""Replies that are a little off, and what becomes of each."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import (
    MODEL,
    WEATHER,
    Scripted,
    Told,
    answer,
    async_client_of,
    chunk,
    client_of,
    event,
    json_reply,
    sse_reply,
    streamed,
)

from resayil import (
    ChatResponse,
    EmptyResponseError,
    MalformedResponseError,
    OverloadedError,
    RateLimitError,
    UnexpectedContentError,
)


def _called(message: Any, **options: Any) -> ChatResponse:
    reply = {"choices": [{"message": message, "finish_reason": "stop"}]}
    return client_of(Scripted(json_reply(reply))).chat(MODEL, "س", **options)


def _deltas(*deltas: Any) -> tuple[bytes, ...]:
    return (*(chunk(delta) for delta in deltas), chunk({}, "stop"), event("[DONE]"))


@pytest.mark.parametrize(
    ("content", "text"),
    [([{"type": "text", "text": "أ"}, {"type": "text", "text": "ب"}], "أب"), ([], ""), ([{"x": 1}, 5], "")],
)
def test_content_as_an_array(content: list[Any], text: str) -> None:
    """Some servers answer with parts; their texts are the answer."""
    assert _called({"content": content}).text == text


@pytest.mark.parametrize(
    "message",
    [
        {"content": 5},
        {"content": {"text": "x"}},
        {"content": [{"text": 5}]},
        {"content": "x", "tool_calls": {"id": "c"}},
    ],
)
def test_content_of_another_type_is_not_guessed(message: dict[str, Any]) -> None:
    """An answer that is neither text nor parts nor calls is an error that names what it is."""
    with pytest.raises(MalformedResponseError, match="JSON"):
        _called(message)


@pytest.mark.parametrize("body", ["5", '"x"', "[]", "true"])
@pytest.mark.parametrize("api", ["chat", "messages"])
def test_an_event_that_is_no_object(body: str, api: str) -> None:
    """It is told, not skipped."""
    with pytest.raises(MalformedResponseError, match="An event of the stream"):
        streamed(event(body), api=api)


@pytest.mark.parametrize("choice", [5, {"index": 1, "delta": {}}])
def test_a_choice_that_is_none_or_a_second_one(choice: Any) -> None:
    """One answer was asked for: another, or something else, is an error."""
    with pytest.raises(MalformedResponseError):
        streamed(event({"choices": [choice]}))


def test_odd_entries_among_calls_are_passed_over() -> None:
    """What is no call among the calls does not hide those that are."""
    call = {"index": 0, "id": "c", "function": {"name": "get_weather", "arguments": "{}"}}
    response = streamed(*_deltas({"tool_calls": [None, call]}), tools=[WEATHER])
    assert [found.id for found in response.tool_calls] == ["c"]


def _call(index: object, call_id: str | None, name: str | None, arguments: Any) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


CALLS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, dict[str, Any]]]]] = {
    "the same index for all": (
        [_call(0, "a", "get_weather", '{"city":"x"}'), _call(0, "b", "get_weather", '{"city":"y"}')],
        [("a", {"city": "x"}), ("b", {"city": "y"})],
    ),
    "an index as text": (
        [_call("0", "a", "get_weather", '{"ci'), _call("0", None, None, 'ty":"x"}')],
        [("a", {"city": "x"})],
    ),
    "no index": (
        [_call(None, "a", "get_weather", '{"city":'), _call(None, None, None, '"x"}')],
        [("a", {"city": "x"})],
    ),
    "no index, id repeated": (
        [_call(None, "a", "get_weather", '{"city":'), _call(None, "a", None, '"x"}')],
        [("a", {"city": "x"})],
    ),
    "no index, two calls": (
        [_call(None, "a", "get_weather", "{}"), _call(None, "b", "get_weather", "{}")],
        [("a", {}), ("b", {})],
    ),
    "arguments as an object": ([_call(0, "a", "get_weather", {"city": "x"})], [("a", {"city": "x"})]),
    "null arguments": ([_call(0, "a", "get_weather", None)], [("a", {})]),
    "the name again in every fragment": (
        [_call(0, "a", "get_weather", '{"city":'), _call(0, "a", "get_weather", '"x"}')],
        [("a", {"city": "x"})],
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_fragments_of_calls_find_their_call(name: str) -> None:
    """By index, by id, or in order: every gateway's way of telling calls apart."""
    deltas, expected = CALLS[name]
    response = streamed(*_deltas(*({"tool_calls": [delta]} for delta in deltas)), tools=[WEATHER])
    assert [(call.id, call.arguments) for call in response.tool_calls] == expected
    assert not response.invalid_tool_calls


def test_a_call_without_an_id_gets_one() -> None:
    """So that its result can be told apart; two such calls differ."""
    deltas = [_call(n, None, "get_weather", "{}") for n in (0, 1)]
    response = streamed(*_deltas({"tool_calls": deltas}), tools=[WEATHER])
    found = [call.id for call in response.tool_calls]
    assert all(found)
    assert len(set(found)) == 2


def test_unknown_fields_are_kept() -> None:
    """On the chunk, in the delta and on the choice; a value that repeats is told once."""
    pieces = (
        event({"choices": [{"delta": {"content": "x", "x_delta": 1}}], "x_chunk": 2}),
        event({"choices": [{"delta": {"x_delta": 1}, "finish_reason": "stop", "logprobs": 3}], "x_chunk": 2}),
    )
    assert streamed(*pieces).extra == {"x_delta": 1, "x_chunk": 2, "logprobs": 3}


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": "7", "completion_tokens": 2.0}, {"prompt_tokens": 7, "completion_tokens": 2}]
)
def test_counts_as_text_or_floats(usage: dict[str, Any]) -> None:
    """A number is a number however it is written; what is none counts nothing."""
    reply = {
        **answer(),
        "usage": {**usage, "total_tokens": None, "prompt_tokens_details": {"cached_tokens": "x"}},
    }
    found = client_of(Scripted(json_reply(reply))).chat(MODEL, "س").usage
    assert (found.input_tokens, found.output_tokens, found.total_tokens, found.cache_read_tokens) == (
        7,
        2,
        9,
        0,
    )


BLOCKS: dict[str, tuple[list[Any], tuple[str, str]]] = {
    "no start of the block": (
        [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "نعم"}}],
        ("نعم", ""),
    ),
    "no start of a thought": (
        [{"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "أفكر"}}],
        ("", "أفكر"),
    ),
    "no type of the delta": ([{"type": "content_block_delta", "delta": {"text": "نعم"}}], ("نعم", "")),
    "an index as text": (
        [{"type": "content_block_delta", "index": "0", "delta": {"type": "text_delta", "text": "نعم"}}],
        ("نعم", ""),
    ),
    "a delta that is a list": (
        [
            {"type": "content_block_delta", "index": 0, "delta": []},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "نعم"}},
        ],
        ("نعم", ""),
    ),
    "an empty message delta": (
        [
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "نعم"}},
            {"type": "message_delta", "delta": None, "usage": {"output_tokens": 1}},
        ],
        ("نعم", ""),
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_streams_of_messages_with_gaps(name: str) -> None:
    """A gateway that leaves events or fields out still has its words delivered."""
    bodies, expected = BLOCKS[name]
    ending = ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})
    response = streamed(*(event(body) for body in (*bodies, *ending)), api="messages")
    assert (response.text, response.reasoning) == expected


@pytest.mark.parametrize("body", [{"id": "a"}, {"content": "text"}, [], 5])
def test_a_messages_reply_without_blocks(body: Any) -> None:
    """It is no answer, and says so."""
    with pytest.raises(MalformedResponseError):
        client_of(Scripted(json_reply(body)), api="messages").chat(MODEL, "س")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": 5},
        {"type": "thinking", "thinking": []},
        "text",
        {"type": "text", "text": ["x"]},
    ],
)
def test_a_block_of_the_wrong_type(block: Any) -> None:
    """An answer's content is not guessed at."""
    with pytest.raises(MalformedResponseError, match="The answer's"):
        client_of(Scripted(json_reply({"content": [block]})), api="messages").chat(MODEL, "س")


def test_the_first_event_may_come_with_the_end() -> None:
    """A stream of one unterminated event is a whole answer."""
    assert streamed(chunk({"content": "نعم"}, "stop").rstrip()).text == "نعم"


def test_an_error_may_be_the_unterminated_end() -> None:
    """And an unterminated error is an error, after text and alone."""
    error = event({"error": {"code": "rate_limit_exceeded", "message": "x"}}).rstrip()
    with pytest.raises(RateLimitError):
        streamed(error)
    with pytest.raises(RateLimitError) as caught:
        streamed(chunk({"content": "نعم"}), error)
    assert caught.value.partial_text == "نعم"


async def test_an_error_right_behind_the_first_event_async() -> None:
    """The text in the same piece is delivered before the error is raised."""
    piece = chunk({"content": "نعم"}) + event({"error": {"code": "overloaded", "message": "x"}})
    stream = await async_client_of(Scripted(sse_reply(piece))).stream(MODEL, "س")
    texts: list[str] = []

    async def read() -> None:
        async for text in stream.text():
            texts.append(text)  # noqa: PERF401 - what came before the error must stay

    with pytest.raises(OverloadedError):
        await read()
    assert texts == ["نعم"]


def test_an_error_inside_a_200_of_a_list() -> None:
    """A GET that is answered by an envelope under 200 raises it."""
    reply = json_reply({"error": {"code": "rate_limit_exceeded", "message": "x"}})
    with pytest.raises(RateLimitError):
        client_of(Scripted(reply)).models()


@pytest.mark.parametrize("body", [[], {"x": 1}, {"usage": None}, {"input_tokens": "many"}])
def test_a_count_that_is_none_is_estimated(body: Any) -> None:
    """Where the answer holds no count, the local estimate answers, marked."""
    assert client_of(Scripted(json_reply(body))).count_tokens(MODEL, "س").estimated


def test_an_error_reply_that_breaks_off_is_still_that_error() -> None:
    """Its status was there; only an answer must be whole."""
    broken = Told(429, {"content-type": "application/json"}, (b'{"error": {"code": "429", "mess', _reset()))
    with pytest.raises(RateLimitError):
        client_of(Scripted(broken)).chat(MODEL, "س")


def test_h23_an_error_reply_without_end_is_cut() -> None:
    """At most 64 KiB of it are read and kept."""
    endless = Told(500, {}, (b"x" * 1000,) * 10_000)
    with pytest.raises(Exception, match="answered 500") as caught:
        client_of(Scripted(endless)).chat(MODEL, "س")
    assert len(caught.value.response.content) == 64 * 1024  # type: ignore[attr-defined] # an error of a reply has one
    assert len(str(caught.value).encode()) <= 2000


def _reset() -> Exception:
    import httpx  # noqa: PLC0415 - the library's own exception, needed here alone

    return httpx.ReadError("reset")


@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_but_white_space(*, streamed: bool) -> None:
    """Blank bytes are an empty reply."""
    client = client_of(Scripted(Told(200, {"content-type": "application/json"}, (b" \n",))))
    with pytest.raises(EmptyResponseError):
        list(client.stream(MODEL, "س")) if streamed else client.chat(MODEL, "س")


@pytest.mark.parametrize("kind", ["text/html", "application/xml", "image/png"])
def test_n11_n12_another_kind_of_content(kind: str) -> None:
    """What is neither JSON nor events is named by its media type, with how it begins, called or streamed."""
    client = client_of(Scripted(Told(200, {"content-type": kind}, (b"Please sign in. " * 50,))))
    for ask in (client.chat, client.stream):
        with pytest.raises(UnexpectedContentError, match=f"{kind}.*Please sign in") as caught:
            ask(MODEL, "س")
        assert len(str(caught.value)) < 400


def test_json_streamed_on_messages_without_its_last_event() -> None:
    """A stop reason is an end there too, and the forced call's input is the text."""
    block = {"type": "tool_use", "id": "c", "name": "json_response", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a":1}'}
    bodies: tuple[dict[str, Any], ...] = (
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    )
    response = streamed(*(event(body) for body in bodies), api="messages", response_format="json")
    assert (response.text, response.finish_reason, response.tool_calls) == ('{"a":1}', "stop", ())
