"""``resayil chat`` as a person uses it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cli.screen import Terminal
from core.support import png
from rich.console import Console

from resayil.cli.terminal import Screen
from resayil.emulator.scripts import Call, Fault
from resayil.emulator.server import Server

COMMAND = (sys.executable, "-c", "from resayil.cli import main; main()")
PROMPT = "› "
TOOLS = '''
"""A shop's tools."""

import os
from pathlib import Path


def points(member_id: str, total_kwd: float) -> dict:
    """Loyalty points.

    Args:
        member_id: The member's number.
        total_kwd: What was paid.
    """
    if total_kwd > 100:
        raise ValueError("too much")
    return {"member": member_id, "points": round(total_kwd * 10)}


async def greeting() -> str:
    """A greeting."""
    return "أهلًا"


def _hidden() -> None:
    """Nobody's business."""
'''


def test_a_conversation_of_several_turns(server: Server, service: Mapping[str, str]) -> None:
    """Questions and answers alternate, the history grows, each answer has its tokens and credits."""
    server.emulator.script(["الكويت العاصمة.", "نعم، فيها بحر."])
    with Terminal("chat", "--model", "mistral", environment=service) as terminal:
        for question, answer in (
            ("ما عاصمة الكويت؟", "الكويت العاصمة."),
            ("وهل فيها بحر؟", "نعم، فيها بحر."),
        ):
            terminal.see(PROMPT)
            terminal.type(question)
            terminal.see(answer)
            terminal.see("credits (estimated)")
        terminal.see(PROMPT)
        terminal.press("d")
        assert terminal.end() == 0
        assert "/image PATH" in terminal.text
    sent = [turn["content"] for turn in server.emulator.requests[-1].body["messages"]]
    assert sent == ["ما عاصمة الكويت؟", "الكويت العاصمة.", "وهل فيها بحر؟"]
    assert server.emulator.requests[-1].stream


def test_reasoning_is_dim_and_hostile_text_is_seen(server: Server, service: Mapping[str, str]) -> None:
    """Reasoning stands dim above the answer; escapes and overrides of a model stay text, in any cut."""
    hostile = "\x1b]0;owned\x07\x1b[2Jred\x1b[31m \u202eabc\u202c end\r\x9b31m"
    chunks = [hostile[n : n + 1] for n in range(len(hostile))]
    server.emulator.reply(hostile, reasoning="أفكر \x1b[5m", chunks=chunks)
    with Terminal("chat", "سؤال", environment=service) as terminal:
        assert terminal.end() == 0
        data = terminal.bytes.getvalue()
        assert "␛]0;owned␇␛[2Jred␛[31m <U+202E>abc<U+202C> end␍<U+009B>31m" in terminal.text
        assert "أفكر ␛[5m" in terminal.text
    assert b"\x1b[2m" + "أ".encode() in data
    for forbidden in (b"\x1b]0;", b"\x1b[2J", b"\x1b[31m", b"\x1b[5m", "\u202e".encode(), "\x9b".encode()):
        assert forbidden not in data


def test_control_c_stops_the_answer_and_not_the_session(server: Server, service: Mapping[str, str]) -> None:
    """What came of the answer stays in the history; the next question is answered."""
    server.emulator.script([Fault("stall", 60, after_events=5), "الثاني"])
    with Terminal("chat", "--model", "mistral", environment=service) as terminal:
        terminal.see(PROMPT)
        terminal.type("احكِ قصة طويلة")
        while len(server.emulator.requests) < 1:
            time.sleep(0.02)
        terminal.see("هذا")
        terminal.press("c")
        terminal.see("Stopped.")
        terminal.see(PROMPT)
        terminal.press("c")
        terminal.see("/quit leaves")
        terminal.type("ثم؟")
        terminal.see("الثاني")
        terminal.see(PROMPT)
        terminal.type("/quit")
        assert terminal.end() == 0
    asked = server.emulator.requests[-1].body["messages"]
    assert [turn["role"] for turn in asked] == ["user", "assistant", "user"]
    assert asked[1]["content"].startswith("هذا")


def test_a_picture_by_its_path(server: Server, service: Mapping[str, str], tmp_path: Path) -> None:
    """It goes with the next question, to a model that sees; a file that is no picture is told."""
    picture = tmp_path / "صورة إيصال.png"
    picture.write_bytes(png())
    (tmp_path / "no.png").write_text("text")
    with Terminal("chat", environment=service) as terminal:
        terminal.see(PROMPT)
        terminal.type(f"/image {tmp_path / 'no.png'}")
        terminal.see("PNG")
        terminal.type(f"/image {picture}")
        terminal.see("goes with the next question")
        terminal.type("ما هذا؟")
        terminal.see("credits (estimated)")
        terminal.type("شكرا")
        terminal.see("credits (estimated)")
        terminal.type("/quit")
        assert terminal.end() == 0
    first, second = (request.body for request in server.emulator.requests)
    assert first["model"] == "qwen3-vl:235b-instruct"
    assert [part["type"] for part in first["messages"][0]["content"]] == ["text", "image_url"]
    assert second["model"] == "deepseek-v4-flash"


def test_tools_from_a_file(server: Server, service: Mapping[str, str], tmp_path: Path) -> None:
    """Public functions are offered, calls are run and shown, what goes wrong goes back to the model."""
    file = tmp_path / "shop.py"
    file.write_text(TOOLS, "utf-8")
    emulator = server.emulator
    emulator.call("points", {"member_id": "7788", "total_kwd": 12.5})
    emulator.calls([("greeting", {}), ("points", {"member_id": "1", "total_kwd": 500})])
    emulator.call("points", {"member_id": "1", "total_kwd": "كثير"})
    emulator.reply("١٢٥ نقطة")
    with Terminal("chat", "--tools", str(file), environment=service) as terminal:
        terminal.see(PROMPT)
        terminal.type("كم نقطة؟")
        terminal.see("١٢٥ نقطة")
        terminal.see(PROMPT)
        terminal.press("d")
        assert terminal.end() == 0
        for shown in (
            '⚙ points {"member_id":"7788","total_kwd":12.5}',
            '→ {"member":"7788","points":125}',
            "→ أهلًا",
        ):
            assert shown in terminal.text
        assert "→ ValueError: too much" in terminal.text
    offered = emulator.requests[0].body["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["points", "greeting"]
    results = [turn["content"] for turn in emulator.requests[-1].body["messages"] if turn["role"] == "tool"]
    assert results[0] == '{"member":"7788","points":125}'
    assert "total_kwd" in results[3]


ODD_TOOLS = '''
from resayil import Tool


def shelf() -> set[int]:
    """What stands on the shelf."""
    return {1}


TOOLS = [shelf, Tool("far", "Runs elsewhere.")]
'''


def test_a_call_that_cannot_be_run_is_told_the_model(
    server: Server, service: Mapping[str, str], tmp_path: Path
) -> None:
    """A result that JSON cannot hold, a tool without a function, arguments that break off."""
    (tmp_path / "odd.py").write_text(ODD_TOOLS, "utf-8")
    server.emulator.calls([("shelf", {}), ("far", {})])
    server.emulator.script([Call("shelf", "{"), "نعم"])
    ran = _run("سؤال", "--tools", str(tmp_path / "odd.py"), "--json", service=service)
    assert (ran.returncode, json.loads(ran.stdout)["text"]) == (0, "نعم"), ran.stderr
    turns = server.emulator.requests[-1].body["messages"]
    shelf, far, broken = (turn["content"] for turn in turns if turn["role"] == "tool")
    assert "cannot be written as JSON" in shelf
    assert "RequestError" not in shelf
    assert "no function behind it" in far
    assert "JSON" in broken


def test_a_model_that_calls_without_end_is_stopped(
    server: Server, service: Mapping[str, str], tmp_path: Path
) -> None:
    """Ten answers to one question are enough; the code is that of a request without an answer."""
    (tmp_path / "shop.py").write_text(TOOLS, "utf-8")
    server.emulator.script([Call("greeting", {})] * 20)
    ran = _run("سؤال", "--tools", str(tmp_path / "shop.py"), service=service)
    assert ran.returncode == 8
    assert "without end" in ran.stderr
    assert len(server.emulator.requests) == 10


def test_a_tool_is_run_only_when_it_is_approved(
    server: Server, service: Mapping[str, str], tmp_path: Path
) -> None:
    """With --approve each call is put before the person, and a refusal is told to the model."""
    file = tmp_path / "shop.py"
    file.write_text(TOOLS, "utf-8")
    server.emulator.call("greeting", {})
    with Terminal("chat", "--tools", str(file), "--approve", environment=service) as terminal:
        terminal.see(PROMPT)
        terminal.type("سلّم")
        terminal.see("Run greeting {}?")
        terminal.type("n")
        terminal.see("credits (estimated)")
        terminal.press("d")
        assert terminal.end() == 0
    assert "refused" in server.emulator.requests[-1].body["messages"][-1]["content"]


def test_an_error_leaves_the_session_as_it_was(server: Server, service: Mapping[str, str]) -> None:
    """The error is told, the question is forgotten, another model can be asked at once."""
    with Terminal("chat", "--model", "mistrl", environment=service) as terminal:
        terminal.see(PROMPT)
        terminal.type("مرحبا")
        terminal.see("mistral")
        terminal.see(PROMPT)
        terminal.type("/model mistral")
        terminal.type("/nonsense")
        terminal.see("/clear begins anew")
        terminal.type("مرحبا")
        terminal.see("credits (estimated)")
        terminal.type("/clear")
        terminal.type("ثانية")
        terminal.see("credits (estimated)")
        terminal.press("d")
        assert terminal.end() == 0
    assert [len(request.body["messages"]) for request in server.emulator.requests] == [1, 1, 1]


def test_arabic_is_set_for_terminals_that_do_not(server: Server, service: Mapping[str, str]) -> None:
    """As its letters stand from left to right, joined, a line at a time; else exactly as it came."""
    text = "مرحبا بكم\nثم 123"
    server.emulator.script([text, text, text])
    with Terminal("chat", "سؤال", environment=service, XTERM_VERSION="XTerm(390)") as xterm:
        assert xterm.end() == 0
        rows = xterm.rows
        assert "\ufee2\ufedc\ufe91 \ufe8e\ufe92\ufea3\ufeae\ufee3" in rows
        assert any(row.startswith("123 ") for row in rows)
    with Terminal("chat", "سؤال", "--arabic", "logical", environment=service) as plain:
        assert plain.end() == 0
        assert "مرحبا بكم" in plain.rows
    with Terminal("chat", "سؤال", environment=service, RESAYIL_ARABIC="visual") as visual:
        assert visual.end() == 0
        assert "مرحبا بكم" not in visual.text


def test_an_empty_piece_changes_nothing() -> None:
    """A fragment without letters neither ends a line nor begins a style."""
    shown = io.StringIO()
    screen = Screen(Console(file=shown))
    for text, style in (("a", ""), ("", "dim"), ("b", "")):
        screen.write(text, style)
    screen.end()
    assert shown.getvalue() == "ab\n"


def _run(*arguments: str, service: Mapping[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "chat", *arguments],
        env={**os.environ, **service},
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_scripts_get_a_line_of_json_for_each_answer(server: Server, service: Mapping[str, str]) -> None:
    """Lines through a pipe are questions of one conversation, empty ones none."""
    server.emulator.reply("الأول", reasoning="تفكير", usage={"prompt_tokens": 3, "completion_tokens": 2})
    ran = _run("--json", "--model", "mistral", service=service, typed="سؤال\n\n \nآخر\n")
    first, second = map(json.loads, ran.stdout.splitlines())
    assert (first["text"], first["reasoning"], first["credits"], first["estimated"]) == (
        "الأول",
        "تفكير",
        "5",
        True,
    )
    assert second["text"]
    assert len(server.emulator.requests[-1].body["messages"]) == 3
    assert ran.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("سؤال", "--model", "mistrl"), 7, "mistral"),
        (("سؤال", "--tools", "none.py"), 3, "no Python file"),
        (("سؤال", "--image", "none.png"), 8, "none.png"),
        (("سؤال", "--temperature", "9"), 2, "temperature"),
    ],
)
def test_a_single_question_ends_with_its_errors_code(
    service: Mapping[str, str], arguments: tuple[str, ...], code: int, why: str
) -> None:
    """What went wrong decides the exit code; the reason stands on the error stream."""
    ran = _run(*arguments, service=service)
    assert (ran.returncode, ran.stdout) == (code, ""), ran.stderr
    assert why in ran.stderr


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("import nothing_like_this", "ModuleNotFoundError"),
        ("x = 1", "no public function"),
        ("def f(x): ...", "no type"),
    ],
)
def test_a_file_without_tools_is_told(
    tmp_path: Path, service: Mapping[str, str], content: str, why: str
) -> None:
    """A file that fails, holds nothing, or a function without types is refused before anything is sent."""
    (tmp_path / "t.py").write_text(content)
    ran = _run("سؤال", "--tools", str(tmp_path / "t.py"), service=service)
    assert ran.returncode == 3
    assert why in ran.stderr
