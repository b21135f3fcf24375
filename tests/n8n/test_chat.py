"""The chat template: an agent whose requests n8n writes, sessions, and a streamed answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from n8n.bench import BUTTON, Bench, set_up
from n8n.rest import Rest
from n8n.server import N8n

from resayil.emulator import Call, Emulator, Reply

pytestmark = pytest.mark.slow
SLUG = "03-arabic-assistant"
WORDS = ("أهلًا ", "بك ", "في ", "متجرنا", "! 👋")
PAUSE = 0.15
NEWER = 3
SUM = Call("Calculate", {"input": "3*1.25"}, "c1")
HOURS = Call("opening_hours", {"input": "السبت"}, "c2")


def turns(bench: Bench) -> list[list[tuple[str, str]]]:
    """Role and text of each request's conversation, the instructions left out."""
    return [
        [(turn["role"], turn["content"]) for turn in request.body["messages"] if turn["role"] != "system"]
        for request in bench.emulator.requests
    ]


def lines(address: str, text: str, session: str = "s") -> Iterator[tuple[float, Any]]:
    """The stream's lines as they arrive, each with its time."""
    body = {"action": "sendMessage", "sessionId": session, "chatInput": text}
    plain = {"accept-encoding": "identity"}  # a compressed stream is held back until a block is full
    with httpx.stream("POST", address, json=body, headers=plain, timeout=60, trust_env=False) as reply:
        assert reply.is_success, reply.read()
        for line in reply.iter_lines():
            yield time.monotonic(), json.loads(line)


def said(address: str, text: str, session: str = "s") -> str:
    """The whole answer to a message."""
    parts = (part for _, part in lines(address, text, session))
    return "".join(part["content"] for part in parts if part["type"] == "item")


def test_the_agent_calculates_and_looks_up(bench: Bench) -> None:
    """The sample runs with both tools: path, model, texts, tools offered and their results are right."""
    bench.emulator.script(
        [
            Reply(
                calls=(
                    Call("Calculate", {"input": "3*1.25"}, "c1"),
                    Call("opening_hours", {"input": "السبت"}, "c2"),
                )
            ),
            "المجموع ٣٫٧٥٠ د.ك، ونفتح غدًا من العاشرة.",
        ]
    )
    execution = bench.rest.run(bench.add(SLUG), BUTTON)
    assert execution.last == [{"output": "المجموع ٣٫٧٥٠ د.ك، ونفتح غدًا من العاشرة."}]
    first, second = bench.emulator.requests
    assert {(request.path, request.model) for request in (first, second)} == {
        ("/v1/chat/completions", "deepseek-v4-flash")
    }
    offered = {tool["function"]["name"] for tool in first.body["tools"]}
    assert offered == {"Calculate", "opening_hours"}
    question, *answers = [turn for turn in second.body["messages"] if turn["role"] in ("user", "tool")]
    assert question["content"].startswith("السَّلامُ عليكم! اشتريتُ ٣ علب")
    assert [(turn["tool_call_id"], turn["content"].split(" ")[0]) for turn in answers] == [
        ("c1", "3.75"),
        ("c2", "Saturday"),
    ]
    assert bench.leaks() == []


def test_sessions_do_not_mix(bench: Bench) -> None:
    """Two conversations, interleaved: each request holds its own session's turns, in order."""
    address = bench.publish(SLUG, "chatTrigger")
    bench.emulator.script(["جواب أ١", "answer b1", "جواب أ٢", "answer b2"])
    spoken = [("سؤال أ١", "a"), ("question b1", "b"), ("سؤال أ٢", "a"), ("question b2", "b")]
    assert [said(address, text, session) for text, session in spoken] == [
        "جواب أ١",
        "answer b1",
        "جواب أ٢",
        "answer b2",
    ]
    assert turns(bench) == [
        [("user", "سؤال أ١")],
        [("user", "question b1")],
        [("user", "سؤال أ١"), ("assistant", "جواب أ١"), ("user", "سؤال أ٢")],
        [("user", "question b1"), ("assistant", "answer b1"), ("user", "question b2")],
    ]
    assert bench.leaks() == []


@pytest.mark.parametrize("version", [None, NEWER])
def test_the_answer_comes_in_pieces(n8n: N8n, rest: Rest, version: float | None) -> None:
    """Each piece of the model's stream is one of the chat's; a newer agent passes it on at once.

    The template's own agent holds the pieces back until it knows that the turn calls no tool.
    """
    with set_up(n8n, rest, Emulator(chunk_delay=PAUSE)) as bench:
        workflow = bench.prepared(SLUG)
        (agent,) = (node for node in workflow["nodes"] if node["name"] == "Answer the customer")
        agent["typeVersion"] = version or agent["typeVersion"]
        address = bench.live(bench.add_workflow(workflow), "chatTrigger")
        bench.emulator.reply("".join(WORDS), chunks=WORDS)
        items = [(at, part.get("content")) for at, part in lines(address, "مرحبا")]
        spoken = [(at, text) for at, text in items if text]
        assert [text for _, text in spoken] == list(WORDS)
        assert version is None or spoken[-1][0] - spoken[0][0] > PAUSE * (len(WORDS) - 1) / 2
        (request,) = bench.emulator.requests
        assert request.stream


@pytest.mark.prove
@pytest.mark.parametrize("fault", [401, 402, 429, "html", "refused", "reset", "empty"])
def test_a_failure_is_told_and_keeps_the_key(bench: Bench, fault: int | str) -> None:
    """The customer reads that there is no answer now; the key is in no output, log or stored run."""
    bench.emulator.fault(fault, times=9)
    execution = bench.rest.run(bench.add(SLUG), BUTTON)
    (given,) = execution.last
    assert "تعذّر الجواب الآن" in given["output"]
    assert given["error"]
    assert bench.leaks() == []
