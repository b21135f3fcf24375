"""What can truly be read of an image: its format, its size and the text its file carries.

Nothing is decoded and nothing is fetched.  PNG text chunks (tEXt, zTXt, iTXt), JPEG comments and the EXIF
ImageDescription are text that a file carries; pixels are not looked at.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Callable, Iterator

from resayil.emulator.values import Picture

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LONGEST_TEXT = 65_536
EXIF_DESCRIPTION = 0x010E
EXIF_HEADER = b"Exif\x00\x00"
TIFF_IN_ROW = 4
JPEG_MARKER = 0xFF
JPEG_APP1, JPEG_COMMENT, JPEG_SCAN = 0xE1, 0xFE, 0xDA
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_BARE = frozenset(range(0xD0, 0xD8)) | {0x01}
DATA_URL_SCHEME = "data:"


class UnreadableImageError(ValueError):
    """These bytes are no image of a known format."""


def read(data: bytes) -> Picture:
    """What the file says of itself.

    Raises:
        UnreadableImageError: The bytes are no PNG, JPEG, GIF, WebP or BMP, or their header is cut short.
    """
    for magic, reader in READERS.items():
        if data.startswith(magic):
            try:
                return reader(data)
            except (struct.error, IndexError, zlib.error) as error:
                message = "the image's header is cut short or damaged"
                raise UnreadableImageError(message) from error
    message = "the bytes are no PNG, JPEG, GIF, WebP or BMP image"
    raise UnreadableImageError(message)


def read_data_url(url: str) -> Picture:
    """The image inside a `data:` URL.

    Raises:
        UnreadableImageError: The URL is not base64, or what it holds is no image.
    """
    head, comma, payload = url.partition(",")
    if not comma or not head.removeprefix(DATA_URL_SCHEME).endswith(";base64"):
        message = "the data URL must have the form data:image/<type>;base64,<data>"
        raise UnreadableImageError(message)
    try:
        return read(base64.b64decode(payload, validate=True))
    except binascii.Error as error:
        message = "the data URL does not hold valid base64"
        raise UnreadableImageError(message) from error


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, LONGEST_TEXT)


def _latin_chunk(body: bytes) -> str:
    return _text(body.partition(b"\x00")[2])


def _packed_chunk(body: bytes) -> str:
    return _text(_inflated(body.partition(b"\x00")[2][1:]))


def _international_chunk(body: bytes) -> str:
    _keyword, _, rest = body.partition(b"\x00")
    packed = rest[0]
    text = rest[2:].split(b"\x00", 2)[2]
    return _text(_inflated(text) if packed else text)


PNG_TEXTS: dict[bytes, Callable[[bytes], str]] = {
    b"tEXt": _latin_chunk,
    b"zTXt": _packed_chunk,
    b"iTXt": _international_chunk,
}


def _png(data: bytes) -> Picture:
    width, height = struct.unpack(">II", data[16:24])
    texts, at = [], len(PNG_MAGIC)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind in PNG_TEXTS:
            texts.append(PNG_TEXTS[kind](data[at + 8 : at + 8 + length]))
        at += length + 12
    return Picture("PNG", width, height, _joined(texts))


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 2
    while at + 4 <= len(data) and data[at] == JPEG_MARKER:
        marker = data[at + 1]
        if marker in JPEG_BARE:
            at += 2
            continue
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        yield marker, data[at + 4 : at + 2 + length]
        if marker == JPEG_SCAN:
            return
        at += 2 + length


def _jpeg(data: bytes) -> Picture:
    width = height = 0
    texts: list[str] = []
    for marker, body in _segments(data):
        if marker in JPEG_FRAMES:
            height, width = struct.unpack(">HH", body[1:5])
        elif marker == JPEG_COMMENT:
            texts.append(_text(body))
        elif marker == JPEG_APP1 and body.startswith(EXIF_HEADER):
            texts.append(_exif_description(body[len(EXIF_HEADER) :]))
    if not width:
        message = "the image's header is cut short or damaged"
        raise UnreadableImageError(message)
    return Picture("JPEG", width, height, _joined(texts))


def _exif_description(tiff: bytes) -> str:
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = struct.unpack(f"{order}I", tiff[4:8])
    (rows,) = struct.unpack(f"{order}H", tiff[start : start + 2])
    for row in range(rows):
        at = start + 2 + row * 12
        tag, _kind, size, value = struct.unpack(f"{order}HHII", tiff[at : at + 12])
        if tag == EXIF_DESCRIPTION:
            short = size <= TIFF_IN_ROW
            return _text(tiff[at + 8 : at + 8 + size] if short else tiff[value : value + size])
    return ""


def _gif(data: bytes) -> Picture:
    return Picture("GIF", *struct.unpack("<HH", data[6:10]))


def _bmp(data: bytes) -> Picture:
    width, height = struct.unpack("<ii", data[18:26])
    return Picture("BMP", width, abs(height))


def _webp(data: bytes) -> Picture:
    kind = data[12:16]
    if kind == b"VP8X":
        return Picture(
            "WebP", 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
        )
    if kind == b"VP8L":
        (bits,) = struct.unpack("<I", data[21:25])
        return Picture("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    width, height = struct.unpack("<HH", data[26:30])
    return Picture("WebP", width & 0x3FFF, height & 0x3FFF)


def _joined(texts: list[str]) -> str:
    cleaned = (text.strip("\x00 \r\n") for text in texts)
    return "\n".join(text for text in cleaned if text)[:LONGEST_TEXT]


READERS: dict[bytes, Callable[[bytes], Picture]] = {
    PNG_MAGIC: _png,
    b"\xff\xd8\xff": _jpeg,
    b"GIF87a": _gif,
    b"GIF89a": _gif,
    b"RIFF": _webp,
    b"BM": _bmp,
}
