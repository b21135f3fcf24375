"""Tokens, models, JSON text, redaction and messages: small pure things, each with its law."""

from __future__ import annotations

from typing import Any

import pytest
from core.support import ARABIC, MODEL, WEATHER, png

from resayil import (
    ChatRequest,
    ImagePart,
    InvalidToolCall,
    JSONFormat,
    MalformedResponseError,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningPart,
    RequestError,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
    assistant,
    system,
    tool_result,
    user,
)
from resayil.accumulate import Accumulator
from resayil.codecs.openai import read_messages
from resayil.jsontext import loads
from resayil.models import SNAPSHOT, bare, decimal, find, nearest, read_models, sees
from resayil.options import build_request
from resayil.redaction import mask, printable, redact, redact_headers
from resayil.tokens import estimate_request, estimate_text

TEXTS = (
    "", "hello world", "مرحبًا بك في المتجر", "بِسْمِ اللَّهِ الرَّحْمَٰنِ الرَّحِيمِ", "12,500.750 KWD",
    "١٢٫٥٠٠", "日本語のテキスト", "👩\u200d💻🇰🇼", "def f(x):\n    return {x: [1, 2]}", ARABIC,
    " \n\t" * 50,
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "model", ["", "qwen3.5:397b", "qwen2.5:7b", "gemma3:27b", "kimi-k2:1t", "library/Kimi-K2:1t"]
)
def test_an_estimate_has_its_bounds_in_order(text: str, model: str) -> None:
    """At least, likely, at most: never crossed, never negative, growing with the text."""
    low, likely, high = estimate_text(text, model)
    assert 0 <= low <= likely <= high
    longer = estimate_text(text + "كلمة word", model)
    assert all(more > less for more, less in zip(longer, (low, likely, high), strict=True))


def test_arabic_costs_what_was_measured() -> None:
    """Per family as measured, marks extra, and more than a quarter of its letters."""
    text = "كتاب" * 100
    for model, per_token in (
        ("qwen3:8b", 3.1),
        ("gemma3:27b", 2.8),
        ("qwen2.5:7b", 2.6),
        ("kimi-k2:1t", 2.1),
    ):
        assert estimate_text(text, model).likely == pytest.approx(400 / per_token)
    assert estimate_text("كِتَابٌ", "m").likely > 1.5 * estimate_text("كتاب", "m").likely
    assert estimate_text(text, "m").likely > 400 / 4


def test_every_part_of_a_request_counts() -> None:
    """Calls, results, pictures, thoughts, tools and schemas all cost something."""
    base = estimate_request(ChatRequest(MODEL, (user("س"),)))
    parts: tuple[Message, ...] = (
        user("س", ImagePart(png())),
        user("س س"),
        tool_result("c", "نتيجة", ImagePart(png())),
        assistant(ReasoningPart("أفكر")),
        assistant(ToolCallPart("c", "get_weather", {"city": "الكويت"})),
        assistant(InvalidToolCall("c", "get_weather", "{")),
    )
    for message in parts:
        more = estimate_request(ChatRequest(MODEL, (user("س"), message)))
        assert more.tokens > base.tokens
        assert more.low <= more.tokens <= more.high
    assert estimate_request(ChatRequest(MODEL, (user("س"),), (WEATHER,))).tokens > base.tokens
    form = JSONFormat({"type": "object"})
    assert estimate_request(ChatRequest(MODEL, (user("س"),), response_format=form)).tokens > base.tokens


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("qwen3-vl:235b-instruct", True), ("qwen3-vl:235b-instruct:cloud", True), ("x-VISION-1", True),
        ("llava:7b", True), ("deepseek-v4-flash", False), ("deepseek-v4-pro-cloud", False), ("mistral", None),
        ("vlad", None), ("supervision", None),
    ],
)  # fmt: skip
def test_who_sees(model: str, *, expected: bool | None) -> None:
    """By category, then by a name's own word; otherwise nobody knows."""
    assert sees(model, SNAPSHOT) is expected


def test_ids_with_and_without_their_ending() -> None:
    """``:cloud`` and ``-cloud`` are endings; what is known of either spelling is found."""
    assert [bare(name) for name in ("a:cloud", "a-cloud", "cloud", "a:cloud:x")] == [
        "a",
        "a",
        "cloud",
        "a:cloud:x",
    ]
    assert find("mistral:cloud", SNAPSHOT) == SNAPSHOT["mistral"]
    assert find("claude-3-sonnet-cloud", SNAPSHOT) == SNAPSHOT["claude-3-sonnet-cloud"]
    assert nearest("Mistrl", SNAPSHOT)[0] == "mistral"
    assert nearest("zzzzzz", SNAPSHOT) == []


def test_numbers_of_the_wire() -> None:
    """Exactly as written; what is none is none."""
    assert [str(decimal(value)) for value in ("2.000", 0.1, 5)] == ["2.000", "0.1", "5"]
    assert {decimal(value) for value in (None, True, "x", "nan", "Infinity", [], {})} == {None}


@pytest.mark.parametrize("body", [None, {}, {"data": {}}, "x", 5])
def test_what_is_no_model_list(body: object) -> None:
    """It is told, never taken for an empty one."""
    with pytest.raises(MalformedResponseError):
        read_models(body)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": "\x01\x1b"}', {"a": "\x01\x1b"}),
        (b'{"\\ud800": ["\\udfff", 1]}', {"\ufffd": ["\ufffd", 1]}),
        ('"\\ud83d\\ude00 \\ud800"', "😀 \ufffd"),
        (b'"\\u0645"', "م"),
    ],
)
def test_small_breaches_of_json_are_read(data: bytes | str, expected: object) -> None:
    """Raw control characters and lone surrogates arrive as text that can be encoded."""
    assert loads(data) == expected
    str(loads(data)).encode()


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b"[" * 200_000, b'{"a":' * 200_000, "x", b"{} {}", b"'a'"]
)
def test_h25_what_is_no_json(data: bytes | str) -> None:
    """Broken, not UTF-8, or nested without end: one typed error."""
    with pytest.raises(MalformedResponseError):
        loads(data)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("مرحبًا\u200c بك\u200d", "مرحبًا\u200c بك\u200d"),
        ("a\x1b[31mb\x1b[0m\x1b]0;title\x07c\x1bM", "abc"),
        ("a\r\nb\tc\x00\x7f\x9b", "a  b c   "),
        ("\u202eabc\u2066", "<U+202E>abc<U+2066>"),
        ("a\u2028b\u2029", "a b "),
        ("\ud800", "?"),
    ],
)
def test_what_strangers_wrote_is_shown_safely(text: str, shown: str) -> None:
    """Terminal codes go, controls become spaces, bidi overrides become visible, Arabic stays."""
    assert printable(text) == shown


def test_a_limit_is_in_bytes_and_cuts_no_character() -> None:
    """Two bytes a letter: half as many fit, and the cut is shown."""
    shown = printable("م" * 100, limit=50)
    assert len(shown.encode()) <= 50
    assert shown == "م" * 23 + "…"
    assert printable("م" * 25, limit=50) == "م" * 25


def test_masking() -> None:
    """A key shows its first three and last four characters; a short one and private headers show nothing."""
    assert (mask("sk-0123456789"), mask("sk-0")) == ("sk-…6789", "…")
    assert redact("x sk-0123456789 y", "sk-0123456789") == "x sk-…6789 y"
    assert redact("x", "") == "x"
    headers = {"Authorization": "Bearer k", "Set-Cookie": "a", "X-Other": "sk-0123456789"}
    assert redact_headers(headers, "sk-0123456789") == {
        "authorization": "…",
        "set-cookie": "…",
        "x-other": "sk-…6789",
    }


def test_messages_are_checked_when_made() -> None:
    """A role that is none, or a part that its role cannot hold, raises at once."""
    for role, part in (("boss", TextPart("x")), ("system", ImagePart(png())), ("tool", TextPart("x"))):
        with pytest.raises(RequestError):
            Message(role, (part,))  # type: ignore[arg-type] # refused, as the test shows


def test_what_a_message_tells() -> None:
    """Texts, thoughts and calls by kind, and whether there is a picture."""
    parts = (
        ReasoningPart("أ"),
        TextPart("ب"),
        TextPart("ج"),
        ToolCallPart("c", "t"),
        InvalidToolCall("d", "t", "{"),
    )
    message = Message("assistant", parts)
    assert (message.reasoning, message.text) == ("أ", "بج")
    assert (len(message.tool_calls), len(message.invalid_tool_calls)) == (1, 1)
    assert not message.has_image
    assert tool_result("c", "x", ImagePart(png())).has_image
    assert ToolResultPart("c", (TextPart("x"), ImagePart(png()), TextPart("y"))).text == "xy"
    assert user("", "x") == Message("user", (TextPart("x"),))
    assert Usage(3, 4).total_tokens == 7


DICTS: dict[str, tuple[dict[str, Any], Message]] = {
    "developer": ({"role": "developer", "content": "x"}, system("x")),
    "null content": ({"role": "assistant", "content": None}, Message("assistant")),
    "strings in a list": (
        {"role": "user", "content": ["a", {"type": "input_text", "text": "b"}]},
        user("a", "b"),
    ),
    "plain image": (
        {
            "role": "user",
            "content": [{"type": "input_image", "image_url": "https://a.example/b", "detail": "low"}],
        },
        user(ImagePart(url="https://a.example/b", detail="low")),
    ),
    "old call": (
        {"role": "assistant", "content": "", "function_call": {"name": "t", "arguments": "{}"}},
        assistant(ToolCallPart("t", "t", {})),
    ),
    "arguments as an object": (
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": {"a": "ب"}}}],
        },
        assistant(ToolCallPart("c", "t", {"a": "ب"})),
    ),
    "old result": ({"role": "function", "name": "t", "content": "x"}, tool_result("t", "x")),
    "empty error": (
        {"role": "tool", "tool_call_id": "c", "content": "[tool error] "},
        tool_result("c", is_error=True),
    ),
    "empty fields": ({"role": "assistant", "content": "x", "refusal": None, "audio": None}, assistant("x")),
    "reasoning": (
        {"role": "assistant", "reasoning": "أ", "content": "ب"},
        assistant(ReasoningPart("أ"), "ب"),
    ),
}


@pytest.mark.parametrize("name", DICTS)
def test_messages_as_dicts(name: str) -> None:
    """Every common spelling of a message is read as the same value."""
    source, expected = DICTS[name]
    assert read_messages([source]) == (expected,)


BAD_DICTS: dict[str, Any] = {
    "no role": {"content": "x"},
    "odd role": {"role": "boss", "content": "x"},
    "not an object": 5,
    "audio": {"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]},
    "refusal": {"role": "assistant", "content": "x", "refusal": "no"},
    "content of no kind": {"role": "user", "content": 5},
    "call without a name": {"role": "assistant", "tool_calls": [{"id": "c", "function": {}}]},
    "result without an id": {"role": "tool", "content": "x"},
    "image without a URL": {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
}


@pytest.mark.parametrize("name", BAD_DICTS)
def test_messages_that_would_be_lost_are_refused(name: str) -> None:
    """What cannot be passed on is an error, never a gap in the conversation."""
    with pytest.raises(RequestError):
        read_messages([BAD_DICTS[name]])


def test_a_conversation_in_every_form() -> None:
    """A text, a message, or a sequence of messages and dicts."""
    one = build_request("m", "س", {}).messages
    assert one == build_request("m", user("س"), {}).messages == build_request("m", [user("س")], {}).messages
    assert build_request("m", [{"role": "user", "content": "س"}, assistant("ج")], {}).messages == (
        *one,
        assistant("ج"),
    )


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 2048, 5000])
def test_a_part_of_many_fragments_is_whole(count: int) -> None:
    """However many fragments a text has, it is their join, while it comes and at its end."""
    accumulator = Accumulator()
    pieces = [f"{n} قطعة " for n in range(count)]
    accumulator.add([MessageStart("a", "m"), *(TextDelta(0, piece) for piece in pieces)])
    assert accumulator.text == "".join(pieces)
    accumulator.add([TextDelta(0, "."), MessageEnd("stop")])
    assert accumulator.message().text == "".join(pieces) + "."
