"""Law 8: the same request gives the same bytes, Arabic stands in them as Arabic, and the key never does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from core.support import ARABIC, KEY, MODEL, WEATHER, Scripted, answer, client_of, json_reply
from hypothesis import given
from hypothesis import strategies as st
from laws import strategies as some

from resayil import ChatRequest, ResayilError, ToolCallPart, assistant, tool_result, user
from resayil.calls import Calls
from resayil.config import Settings
from resayil.effects import Send
from resayil.flow import Clock
from resayil.jsontext import dump_bytes
from resayil.limits import NOW


def _sent(request: ChatRequest, api: str, method: str) -> Send:
    clock = Clock(lambda: 0.0, lambda: 0.0, lambda: 0.0)
    calls = Calls(Settings.load(api_key=KEY, base_url="https://example.com"), clock)
    flow = getattr(calls, method)(request, {"api": api})
    next(flow)
    effect = flow.send(NOW)
    flow.close()
    assert isinstance(effect, Send)
    return effect


@pytest.mark.filterwarnings("ignore::resayil.config.ResayilWarning")
@given(some.chat_requests() | some.messages_requests(), st.sampled_from(("chat", "messages")), st.booleans())
def test_the_same_request_gives_the_same_bytes(request_: ChatRequest, api: str, stream: bool) -> None:  # noqa: FBT001 - Hypothesis names its arguments
    """Two clients send one request in the same bytes, UTF-8 unescaped, and both keep their key out of it."""
    method = "stream" if stream else "chat"
    try:
        first, second = (_sent(request_, api, method) for _ in range(2))
    except ResayilError:
        return  # what the dialect cannot say is not sent at all
    assert first.body is not None
    assert first.body == second.body
    assert first.url == second.url
    for name in first.headers.keys() - {"idempotency-key"}:
        assert first.headers[name] == second.headers[name]
    assert KEY.encode() not in first.body
    assert KEY not in f"{first.url}{first.headers}"
    assert first.body == dump_bytes(json.loads(first.body))


@given(some.values)
def test_json_is_never_escaped(value: Any) -> None:
    """Only what JSON must escape is escaped; the value comes back as it was."""
    data = dump_bytes(value)
    assert json.loads(data) == value
    escaped = re.findall(r"(?<!\\)(?:\\\\)*\\u([0-9a-f]{4})", data.decode())
    assert all(int(code, 16) < ord(" ") for code in escaped)


CONVERSATION = (
    user(ARABIC),
    assistant("سأبحث", ToolCallPart("call_1", "get_weather", {"city": "الكويت", "درجة": 41.5})),
    tool_result("call_1", "٤١ درجة \u2028 مشمس"),
)


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_arabic_goes_out_as_it_is(api: str) -> None:
    """Text, arguments and results in Arabic are on the wire in UTF-8, without a single escape."""
    transport = Scripted(
        json_reply(answer() if api == "chat" else {"content": [], "stop_reason": "end_turn"})
    )
    client_of(transport, api=api).chat(
        MODEL, CONVERSATION, tools=[WEATHER], extra_body={"metadata": {"ا": "ب"}}
    )
    body = transport.requests[0].content
    assert b"\\u" not in body
    for text in (ARABIC, "الكويت", "درجة", "٤١ درجة \u2028 مشمس", "حالة الطقس"):
        assert text.encode() in body
    assert KEY.encode() not in body


def test_bytes_do_not_depend_on_the_process() -> None:
    """Another process, with another hash seed, sends the same bytes."""
    program = (
        "from resayil import *\n"
        "from resayil.codecs import CODECS\n"
        "from resayil.jsontext import dump_bytes\n"
        "import hashlib\n"
        "r = ChatRequest('m', (user('س'),), (Tool('b'), Tool('a')), 'auto', True,"
        " JSONFormat({'type': 'object'}), 5, 0.5, 0.5, stop=('x',), extra_body={'z': 1, 'y': 2})\n"
        "for c in CODECS.values():\n"
        "    body = c.encode(c.read_request(c.encode(r)))\n"
        "    print(hashlib.sha256(dump_bytes(body)).hexdigest())\n"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
