"""Saying a request in another way: what is tried, what is remembered, and what is refused."""

from __future__ import annotations

import pytest
from core.support import (
    MODEL,
    FakeClock,
    Scripted,
    Told,
    answer,
    chunk,
    client_of,
    emulator_of,
    json_reply,
    png,
    sse_reply,
)

from resayil import (
    BadRequestError,
    ImagePart,
    InvalidToolCall,
    Message,
    ModelInfo,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    UnsupportedError,
    assistant,
    system,
    tool_result,
    user,
)
from resayil.adapt import Style
from resayil.config import ResayilWarning
from resayil.learned import LIFETIME, MAX_STYLES, Learned

SIGHTED, BLIND = "qwen3-vl:235b-instruct", "deepseek-v4-flash"
PICTURE = ImagePart(png())
CALLED = (
    user("ما الطقس؟"),
    assistant(
        "سأبحث", ToolCallPart("c1", "get_weather", {"city": "الكويت"}), InvalidToolCall("c2", "x", "{")
    ),
    tool_result("c1", "٤١"),
    tool_result("c2", "خطأ", is_error=True),
)


def refused(text: str = "Validation failed.", status: int = 422, **fields: str) -> Told:
    """A validation failure as the March server told it."""
    errors = {name.replace("__", "."): [told] for name, told in fields.items()}
    return json_reply({"message": text, "errors": errors}, status)


OK = json_reply(answer())


def test_tool_turns_become_text_without_loss() -> None:
    """Names, ids, arguments, results and failures are all in the words that go out instead."""
    transport = Scripted(refused(messages__2__role="The selected role is invalid."), OK)
    response = client_of(transport).chat(MODEL, CALLED)
    turns = transport.bodies[1]["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "user"]
    assert all(isinstance(turn["content"], str) for turn in turns)
    assert "tool_calls" not in turns[1]
    said = "\n".join(turn["content"] for turn in turns)
    for piece in ("سأبحث", "c1", "get_weather", '{"city":"الكويت"}', "٤١", "c2", "failed", "خطأ"):
        assert piece in said
    assert response.adaptations == ("tool turns and content arrays were sent as plain text",)
    assert response.attempts == 2


@pytest.mark.parametrize(
    ("reply", "tries"),
    [
        (refused(messages__2__content="must be a string"), 2),
        (refused("messages.2.role is invalid"), 2),
        (refused("The role tool is unknown", 400), 2),
        (refused(model="The selected model is invalid."), 1),
        (refused("temperature is too high", 400), 1),
        (json_reply({"message": "role"}, 403), 1),
    ],
)
def test_only_a_refusal_that_names_a_turn_is_tried_again(reply: Told, tries: int) -> None:
    """Any other 400 or 422 is the caller's business, once."""
    transport = Scripted(reply)
    with pytest.raises(Exception, match="answered"):
        client_of(transport).chat(MODEL, CALLED)
    assert len(transport.requests) == tries


def test_a_fallback_that_fails_teaches_nothing() -> None:
    """The next call begins natively again."""
    bad = refused(messages__2__role="invalid")
    transport = Scripted(bad, bad, OK)
    client = client_of(transport)
    with pytest.raises(BadRequestError):
        client.chat(MODEL, CALLED)
    assert client.chat(MODEL, CALLED).adaptations == ()
    assert transport.bodies[2]["messages"][2]["role"] == "tool"


def test_what_was_learned_is_the_models_alone() -> None:
    """Another model of the same client is spoken to natively."""
    transport = Scripted(refused(messages__2__role="invalid"), OK)
    client = client_of(transport)
    client.chat(MODEL, CALLED)
    client.chat("mistral", CALLED)
    client.chat(MODEL, CALLED)
    roles = [body["messages"][2]["role"] for body in transport.bodies]
    assert roles == ["tool", "user", "tool", "user"]


def test_streams_learn_and_follow_too() -> None:
    """A stream falls back before its first event, and remembers."""
    emulator = emulator_of("tool-role-422")
    client = client_of(emulator.transport())
    for _ in range(2):
        stream = client.stream(MODEL, CALLED[:3])
        list(stream)
        assert stream.response().adaptations
    assert [request.status for request in emulator.requests] == [422, 200, 200]


def test_styles_by_hand() -> None:
    """``native`` never falls back, ``text`` never tries natively."""
    transport = Scripted(refused(messages__2__role="invalid"), OK)
    with pytest.raises(BadRequestError):
        client_of(transport, tool_result_style="native").chat(MODEL, CALLED)
    assert len(transport.requests) == 1
    response = client_of(transport, tool_result_style="text").chat(MODEL, CALLED)
    assert transport.bodies[1]["messages"][2]["role"] == "user"
    assert response.adaptations
    assert client_of(transport, tool_result_style="text").chat(MODEL, "س").adaptations == ()


def test_native_style_still_folds_a_refused_system_turn() -> None:
    """The setting is about tool turns; a refused system turn is folded all the same."""
    transport = Scripted(refused(messages__0__role="invalid"), OK)
    client_of(transport, tool_result_style="native").chat(MODEL, [system("أ"), *CALLED])
    assert transport.bodies[1]["messages"][0]["role"] == "user"


def test_one_style_after_the_other() -> None:
    """A server that refuses both tool and system turns is answered in three tries, and then in one."""
    emulator = emulator_of("tool-role-422", "system-role-422")
    client = client_of(emulator.transport())
    history = (system("أ"), system("ب"), *CALLED[:3])
    for _ in range(2):
        response = client.chat(MODEL, history)
    assert len(response.adaptations) == 2
    assert [request.status for request in emulator.requests][-2:] == [200, 200]
    assert emulator.requests[-1].body["messages"][0]["content"] == "أ\n\nب\n\nما الطقس؟"


FOLDED = {
    "alone": ((system("أ"),), [("user", "أ")]),
    "after an answer": ((system("أ"), assistant("ب"), user("ج")), [("assistant", "ب"), ("user", "أ\n\nج")]),
    "a picture": ((system("أ"), user("ب", PICTURE)), [("user", ["text", "text", "image_url"])]),
}


@pytest.mark.parametrize("name", FOLDED)
def test_where_a_folded_system_turn_goes(name: str) -> None:
    """To the head of the first user turn, whatever it holds, or into one of its own."""
    history, expected = FOLDED[name]
    transport = Scripted(refused(messages__0__role="invalid"), OK)
    client_of(transport).chat(SIGHTED, history)
    turns = [(turn["role"], turn["content"]) for turn in transport.bodies[1]["messages"]]
    shown = [
        (role, said if isinstance(said, str) else [part["type"] for part in said]) for role, said in turns
    ]
    assert shown == expected


def test_a_refusal_that_names_no_turn_is_met_step_by_step() -> None:
    """Tool turns first, then system turns; a third refusal is told."""
    bad = refused("The role is not supported.", 400)
    transport = Scripted(bad)
    with pytest.raises(BadRequestError):
        client_of(transport).chat(MODEL, [system("أ"), *CALLED])
    roles = [[turn["role"] for turn in body["messages"]] for body in transport.bodies]
    assert roles == [
        ["system", "user", "assistant", "tool", "tool"],
        ["system", "user", "assistant", "user", "user"],
        ["user", "assistant", "user", "user"],
    ]


def test_native_style_folds_without_a_position_too() -> None:
    """Told only that a role is wrong, the native style still has one thing to try, and remembers it."""
    transport = Scripted(refused("The role is not supported.", 400), OK)
    client = client_of(transport, tool_result_style="native")
    for _ in range(2):
        client.chat(MODEL, [system("أ"), *CALLED])
    assert [body["messages"][0]["role"] for body in transport.bodies] == ["system", "user", "user"]
    assert transport.bodies[2]["messages"][2]["role"] == "tool"


def test_a_results_picture_stays_when_its_turn_becomes_text() -> None:
    """Only the role changes: the picture that a tool returned goes along."""
    transport = Scripted(refused(messages__2__role="invalid"), OK)
    history = (user("س"), assistant(ToolCallPart("c1", "t", {})), tool_result("c1", "صورة", PICTURE))
    with pytest.raises(UnsupportedError, match=r"messages\[2\] \(tool\) holds an image"):
        client_of(transport).chat(SIGHTED, history)
    client_of(transport, tool_result_style="text").chat(SIGHTED, history)
    parts = transport.bodies[1]["messages"][2]["content"]
    assert [part["type"] for part in parts] == ["text", "image_url"]


def test_arrays_of_text_become_one_text() -> None:
    """A server that refuses content arrays gets the same lines as a string."""
    emulator = emulator_of("content-array-422")
    client = client_of(emulator.transport())
    response = client.chat(MODEL, Message("user", (TextPart("أ"), TextPart("ب"))))
    assert response.text
    assert emulator.requests[1].body["messages"] == [{"role": "user", "content": "أ\nب"}]
    assert response.adaptations


def test_a_picture_is_never_dropped_in_a_fallback() -> None:
    """Where arrays are refused, a picture cannot be said: the error names the turn, nothing more is sent."""
    emulator = emulator_of("content-array-422")
    with pytest.raises(UnsupportedError, match=r"messages\[1\] \(user\) holds an image") as caught:
        client_of(emulator.transport()).chat(SIGHTED, [system("أ"), user("ما هذا؟", PICTURE)])
    assert len(emulator.requests) == 1
    assert isinstance(caught.value.__cause__, BadRequestError)
    assert caught.value.fields


def test_reasoning_stays_with_its_turn_in_text() -> None:
    """What is replayed of an assistant's thoughts is not lost when its calls become text."""
    thought = Message("assistant", (ReasoningPart("أفكر"), ToolCallPart("c1", "t", {})))
    transport = Scripted(refused(messages__2__role="invalid"), OK)
    client = client_of(transport, reasoning_replay="always")
    client.chat(MODEL, [user("س"), thought, tool_result("c1", "ج")])
    assert transport.bodies[1]["messages"][1]["reasoning_content"] == "أفكر"
    assert "[tool call c1] t {}" in transport.bodies[1]["messages"][1]["content"]


def test_stream_options_are_left_out_where_they_are_refused() -> None:
    """A server that does not know them is asked without, and the usage becomes an estimate."""
    transport = Scripted(
        refused("Unknown parameter: stream_options", 400),
        sse_reply(chunk({"content": "x"}, "stop")),
    )
    client = client_of(transport)
    for _ in range(2):
        stream = client.stream(MODEL, "س")
        list(stream)
        assert stream.response().usage.estimated
    assert ["stream_options" in body for body in transport.bodies] == [True, False, False]


def test_stream_usage_can_be_switched_off() -> None:
    """A setting leaves the request for usage out from the start."""
    emulator = emulator_of()
    list(client_of(emulator.transport(), stream_usage=False).stream(MODEL, "س"))
    assert "stream_options" not in emulator.requests[0].body


HISTORY = (user("ما هذا؟", PICTURE), assistant("إيصال"), user("كم المجموع؟"))
RESULTS = (
    user("ابحث"),
    assistant(ToolCallPart("c1", "t", {})),
    tool_result("c1", "صورة", PICTURE),
    user("وبعد؟"),
)


def test_history_images_are_refused_by_default() -> None:
    """A model that does not see is not shown an old picture in silence, nor without it."""
    transport = Scripted(OK)
    with pytest.raises(
        UnsupportedError, match=r"messages\[0\] holds an image and deepseek-v4-flash does not see"
    ):
        client_of(transport).chat(BLIND, HISTORY)
    assert not transport.requests


@pytest.mark.parametrize("history", [HISTORY, RESULTS], ids=["turn", "result"])
def test_history_images_as_notes(history: tuple[Message, ...]) -> None:
    """A visible note takes the picture's place, and the response says so."""
    transport = Scripted(OK)
    response = client_of(transport, history_images="note").chat(BLIND, history)
    assert "[image not shown: image/png, 1 kB]" in str(transport.bodies[0])
    assert "base64" not in str(transport.bodies[0])
    assert "1 turn(s) with images" in " ".join(response.adaptations)


def test_history_images_sent_all_the_same() -> None:
    """``send`` leaves the decision to the server, with a warning."""
    transport = Scripted(OK)
    with pytest.warns(ResayilWarning, match="not known"):
        client_of(transport, history_images="send").chat(BLIND, HISTORY)
    assert "base64" in str(transport.bodies[0])


def test_a_model_of_which_nothing_is_known_sees_its_history() -> None:
    """Only a model that is known not to see is spared."""
    transport = Scripted(OK)
    with pytest.warns(ResayilWarning, match="not known"):
        client_of(transport).chat("mistral", HISTORY)
    assert "base64" in str(transport.bodies[0])


def test_the_vision_model_answers_while_the_newest_turn_holds_an_image() -> None:
    """It takes the turn with the picture, the chosen model the others; the response tells who answered."""
    transport = Scripted(OK)
    client = client_of(transport, vision_model=SIGHTED, history_images="note")
    first = client.chat(BLIND, HISTORY[:1])
    client.chat(BLIND, HISTORY)
    client.chat(SIGHTED, HISTORY[:1])
    assert [body["model"] for body in transport.bodies] == [SIGHTED, BLIND, SIGHTED]
    assert f"{SIGHTED} answered instead of {BLIND}" in " ".join(first.adaptations)


def test_the_live_list_tells_who_sees() -> None:
    """Once the model list was read, its categories count."""
    listed = json_reply(
        {"data": [{"id": "brand-new", "category": "chat"}, {"id": "eyes", "category": "vision"}]}
    )
    transport = Scripted(listed, OK)
    client = client_of(transport)
    client.models()
    client.chat("eyes", HISTORY)
    with pytest.raises(UnsupportedError):
        client.chat("brand-new", HISTORY)


def test_what_was_learned_grows_old_and_stays_bounded() -> None:
    """A style is kept for a day, and a thousand of them at most."""
    clock = FakeClock()
    learned = Learned(monotonic=lambda: clock.now)
    for number in range(MAX_STYLES + 1):
        learned.remember(f"m{number}", Style(text_turns=True))
    assert learned.style("m0") is None
    assert learned.style("m1") == Style(text_turns=True)
    clock.now += LIFETIME + 1
    assert learned.style("m1") is None


def test_a_live_list_replaces_the_snapshot() -> None:
    """What the service lists is what is known."""
    learned = Learned()
    learned.see_models([ModelInfo("only")])
    assert list(learned.catalogue) == ["only"]


def test_positions_of_the_other_dialect_are_no_obstacle() -> None:
    """On messages the system turn is not counted, so the turn at the named position may be its neighbour."""
    whole = json_reply({"content": [{"type": "text", "text": "نعم"}], "stop_reason": "end_turn"})
    transport = Scripted(refused("messages.2.content: tool_result is not supported", 400), whole)
    response = client_of(transport, api="messages").chat(MODEL, [system("أ"), system("ب"), *CALLED])
    assert response.adaptations
    assert transport.bodies[1]["messages"][2]["content"][0]["type"] == "text"
