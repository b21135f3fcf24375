from __future__ import annotations

import struct
import tracemalloc
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.emulator.conftest import Client

EYES = "qwen3-vl:235b-instruct"
AsUrl = Callable[..., str]


def segment(marker: int, body: bytes) -> bytes:
    """One part of a JPEG's header."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def exif(tag: int, text: bytes) -> bytes:
    """Two rows of EXIF: the camera's orientation, then a text under a tag."""
    head = struct.pack(">IHHHIHH", 8, 2, 0x0112, 3, 1, 1, 0)
    return segment(
        0xE1, b"Exif\x00\x00MM\x00*" + head + struct.pack(">HHIII", tag, 2, len(text), 38, 0) + text
    )


def jpeg(width: int, height: int, *parts: bytes) -> bytes:
    """A JPEG's header: such parts, then its frame."""
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 3) + b"\x00" * 9)
    return b"\xff\xd8" + b"".join(parts) + frame + b"\xff\xd9"


def webp(kind: bytes, *body: bytes) -> bytes:
    """A WebP's header."""
    return b"RIFF\x00\x00\x00\x00WEBP" + kind + b"".join(body)


def ask(client: Client, url: str, words: str = "What is this?", **fields: Any) -> Any:
    """Ask about one image."""
    parts = [{"type": "text", "text": words}, {"type": "image_url", "image_url": {"url": url}}]
    return client.chat(parts, **{"model": EYES, **fields})


def said(client: Client, url: str, words: str = "What is this?", **fields: Any) -> str:
    """What is answered about one image."""
    text: str = ask(client, url, words, **fields).json()["choices"][0]["message"]["content"]
    return text


FILES: dict[str, tuple[bytes, str, str]] = {
    "JPEG comment": (jpeg(30, 20, segment(0xFE, "خصم".encode())), "JPEG of 30×20", "خصم"),
    "JPEG comment in Latin-1": (jpeg(30, 20, segment(0xFE, b"caf\xe9")), "JPEG of 30×20", "café"),
    "JPEG description": (jpeg(30, 20, exif(0x010E, "خصم\0".encode())), "JPEG of 30×20", "خصم"),
    "JPEG of other parts": (
        jpeg(30, 20, b"\xff\x01", segment(0xE0, b"JFIF\0"), exif(0x0131, b"camera")),
        "JPEG of 30×20",
        "",
    ),
    "JPEG with pixels like a comment": (
        jpeg(30, 20)[:-2] + segment(0xDA, b"") + segment(0xFE, b"pixels"),
        "JPEG of 30×20",
        "",
    ),
    "GIF": (b"GIF89a" + struct.pack("<HH", 7, 5) + b"\x00" * 8, "GIF of 7×5", ""),
    "BMP": (b"BM" + b"\x00" * 16 + struct.pack("<ii", 9, -3), "BMP of 9×3", ""),
    "WebP": (webp(b"VP8X", bytes(8), b"\x09\x00\x00\x04\x00\x00"), "WebP of 10×5", ""),
    "lossless WebP": (webp(b"VP8L", bytes(5), struct.pack("<I", 9 | 4 << 14)), "WebP of 10×5", ""),
    "lossy WebP": (webp(b"VP8 ", bytes(10), struct.pack("<HH", 10, 5)), "WebP of 10×5", ""),
}


@pytest.mark.parametrize("name", FILES)
def test_format_and_size_are_read(client: Client, name: str, as_url: AsUrl) -> None:
    """Each format's true size is told, and the text that its file carries."""
    data, told, text = FILES[name]
    content = said(client, as_url(data, "image/any"))
    assert told in content
    assert text in content
    assert ("carries no text" in content) == (not text)


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt"])
def test_png_text_is_read_from_every_kind_of_chunk(
    client: Client, kind: bytes, png: Callable[..., bytes], as_url: AsUrl
) -> None:
    """Plain, packed and international text chunks are all quoted, Arabic intact."""
    assert "أهلًا بكم" in said(client, as_url(png("أهلًا بكم", kind=kind)))


def test_image_without_text_is_not_described(
    client: Client, png: Callable[..., bytes], as_url: AsUrl
) -> None:
    """Of pixels nothing is claimed: size and format, and that it does not look, in the user's language."""
    assert "does not look at the pixels" in said(client, as_url(png(size=(640, 480))))
    assert "640×480" in said(client, as_url(png(size=(640, 480))), "ما هذه الصورة؟")


def test_receipt_total_is_quoted_as_written(client: Client, png: Callable[..., bytes], as_url: AsUrl) -> None:
    """The total line wins over the subtotal; digits and currency stay as the file writes them."""
    arabic = "مخبز\nخبز ٠٫٥٠٠ د.ك\nالمجموع الفرعي ١٢٫٠٠٠ د.ك\nالمجموع ١٢٫٥٠٠ د.ك"
    assert "١٢٫٥٠٠ د.ك" in said(client, as_url(png(arabic)), "كم المجموع؟")
    before_tax = f"{arabic}\nالمجموع قبل الضريبة ١١٫٩٠٠ د.ك"
    assert "١٢٫٥٠٠ د.ك" in said(client, as_url(png(before_tax)), "كم المجموع؟")
    bare = "Bakery\nBread 0.500 KWD\nTotal 12.500"
    assert "is 12.500 KWD." in said(client, as_url(png(bare)))
    english = "Bakery\nBread 0.500\nSubtotal 12.000\nTotal KWD 12.500"
    answer = said(client, as_url(png(english)), "What is the total?")
    assert "is KWD 12.500." in answer
    assert answer.count("?") == 1


BAD: dict[str, str] = {
    "garbage": "data:image/png;base64,aGVsbG8gd29ybGQ=",
    "bad base64": "data:image/png;base64,@@@",
    "not base64": "data:image/png,hello",
    "cut short": "data:image/png;base64,iVBORw0KGgo=",
    "a scan before its frame": "data:image/jpeg;base64," + b64encode(b"\xff\xd8\xff\xda\0\2").decode(),
    "plain http": "http://example.com/x.png",
    "a path": "/etc/passwd",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused(client: Client, name: str) -> None:
    """What is no image, or no address that may be sent, is 400 and the part is named."""
    response = ask(client, BAD[name])
    assert response.status_code == 400
    assert "messages.0.content.1.image_url.url" in response.json()["error"]["message"]


def test_https_image_is_not_fetched(client: Client) -> None:
    """An https address is accepted, and the answer says that it was not opened."""
    assert "did not fetch" in said(client, "https://example.com/cat.png")


def test_packed_text_cannot_blow_up(client: Client, as_url: AsUrl) -> None:
    """A text chunk that unpacks to many megabytes is read to a bounded length."""
    packed = zlib.compress(b"a" * 50_000_000)
    body = b"zTXt" + b"Comment\x00\x00" + packed
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 2, 2, 8, 2, 0, 0, 0) + b"\x00" * 4
    data = head + struct.pack(">I", len(body) - 4) + body + b"\x00" * 4
    tracemalloc.start()
    try:
        assert len(said(client, as_url(data))) < 70_000
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_model_without_eyes_says_so(client: Client, receipt_url: str) -> None:
    """A chat model does not pretend to see; an image in earlier turns does not disturb it."""
    assert "qwen3-vl" in said(client, receipt_url, model="mistral")
    turns = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": receipt_url}}]},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "Thanks"},
    ]
    assert "Thanks" in client.said(messages=turns)["content"]


def test_images_of_tools_are_reported(client: Client, receipt_url: str) -> None:
    """An image in a tool message, or in a user turn after it, is read like any other."""
    call = {"id": "c1", "type": "function", "function": {"name": "scan", "arguments": "{}"}}
    image = [{"type": "image_url", "image_url": {"url": receipt_url}}]
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "Scan it"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    inside = [*turns, {"role": "tool", "tool_call_id": "c1", "content": image}]
    beside = [
        *turns,
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "user", "content": image},
    ]
    for messages in (inside, beside):
        assert "12.500 د.ك" in client.said(messages=messages, model=EYES)["content"]
