"""Streams added up: the traps of LangChain's merging, 1 to 9, and complaints 5 to 11, 14 and 24."""

from __future__ import annotations

import json

from complaints.support import (
    DONE,
    QUESTION,
    WHOLE_CALL,
    call,
    chunk,
    get_points,
    said,
    served,
    streamed,
)
from fixture_types import Join
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.messages.ai import add_usage

from langchain_resayil import ChatResayil
from resayil.emulator import Call, Emulator, Reply


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


def test_complaint_14_null_frames(joined: Join) -> None:
    """Complaint 14: `choices: null` and `data: null` say nothing and break nothing."""
    model = served(
        {"choices": None}, b"data: null\n\n", chunk({"content": "نعم"}), chunk(finish="stop"), DONE
    )
    assert streamed(model, joined).text == "نعم"
