"""What a request asks for beside its turns: rows C3, C10–C12 and C32 of the table."""

from __future__ import annotations

import pytest
from core.contradictions.support import ROOT, SOURCES, told
from core.support import MODEL, WEATHER, Scripted, client_of, emulator_of, json_reply

from resayil import UnsupportedError


def test_c03_the_removed_call_is_shown_to_nobody() -> None:
    """``openai.ChatCompletion`` stands in no code and no guide, but in the table that lists it as dead."""
    guides = [*ROOT.glob("README*.md"), *SOURCES]
    assert not [path.name for path in guides if "openai.ChatCompletion" in path.read_text(encoding="utf-8")]
    assert "openai.ChatCompletion" in (ROOT / "docs/contradictions.md").read_text(encoding="utf-8")


def test_c10_max_tokens_is_always_sent_on_messages() -> None:
    """1,024 by default, a setting's or a call's figure otherwise; chat sends none unasked."""
    for settings, options, expected in (
        ({}, {}, 1024),
        ({"default_max_tokens": 7}, {}, 7),
        ({}, {"max_tokens": 3}, 3),
    ):
        transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
        client_of(transport, api="messages", **settings).chat(MODEL, "س", **options)
        assert transport.bodies[0]["max_tokens"] == expected
    transport, client = told()
    client.chat(MODEL, "س")
    assert "max_tokens" not in transport.bodies[0]


def test_c11_temperature_is_sent_only_if_set() -> None:
    """Unset is absent; 0 and 0.0 are set; above 1 is refused for messages, above 2 for chat, locally."""
    transport, client = told()
    client.chat(MODEL, "س")
    client.chat(MODEL, "س", temperature=0)
    client.chat(MODEL, "س", temperature=0.0, top_p=0.0)
    client.chat(MODEL, "س", temperature=2.0)
    assert [body.get("temperature") for body in transport.bodies] == [None, 0, 0.0, 2.0]
    assert transport.bodies[2]["top_p"] == 0.0
    for api, value in (("messages", 1.01), ("chat", 2.01), ("chat", -0.1)):
        with pytest.raises(UnsupportedError, match="temperature"):
            client.chat(MODEL, "س", temperature=value, api=api)
    assert len(transport.requests) == 4


def test_c12_streaming_is_asked_for_in_the_body() -> None:
    """JSON true in the body, nothing in the URL; a plain call says nothing."""
    emulator = emulator_of()
    client = client_of(emulator.transport())
    for api in ("chat", "messages"):
        list(client.stream(MODEL, "س", api=api))
    client.chat(MODEL, "س")
    assert [request.body.get("stream") for request in emulator.requests] == [True, True, None]
    assert not any(request.query for request in emulator.requests)


def test_c32_tools_only_and_the_old_reply_is_read() -> None:
    """``functions`` is never sent; a reply with ``function_call`` is a tool call all the same."""
    emulator = emulator_of("legacy-function-call")
    client = client_of(emulator.transport())
    for _ in range(2):
        emulator.call("get_weather", {"city": "الكويت"})
    stream = client.stream(MODEL, "س", tools=[WEATHER])
    list(stream)
    for response in (client.chat(MODEL, "س", tools=[WEATHER]), stream.response()):
        assert [(call.name, call.arguments) for call in response.tool_calls] == [
            ("get_weather", {"city": "الكويت"})
        ]
        assert response.tool_calls[0].id
        assert response.finish_reason == "tool_calls"
    assert all("tools" in request.body and "functions" not in request.body for request in emulator.requests)
