"""Where fuzzing begins: the golden files, taken apart, and what earlier runs have found beside them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.support import WIRE, data_url, png
from fuzz.targets import TARGETS
from laws.test_any_shape import FIELDS, WORDS

FOUND = Path(__file__).parent / "corpus"
"""One file for each target, one case in base64 in each line, found by fuzzing beside the golden files."""

CUT = b"\x07"
"""The first byte of a case that is also read in pieces: their length."""

PROTOCOL = (
    '{"tool_calls":[{"name":"get_weather","arguments":{"city":"الكويت"}}]}',
    '```json\n{"tool_calls":[{"name":"a","arguments":{}}]}\n```',
    'نص قبله\n\n```tool_calls\n{"tool_calls":[{"name":"a","arguments":{"b":1}}]}\n```',
    '```tool_calls\n{"tool_calls":[]}\n```',
    '```tool_calls\n{"tool_calls":[{"name":7}]}',
    "نص بلا أداة",
)
PICTURES = (
    png(),
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    data_url(png()).encode(),
    b"https://example.com/a.png",
    b"https://[::ffff:127.0.0.1]/a",
    b"https://0x7f.1/",
    b"data:image/png;base64,AAAA",
    b"file:///etc/passwd",
)


def seeds(target: str) -> Iterator[bytes]:
    """The cases that a target begins with."""
    match target:
        case "sse":
            yield from (CUT + path.read_bytes() for path in sorted(WIRE.glob("*/*.sse")))
        case "chat_stream" | "messages_stream":
            folder = target.removesuffix("_stream")
            yield from (CUT + path.read_bytes() for path in sorted((WIRE / folder).glob("*.sse")))
        case "chat_reply" | "messages_reply":
            yield from map(_json, _golden(target.removesuffix("_reply"), "response"))
        case "error":
            yield from (CUT + _json(body) for body in _golden("errors", "body"))
        case "json_text":
            yield from map(_json, _golden("*", "response"))
            yield from (b'{"a":"\\ud83d"}', b'"\x01"', b"NaN", b"1e999", b"[" * 300, b'{"a":1,"a":2}')
        case "arguments":
            yield from (raw.encode() for raw in _arguments())
        case "tool_protocol":
            yield from (CUT + text.encode() for text in PROTOCOL)
        case "image":
            yield from PICTURES


def everything() -> Iterator[bytes]:
    """The cases of all targets, each behind the byte that names its target."""
    for number, target in enumerate(TARGETS):
        yield from (bytes([number]) + case for case in (*seeds(target), *found(target)))


def found(target: str) -> list[bytes]:
    """The cases that fuzzing has added."""
    path = FOUND / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text("ascii").split()] if path.exists() else []


def keep(target: str, cases: list[bytes]) -> None:
    """Write down the cases that fuzzing has added, shortest first."""
    FOUND.mkdir(exist_ok=True)
    ordered = sorted(set(cases), key=lambda case: (len(case), case))
    text = "".join(base64.b64encode(case).decode() + "\n" for case in ordered)
    (FOUND / f"{target}.txt").write_text(text, "ascii")


def dictionary() -> str:
    """Words of both dialects, in libFuzzer's form."""
    marks = (
        "data: ",
        "event: ",
        "[DONE]",
        "\\x0d\\x0a",
        "```tool_calls",
        "https://",
        "data:image/png;base64,",
    )
    words = (f'\\"{word}\\"' for word in sorted({*FIELDS, *filter(_plain, WORDS)}))
    return "".join(f'"{word}"\n' for word in (*marks, *words))


def _plain(word: str) -> bool:
    return word.isascii() and word.replace("_", "").isalnum()


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _golden(folder: str, field: str) -> Iterator[Any]:
    """A field of every golden file of a folder."""
    for path in sorted(WIRE.glob(f"{folder}/*.json")):
        told = json.loads(path.read_text("utf-8"))
        if ".expected." not in path.name and isinstance(told, Mapping) and field in told:
            yield told[field]


def _arguments() -> Iterator[str]:
    """The arguments of every call in the golden files."""
    for path in sorted(WIRE.glob("*/*.expected.json")):
        told = json.loads(path.read_text("utf-8"))
        for call in told.get("invalid_tool_calls") or () if isinstance(told, Mapping) else ():
            yield call["raw"]
        for call in told.get("tool_calls") or () if isinstance(told, Mapping) else ():
            yield json.dumps(call["arguments"], ensure_ascii=False)
    yield from (
        '{"a":1e999}',
        '{"a":NaN}',
        '{"a":"\\ud800"}',
        "[" * 250,
        '{"a":' * 250,
        '{"a":1,"a":2}',
        "9" * 5000,
    )
