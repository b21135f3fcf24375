"""Replies that are a little off, and what becomes of each."""

from __future__ import annotations

import ssl
import sys
from typing import Any

import pytest
from core.rawserver import Connection, raw_server
from core.support import (
    BASE_URL,
    KEY,
    MODEL,
    WEATHER,
    WIRE,
    FakeClock,
    Scripted,
    Told,
    answer,
    async_client_of,
    chunk,
    client_of,
    event,
    json_reply,
    png,
    sse_reply,
)

from resayil import (
    APIConnectionError,
    APITimeoutError,
    ChatRequest,
    ChatResponse,
    Client,
    EmptyResponseError,
    ImageError,
    ImagePart,
    MalformedResponseError,
    Message,
    ModelInfo,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    RequestError,
    Settings,
    Tool,
    ToolChoice,
    UnexpectedContentError,
    UnsupportedError,
    assistant,
    image_from_path,
    tool_result,
    user,
)
from resayil.calls import Calls
from resayil.codecs import CODECS
from resayil.effects import Acquire, Head, Read, Send
from resayil.limits import Place
from resayil.retry import may_be_resent

READ_CHAT, READ_MESSAGES = (CODECS[name].read_request for name in ("chat", "messages"))
TURNS = [{"role": "user", "content": "س"}]


def _called(message: Any, **options: Any) -> ChatResponse:
    reply = {"choices": [{"message": message, "finish_reason": "stop"}]}
    return client_of(Scripted(json_reply(reply))).chat(MODEL, "س", **options)


def _streamed(*pieces: bytes, api: str = "chat", **options: Any) -> ChatResponse:
    stream = client_of(Scripted(sse_reply(*pieces)), api=api).stream(MODEL, "س", **options)
    list(stream)
    return stream.response()


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
        _streamed(event(body), api=api)


@pytest.mark.parametrize("choice", [5, {"index": 1, "delta": {}}])
def test_a_choice_that_is_none_or_a_second_one(choice: Any) -> None:
    """One answer was asked for: another, or something else, is an error."""
    with pytest.raises(MalformedResponseError):
        _streamed(event({"choices": [choice]}))


def test_odd_entries_among_calls_are_passed_over() -> None:
    """What is no call among the calls does not hide those that are."""
    call = {"index": 0, "id": "c", "function": {"name": "get_weather", "arguments": "{}"}}
    response = _streamed(*_deltas({"tool_calls": [None, call]}), tools=[WEATHER])
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
    response = _streamed(*_deltas(*({"tool_calls": [delta]} for delta in deltas)), tools=[WEATHER])
    assert [(call.id, call.arguments) for call in response.tool_calls] == expected
    assert not response.invalid_tool_calls


def test_a_call_without_an_id_gets_one() -> None:
    """So that its result can be told apart; two such calls differ."""
    deltas = [_call(n, None, "get_weather", "{}") for n in (0, 1)]
    response = _streamed(*_deltas({"tool_calls": deltas}), tools=[WEATHER])
    found = [call.id for call in response.tool_calls]
    assert all(found)
    assert len(set(found)) == 2


def test_unknown_fields_are_kept() -> None:
    """On the chunk, in the delta and on the choice; a value that repeats is told once."""
    pieces = (
        event({"choices": [{"delta": {"content": "x", "x_delta": 1}}], "x_chunk": 2}),
        event({"choices": [{"delta": {"x_delta": 1}, "finish_reason": "stop", "logprobs": 3}], "x_chunk": 2}),
    )
    assert _streamed(*pieces).extra == {"x_delta": 1, "x_chunk": 2, "logprobs": 3}


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
    response = _streamed(*(event(body) for body in (*bodies, *ending)), api="messages")
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
    assert _streamed(chunk({"content": "نعم"}, "stop").rstrip()).text == "نعم"


def test_an_error_may_be_the_unterminated_end() -> None:
    """And an unterminated error is an error, after text and alone."""
    error = event({"error": {"code": "rate_limit_exceeded", "message": "x"}}).rstrip()
    with pytest.raises(RateLimitError):
        _streamed(error)
    with pytest.raises(RateLimitError) as caught:
        _streamed(chunk({"content": "نعم"}), error)
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


def test_pictures_are_counted_locally() -> None:
    """The service counts no pictures, so it is not asked."""
    transport = Scripted(json_reply({"input_tokens": 5}))
    count = client_of(transport).count_tokens(MODEL, user("س", ImagePart(png())))
    assert count.estimated
    assert not transport.requests


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


def test_names_of_messages_are_told_to_be_left_out() -> None:
    """The messages dialect has no field for them, and the response says so."""
    reply = json_reply({"content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn"})
    response = client_of(Scripted(reply), api="messages").chat(MODEL, user("س", name="noor"))
    assert response.adaptations == ("names of messages were not sent",)


def test_parallel_calls_alone_on_messages() -> None:
    """Allowing or forbidding them needs a choice there, which is auto."""
    body = CODECS["messages"].encode(ChatRequest("m", (user("س"),), (Tool("t"),), parallel_tool_calls=False))
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


CHAT_BODIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "newer max_tokens": ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    "both": ({"max_completion_tokens": 7, "max_tokens": 8}, {"max_tokens": 8}),
    "text format": ({"response_format": {"type": "text"}}, {"response_format": None}),
    "any tool": ({"tool_choice": "any"}, {"tool_choice": "required"}),
    "old functions": (
        {"functions": [{"name": "t"}], "function_call": {"name": "t"}},
        {"tools": (Tool("t"),), "tool_choice": ToolChoice("t")},
    ),
    "one stop": ({"stop": "x"}, {"stop": ("x",)}),
    "null stop": ({"stop": None}, {"stop": ()}),
}


@pytest.mark.parametrize("name", CHAT_BODIES)
def test_spellings_of_a_chat_body(name: str) -> None:
    """Older and newer names of a field mean the same."""
    body, expected = CHAT_BODIES[name]
    request = READ_CHAT({"model": "m", "messages": TURNS, **body})
    assert {field: getattr(request, field) for field in expected} == expected


HUGE = {"url": "https://a.example/b", "detail": "huge"}


def _turn(role: str, part: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": [part]}]}


REFUSED: dict[str, tuple[Any, dict[str, Any]]] = {
    "choice": (READ_CHAT, {"tool_choice": "perhaps"}),
    "format": (READ_CHAT, {"response_format": {"type": "yaml"}}),
    "detail": (READ_CHAT, _turn("user", {"type": "image_url", "image_url": HUGE})),
    "parallel": (READ_CHAT, {"parallel_tool_calls": "yes"}),
    "seed": (READ_CHAT, {"seed": "1"}),
    "stop": (READ_CHAT, {"stop": [1]}),
    "strict": (READ_CHAT, {"tools": [{"function": {"name": "t", "strict": "yes"}}]}),
    "messages choice": (READ_MESSAGES, {"tool_choice": {"type": "perhaps"}}),
    "messages role": (READ_MESSAGES, {"messages": [{"role": "tool", "content": "x"}]}),
    "messages signature": (READ_MESSAGES, _turn("assistant", {"type": "thinking", "signature": 5})),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bodies_that_mean_nothing(name: str) -> None:
    """A field of the wrong type or word is named, not sent on."""
    read, body = REFUSED[name]
    with pytest.raises(RequestError):
        read({"model": "m", "max_tokens": 5, "messages": TURNS, **body})


@pytest.mark.parametrize("kind", ["document", "server_tool_use", None])
def test_blocks_that_would_be_lost(kind: str | None) -> None:
    """What cannot be passed on is refused."""
    with pytest.raises(UnsupportedError):
        READ_MESSAGES({"model": "m", "messages": [{"role": "user", "content": [{"type": kind}]}]})


def test_a_picture_marked_for_a_result_that_is_not_there_stays_a_turn() -> None:
    """Only a result takes its pictures back."""
    turns = (user("[images returned by tool call c9]", ImagePart(png())),)
    body = CODECS["chat"].encode(ChatRequest("m", (assistant("x"), tool_result("c1", "y"), *turns)))
    assert READ_CHAT(body).messages[-1:] == turns


def test_an_empty_tool_turn_says_nothing() -> None:
    """It has nothing to send, and sends nothing."""
    body = CODECS["chat"].encode(ChatRequest("m", (user("س"), Message("tool"))))
    assert len(body["messages"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the file is Linux's own")
def test_v02_a_file_that_cannot_be_read() -> None:
    """What calls itself a regular file and refuses to be read is typed too."""
    with pytest.raises(ImageError):
        image_from_path("/proc/self/mem")


def test_the_deadline_ends_a_stream_that_goes_on() -> None:
    """A stream that never falls silent still ends when the call's time is over, with what was delivered."""
    clock = FakeClock()
    calls = Calls(Settings.load(api_key=KEY, base_url=BASE_URL, deadline=10.0), clock.clock())
    flow = calls.stream(ChatRequest(MODEL, (user("س"),)), {})
    sent: Any = None
    pieces = iter((chunk({"content": "أول"}), chunk({"content": "ثانٍ"})))
    try:
        while True:
            effect = flow.send(sent)
            sent = None
            if isinstance(effect, Send):
                sent = Head(200, {"content-type": "text/event-stream"})
            elif isinstance(effect, Read):
                sent = next(pieces)
            elif isinstance(effect, Acquire):
                sent = Place()
    except StopIteration as stop:
        session = stop.value.session
    clock.now += 11
    session.feed(next(pieces))
    with pytest.raises(APITimeoutError) as caught:
        session.check()
    assert (caught.value.phase, caught.value.partial_text) == ("deadline", "أولثانٍ")


def test_nothing_is_sent_again_once_something_was_delivered() -> None:
    """An error with partial content is never retried, whatever its class."""
    error = RateLimitError("x", status_code=429)
    assert may_be_resent(error)
    error.partial_text = "م"
    assert not may_be_resent(error)


def test_n33_a_certificate_that_nobody_trusts() -> None:
    """Nothing is sent, nothing is tried again, and the message says certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE.parent / "faults" / "untrusted.pem")

    def serve(connection: Connection) -> None:
        context.wrap_socket(connection.socket, server_side=True).close()

    with raw_server(serve) as server:
        address = server.base_url.replace("http://127.0.0.1", "https://localhost")
        client = Client(KEY, address, max_retries=2)
        with client, pytest.raises(APIConnectionError, match="certificate") as caught:
            client.chat(MODEL, "س")
    assert (caught.value.attempts, caught.value.phase) == (1, "certificate")
    assert len(server.connections) == 1


@pytest.mark.parametrize("kind", ["text/html", "application/xml", "image/png"])
def test_n11_n12_another_kind_of_content(kind: str) -> None:
    """What is neither JSON nor events is named by its media type, with how it begins, called or streamed."""
    client = client_of(Scripted(Told(200, {"content-type": kind}, (b"Please sign in. " * 50,))))
    for ask in (client.chat, client.stream):
        with pytest.raises(UnexpectedContentError, match=f"{kind}.*Please sign in") as caught:
            ask(MODEL, "س")
        assert len(str(caught.value)) < 400


def test_a_retry_without_a_slot_tells_what_the_service_said() -> None:
    """Where the limit leaves no slot for another attempt, the error is the service's, not the limiter's."""
    transport = Scripted(json_reply({"error": {"message": "x"}}, 503, **{"retry-after-ms": "1"}))
    client = client_of(transport, max_retries=2, requests_per_minute=1, limit_max_wait=0)
    with pytest.raises(OverloadedError) as caught:
        client.chat(MODEL, "س")
    assert caught.value.attempts == len(transport.requests) == 1


def test_json_streamed_on_messages_without_its_last_event() -> None:
    """A stop reason is an end there too, and the forced call's input is the text."""
    block = {"type": "tool_use", "id": "c", "name": "json_response", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"a":1}'}
    bodies: tuple[dict[str, Any], ...] = (
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    )
    response = _streamed(*(event(body) for body in bodies), api="messages", response_format="json")
    assert (response.text, response.finish_reason, response.tool_calls) == ('{"a":1}', "stop", ())


def test_the_catalogue_can_be_set() -> None:
    """A list fetched elsewhere serves for suggestions."""
    client = client_of(Scripted(json_reply({"error": {"message": "no"}}, 404)))
    client.catalogue = {"brand-new": ModelInfo("brand-new")}
    with pytest.raises(NotFoundError, match="brand-new"):
        client.chat("brand-nwe", "س")
