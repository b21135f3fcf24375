"""What users of other integrations complain of, and the traps of LangChain's merging: a test each.

The numbers are those of the list of complaints in the field, 1 to 31, and of the merging traps, 1 to 9.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.messages.ai import add_usage
from langchain_core.tools import tool
from pydantic import BaseModel

import resayil
from langchain_resayil import ChatResayil
from langchain_resayil.chunks import ChunkMaker
from resayil import MessageEnd, MessageStart, ResayilWarning, StreamInterruptedError, ToolCallDelta, Usage
from resayil.accumulate import Accumulator
from resayil.credits import Cost
from resayil.emulator import Call, Emulator, Reply
from resayil.events import UsageReport

Join = Callable[[Any], AIMessageChunk]
MakeModel = Callable[..., ChatResayil]
QUESTION = "كم نقطة لديّ؟"
DONE = b"data: [DONE]\n\n"


def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def chunk(delta: Any = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat stream; each of ours names the model, as most servers do."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "mistral", "choices": [choice], **more}


def call(arguments: str, **fields: Any) -> dict[str, Any]:
    """A fragment of a tool call."""
    named = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**named, "arguments": arguments}}


def served(*frames: Any, **settings: Any) -> ChatResayil:
    """A model whose server streams these frames; bytes go out as they are."""
    body = b"".join(
        frame if isinstance(frame, bytes) else f"data: {json.dumps(frame)}\n\n".encode() for frame in frames
    )
    reply = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )
    given = {"model": "mistral", "api_key": "sk-x", "base_url": "http://127.0.0.1:1", "max_retries": 0}
    return ChatResayil(**{**given, "http_transport": reply, "http_async_transport": reply, **settings})


def streamed(model: ChatResayil, join: Join, *, tools: bool = True) -> AIMessageChunk:
    """The sum of a stream's chunks."""
    return join((model.bind_tools([get_points]) if tools else model).stream(QUESTION))


WHOLE_CALL = [("get_points", {"customer_id": "12"})]


def said(message: AIMessage) -> list[tuple[str, Any]]:
    """The calls of a message."""
    assert message.invalid_tool_calls == []
    return [(made["name"], made["args"]) for made in message.tool_calls]


# The traps of merging.


def test_trap_1_strings_on_two_chunks(joined: Join) -> None:
    """Trap 1: a server that repeats model and finish reason doubles neither."""
    model = served(chunk({"content": "a"}), chunk(finish="stop"), chunk(finish="stop"), DONE)
    metadata = streamed(model, joined).response_metadata
    assert (metadata["finish_reason"], metadata["model_name"]) == ("stop", "mistral")


def test_trap_2_floats_on_two_chunks(joined: Join) -> None:
    """Trap 2: a number that a server repeats with another value does not break the sum; the last counts."""
    model = served(chunk({"content": "a"}, cost=0.1), chunk(finish="stop", cost=0.25), DONE)
    assert streamed(model, joined).response_metadata["cost"] == 0.25


def test_trap_3_usage_with_a_fraction(joined: Join) -> None:
    """Trap 3: usage holds whole numbers only, on one chunk, so that answers can be added up."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "total_cost": 0.5}
    model = served(chunk({"content": "a"}, usage=usage), chunk(finish="stop", usage=usage), DONE)
    told = streamed(model, joined).usage_metadata
    assert told == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "credits_micro": 5_000_000}
    assert add_usage(told, told)["credits_micro"] == 10_000_000  # type: ignore[typeddict-item] # ours


def test_trap_4_and_complaint_7_an_index_as_text(joined: Join) -> None:
    """Trap 4, complaint 7: index `0`, then `"0"`, is one call."""
    first = call('{"customer_id": ', index=0, id="c", name="get_points")
    model = served(
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [call('"12"}', index="0")]}),
        chunk(finish="stop"),
    )
    assert said(streamed(model, joined)) == WHOLE_CALL


def test_trap_5_and_complaint_5_no_index(joined: Join) -> None:
    """Trap 5, complaint 5: fragments without an index are one call."""
    first = call('{"customer_id": ', index=None, id="c", name="get_points")
    model = served(
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [call('"12"}', index=None)]}),
        chunk(finish="stop"),
    )
    assert said(streamed(model, joined)) == WHOLE_CALL


def test_trap_6_and_complaint_6_two_fragments_in_one_delta(joined: Join) -> None:
    """Trap 6, complaint 6: two fragments of one call in one delta are one call."""
    both = [call('{"customer_id": ', index=0, id="c", name="get_points"), call('"12"}', index=0)]
    assert said(streamed(served(chunk({"tool_calls": both}), chunk(finish="stop")), joined)) == WHOLE_CALL


def test_trap_7_the_name_again(joined: Join) -> None:
    """Trap 7: a server that repeats the name on each fragment does not double it."""
    first = call('{"customer_id": ', index=0, id="c", name="get_points")
    again = call('"12"}', index=0, id="c", name="get_points")
    model = served(chunk({"tool_calls": [first]}), chunk({"tool_calls": [again]}), chunk(finish="stop"))
    assert said(streamed(model, joined)) == WHOLE_CALL


def test_trap_8_and_complaint_8_another_id_each_time(joined: Join) -> None:
    """Trap 8, complaint 8: ids made anew for each fragment under one index leave one call, its first id."""
    first = call('{"customer_id": ', index=0, id="c1", name="get_points")
    model = served(
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [call('"12"}', index=0, id="c2")]}),
        chunk(finish="stop"),
    )
    message = streamed(model, joined)
    assert said(message) == WHOLE_CALL
    assert message.tool_calls[0]["id"] == "c1"


def test_trap_9_and_complaint_24_arabic_is_never_escaped(
    either: ChatResayil, emulator: Emulator, joined: Join
) -> None:
    r"""Trap 9, complaint 24: no `\uXXXX` in chunks, nor in what goes back: calls, results, schemas."""
    emulator.script([Call("get_points", {"customer_id": "أحمد"}), Reply("نعم")])
    message = streamed(either, joined)
    assert "أحمد" in "".join(fragment["args"] or "" for fragment in message.tool_call_chunks)
    result = ToolMessage(
        json.dumps({"اسم": "أحمد"}, ensure_ascii=False), tool_call_id=message.tool_calls[0]["id"]
    )
    either.bind_tools([get_points]).invoke([HumanMessage(QUESTION), message, result])
    sent = json.dumps(emulator.requests[-1].body, ensure_ascii=False)
    assert "\\u" not in sent
    assert sent.count("أحمد") == 2


# The complaints.


def test_complaint_1_reasoning_is_kept_by_a_call(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 1: reasoning stands in `additional_kwargs` and in the content blocks."""
    emulator.script([Reply("٤٢", reasoning="أفكر")])
    message = either.invoke(QUESTION)
    assert message.additional_kwargs["reasoning_content"] == "أفكر"
    assert message.content_blocks[0] == {
        **message.content_blocks[0],
        "type": "reasoning",
        "reasoning": "أفكر",
    }


def test_complaint_2_reasoning_is_kept_chunk_by_chunk(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 2: each fragment of reasoning is a chunk of its own, before the text."""
    emulator.script([Reply("الجواب", reasoning="أفكر طويلًا جدًا في هذا")])
    chunks = list(either.stream(QUESTION))
    thoughts = [n for n, piece in enumerate(chunks) if piece.additional_kwargs.get("reasoning_content")]
    assert len(thoughts) > 1
    assert max(thoughts) < min(n for n, piece in enumerate(chunks) if piece.text)


@pytest.mark.parametrize(
    ("policy", "back"), [("never", False), ("tool_turns", True), ({"*": "always"}, True)]
)
def test_complaint_3_reasoning_goes_back_by_policy(
    make_model: MakeModel, emulator: Emulator, policy: Any, *, back: bool
) -> None:
    """Complaint 3: on the second turn of a tool call reasoning is there for the models that must have it."""
    emulator.script([Reply(reasoning="أفكر", calls=[Call("get_points", {"customer_id": "1"})]), Reply("نعم")])
    model = make_model(reasoning_replay=policy)
    asked = model.bind_tools([get_points]).invoke(QUESTION)
    model.invoke([HumanMessage(QUESTION), asked, ToolMessage("5", tool_call_id=asked.tool_calls[0]["id"])])
    assert (emulator.requests[-1].body["messages"][1].get("reasoning_content") == "أفكر") is back


@pytest.mark.filterwarnings("ignore:.*is in beta")
def test_complaint_4_events_keep_reasoning_before_a_call(either: ChatResayil, emulator: Emulator) -> None:
    """Complaint 4: in version 3 of the events reasoning and a tool call stand in one message."""
    emulator.script([Reply(reasoning="أفكر", calls=[Call("get_points", {"customer_id": "12"})])])
    stream: Any = either.bind_tools([get_points]).stream_events(QUESTION, version="v3")
    assert [block["type"] for block in stream.output.content] == ["reasoning", "tool_call"]
    assert str(stream.reasoning) == "أفكر"


def test_complaint_9_two_finish_chunks() -> None:
    """Complaint 9: see trap 1; each single chunk but one is silent about model and finish reason."""
    model = served(chunk({"content": "a"}), chunk(finish="stop"), chunk({}, finish="stop"), DONE)
    told = [piece.response_metadata for piece in model.stream(QUESTION)]
    assert sum("finish_reason" in metadata for metadata in told) == 1
    assert sum("model_name" in metadata for metadata in told) == 1


def test_complaint_10_the_finish_reason_is_in_streams(either: ChatResayil, joined: Join) -> None:
    """Complaint 10: a stream tells why it ended, as a call does."""
    assert streamed(either, joined, tools=False).response_metadata["finish_reason"] == "stop"
    assert (
        streamed(either.bind(max_tokens=1), joined, tools=False).response_metadata["finish_reason"]
        == "length"
    )  # type: ignore[arg-type] # a binding streams too


def test_complaint_11_unknown_fields_of_a_choice_pass(joined: Join) -> None:
    """Complaint 11: `stop_reason` of vLLM, and whatever else a server says, is told."""
    last = chunk(finish="stop")
    last["choices"][0]["stop_reason"] = 128_009
    last["system_fingerprint"] = "fp_1"
    metadata = streamed(served(chunk({"content": "a"}), last, DONE), joined).response_metadata
    assert (metadata["stop_reason"], metadata["system_fingerprint"]) == (128_009, "fp_1")


def test_complaint_12_usage_is_asked_for_in_streams(make_model: MakeModel, emulator: Emulator) -> None:
    """Complaint 12: streams ask for usage unless told otherwise, and always have some."""
    for wanted in (True, False):
        *_, last = make_model(stream_usage=wanted).stream(QUESTION)
        assert ("stream_options" in emulator.requests[-1].body) is wanted
        assert last.usage_metadata is not None
        assert last.usage_metadata["total_tokens"] > 0


def test_complaint_13_a_chunk_of_usage_alone(joined: Join) -> None:
    """Complaint 13: usage counts in a chunk without any choices."""
    usage = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
    model = served(chunk({"content": "a"}), chunk(finish="stop"), usage, DONE)
    told = streamed(model, joined).usage_metadata
    assert told is not None
    assert told["total_tokens"] == 5


def test_complaint_14_null_frames(joined: Join) -> None:
    """Complaint 14: `choices: null` and `data: null` say nothing and break nothing."""
    model = served(
        {"choices": None}, b"data: null\n\n", chunk({"content": "نعم"}), chunk(finish="stop"), DONE
    )
    assert streamed(model, joined).text == "نعم"


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


def test_complaint_16_three_event_loops_and_no_second_sending(server: Any) -> None:
    """Complaint 16: one model serves loops one after another, and each question is sent once."""
    model = ChatResayil(model="mistral", api_key=server.key, base_url=server.base_url)
    before = len(server.emulator.requests)
    for _ in range(3):
        assert asyncio.run(model.ainvoke(QUESTION)).text
    assert len(server.emulator.requests) == before + 3


def test_complaint_17_models_share_their_connections(server: Any) -> None:
    """Complaint 17: models made in a loop do not each open connections of their own."""
    made = [
        ChatResayil(model="mistral", temperature=n / 100, api_key=server.key, base_url=server.base_url)
        for n in range(20)
    ]
    assert all(model.invoke(QUESTION).text for model in made)
    assert len({id(model._client()) for model in made}) == 1  # noqa: SLF001 - that is what is shared
    made[0].close()


async def test_complaint_18_a_consumer_that_leaves(server: Any) -> None:
    """Complaint 18: leaving a stream in its middle closes its connection; the next call is served."""
    server.emulator.reply("كلمة " * 200)
    model = ChatResayil(model="mistral", api_key=server.key, base_url=server.base_url)
    async for _ in model.astream(QUESTION):
        break
    await asyncio.sleep(0)
    assert (await model.ainvoke(QUESTION)).text
    await model.aclose()


def test_complaint_19_a_picture_in_a_tool_message(
    make_model: MakeModel, emulator: Emulator, png: bytes
) -> None:
    """Complaint 19: the picture follows in a user message, in order, and the answer says so."""
    image = {"type": "image", "base64": base64.b64encode(png).decode(), "mime_type": "image/png"}
    asked = AIMessage("", tool_calls=[{"name": "scan", "args": {}, "id": "c"}])
    result = ToolMessage([{"type": "text", "text": "تم"}, image], tool_call_id="c")
    model = make_model(model="qwen3-vl:235b-instruct")
    answer = model.invoke([HumanMessage("x"), asked, result])
    assert [turn["role"] for turn in emulator.requests[-1].body["messages"]] == [
        "user",
        "assistant",
        "tool",
        "user",
    ]
    assert emulator.requests[-1].body["messages"][3]["content"][1]["type"] == "image_url"
    assert answer.response_metadata["adaptations"] == [
        "images of tool results were sent in a user message after them"
    ]


class Receipt(BaseModel):
    """A receipt."""

    total: float


def test_complaint_20_no_serializer_warnings(either: ChatResayil) -> None:
    """Complaint 20: answers hold plain values, and are dumped without a warning."""
    answer: Any = either.with_structured_output(Receipt, include_raw=True).invoke("المجموع ١٢")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AIMessage.model_validate(answer["raw"].model_dump()) == answer["raw"]
        answer["raw"].model_dump_json()


@pytest.mark.parametrize("choice", ["any", "get_points", True])
def test_complaint_21_a_thinking_model_without_forced_choice(
    make_model: MakeModel, emulator: Emulator, choice: Any
) -> None:
    """Complaint 21: a refused forced choice is sent as a free one, with a warning, and the answer says so."""
    emulator.fault(400, body={"error": {"message": "tool_choice is not supported in thinking mode"}})
    emulator.script([Call("get_points", {"customer_id": "12"})])
    with pytest.warns(ResayilWarning, match="no forced tool choice"):
        answer = (
            make_model(model="deepseek-v4-pro").bind_tools([get_points], tool_choice=choice).invoke(QUESTION)
        )
    assert said(answer) == WHOLE_CALL
    assert answer.response_metadata["adaptations"] == ["the forced tool choice was sent as auto"]


@pytest.mark.parametrize("refusals", [1, 2])
def test_complaint_22_a_refused_schema(make_model: MakeModel, emulator: Emulator, refusals: int) -> None:
    """Complaint 22: a JSON schema becomes a forced call, then JSON mode; the answer says which."""
    for what in ("response_format is unavailable", "tools are unavailable")[:refusals]:
        emulator.fault(400, body={"error": {"message": what}})
    emulator.script(
        [Call("json_response_Receipt", {"total": 12.5}) if refusals == 1 else Reply('{"total": 12.5}')]
    )
    asking = make_model().with_structured_output(Receipt, method="json_schema", include_raw=True)
    answer: Any = asking.invoke("المجموع ١٢٫٥")
    assert answer["parsed"] == Receipt(total=12.5)
    how = ("forced tool call", "beside JSON mode")[refusals - 1]
    assert how in answer["raw"].response_metadata["adaptations"][0]


class Branch(BaseModel):
    """A branch with branches."""

    name: str
    below: list[Branch] = []


def open_branch(branch: Branch) -> str:
    """Open a branch."""
    return branch.name


class Company(BaseModel):
    """Two fields of one type, which pydantic writes as references."""

    first: Receipt
    second: Receipt


@pytest.mark.parametrize("strict", [None, True])
def test_complaint_23_references_in_schemas(either: ChatResayil, emulator: Emulator, *, strict: Any) -> None:
    """Complaint 23: references are written out; a type that holds itself stays a definition."""
    either.bind_tools([Company, Branch, tool(open_branch), open_branch], strict=strict).invoke(QUESTION)
    tools = [offered.get("function", offered) for offered in emulator.requests[-1].body["tools"]]
    flat, *recursive = (offered.get("parameters", offered.get("input_schema")) for offered in tools)
    assert "$ref" not in json.dumps(flat)
    assert flat["properties"]["second"]["properties"]["total"]["type"] == "number"
    for schema in recursive:
        assert "#/$defs/Branch" in json.dumps(schema["properties"])
        assert schema["$defs"]["Branch"]["properties"]["below"]["items"] == {"$ref": "#/$defs/Branch"}
        assert schema.get("additionalProperties") is (False if strict else None)
    emulator.reply('{"name": "حولي", "below": [{"name": "أ"}]}')
    if either.api == "chat":
        found: Any = either.with_structured_output(Branch, method="json_schema").invoke(QUESTION)
        assert found.below[0].name == "أ"
        asked = emulator.requests[-1].body["response_format"]["json_schema"]["schema"]
        assert "Branch" in asked["$defs"]


def test_complaint_25_an_assistant_turn_always_has_content(model: ChatResayil, emulator: Emulator) -> None:
    """Complaint 25: beside tool calls `content` is an empty text: there, and never null."""
    asked = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c"}])
    model.invoke([HumanMessage("x"), asked, ToolMessage("1", tool_call_id="c")])
    assert emulator.requests[-1].body["messages"][1]["content"] == ""


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


ADDRESSES = ["", "/", "/v1", "/v1/", "/v1/v1", "/v1/chat/completions", "/v1/messages", "/v1/models"]


@pytest.mark.parametrize("path", ADDRESSES)
def test_complaint_28_every_form_of_the_base_url(path: str) -> None:
    """Complaint 28: host, `/v1`, slashes and pasted endpoints all lead to one address."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})

    transport = httpx.MockTransport(reply)
    ChatResayil(
        model="m", api_key="sk-x", base_url=f"http://127.0.0.1:1{path}", http_transport=transport
    ).invoke("x")
    assert asked == ["/v1/chat/completions"]


def test_complaint_29_the_import_takes_nothing_foreign() -> None:
    """Complaint 29: importing the chat model pulls in no SDK, no tokenizer and no transport."""
    heavy = ["openai", "anthropic", "tiktoken", "transformers", "litellm", "langchain", "resayil.client"]
    program = (
        f"import sys, langchain_resayil.chat_models; print([name for name in {heavy} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def seconds_for(fragments: int) -> float:
    """CPU time that the chunks of one long tool call take."""
    accumulator = Accumulator()
    maker = ChunkMaker(
        "v0", lambda: accumulator.response("m", Usage(0, 0)), lambda _: Cost(Decimal(0), estimated=True)
    )
    events: list[Any] = [MessageStart("a", "m"), ToolCallDelta(0, 0, '{"x": "', "c", "f")]
    events += [ToolCallDelta(0, 0, "abcdefgh") for _ in range(fragments)]
    events += [ToolCallDelta(0, 0, '"}'), UsageReport(Usage(1, 1)), MessageEnd("stop")]
    began = time.process_time()
    for event in events:
        accumulator.add([event])
        maker.feed(event)
    return time.process_time() - began


def test_complaint_30_the_cost_of_a_stream_is_linear() -> None:
    """Complaint 30: eight times the fragments cost about eight times the time, not sixty-four.

    LangChain's own `chunk + chunk` is quadratic in long texts; that is its code, and `first + [rest]` is not.
    """
    seconds_for(100)
    short = min(seconds_for(400) for _ in range(4))
    assert min(seconds_for(3_200) for _ in range(2)) < short * 24


def turns() -> Iterator[Any]:
    """A conversation that is longer in reported tokens than in words."""
    for n in range(6):
        yield HumanMessage(f"سؤال {n}")
        yield AIMessage(
            f"جواب {n}",
            usage_metadata={"input_tokens": 4_000, "output_tokens": 10, "total_tokens": 4_010},
            response_metadata={"model_provider": "resayil"},
        )
    yield HumanMessage("الأخير")


def test_complaint_31_summaries_see_the_reported_usage(model: ChatResayil, emulator: Emulator) -> None:
    """Complaint 31: the provider's name is one in traces and answers, so usage triggers summaries."""
    assert model._get_ls_params()["ls_provider"] == "resayil"  # noqa: SLF001 - what the middleware compares
    for answer in (model.invoke("x"), *list(model.stream("x"))[-1:]):
        assert answer.response_metadata["model_provider"] == "resayil"
    summary = SummarizationMiddleware(model=model, trigger=("tokens", 3_000), keep=("messages", 2))
    agent: Any = create_agent(model, tools=[], middleware=[summary])
    asked = len(emulator.requests)
    left = agent.invoke({"messages": list(turns())})["messages"]
    assert len(emulator.requests) == asked + 2  # the summary, then the answer
    assert len(left) < 6


def test_usage_handlers_add_answers_of_many_kinds_up(either: ChatResayil) -> None:
    """Sums over calls, streams and batches never raise, and hold the credits too."""
    counter = UsageMetadataCallbackHandler()
    config: Any = {"callbacks": [counter]}
    either.batch(["a", "b"], config)
    list(either.stream("c", config))
    total: Any = counter.usage_metadata["deepseek-v4-flash"]
    assert total["credits_micro"] == total["total_tokens"] * 1_000_000
