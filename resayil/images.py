"""Pictures as content parts: from bytes, a path, a data URL or an https URL.

The media type comes from the first bytes, never from a name. No image is decoded and no URL is ever
opened: what an ``https://`` URL holds is the service's business.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import socket
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from resayil.errors import ImageError

MAX_IMAGE_BYTES = 20 * 1024 * 1024
"""Default size cap of one image, in bytes."""

Detail = Literal["auto", "low", "high"]

_KIB = 1000
_HEAD = 16
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")


@dataclass(frozen=True, slots=True, repr=False)
class ImagePart:
    """A picture: either its bytes, or an ``https://`` URL that goes through unchanged.

    Attributes:
        data: The file's bytes, or ``None`` where ``url`` is given.
        url: An https URL; the documents name base64 only, so a service may refuse it.
        detail: OpenAI's resolution hint, sent only if set.

    Raises:
        ImageError: not a PNG, JPEG, GIF or WebP file, or an address that is refused.
    """

    data: bytes | None = None
    url: str | None = None
    detail: Detail | None = None
    type: Literal["image"] = field(default="image", init=False)

    def __post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            raise ImageError("An image part holds either data or a url, exactly one of the two.")
        if self.data is not None:
            sniff(self.data)
        if self.url is not None:
            _check_url(self.url)

    def __repr__(self) -> str:
        return f"<image {self.size}>"

    @property
    def size(self) -> str:
        """The size for people: ``123 kB``, or ``at a URL``."""
        return "at a URL" if self.data is None else f"{max(1, round(len(self.data) / _KIB))} kB"

    @property
    def media_type(self) -> str:
        """The type by the first bytes; empty for an image at a URL."""
        return "" if self.data is None else sniff(self.data)

    @property
    def base64(self) -> str:
        """The bytes in base64; empty for an image at a URL."""
        return "" if self.data is None else base64.b64encode(self.data).decode("ascii")

    @property
    def data_url(self) -> str:
        """What goes into ``image_url.url``: a data URL, or the https URL as it was given."""
        return self.url or f"data:{self.media_type};base64,{self.base64}"


def sniff(data: bytes) -> str:
    """The media type by magic bytes.

    Raises:
        ImageError: none of PNG, JPEG, GIF, WebP.
    """
    head = bytes(data[:_HEAD])
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    raise ImageError(f"These {len(data)} bytes are no PNG, JPEG, GIF or WebP image; convert the file first.")


def image_from_bytes(
    data: bytes, *, detail: Detail | None = None, max_bytes: int = MAX_IMAGE_BYTES
) -> ImagePart:
    """An image part from a file's bytes.

    Raises:
        ImageError: too large, or not an image of a known type.
    """
    _check_size(len(data), max_bytes)
    return ImagePart(bytes(data), detail=detail)


def image_from_path(
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    detail: Detail | None = None,
    max_bytes: int = MAX_IMAGE_BYTES,
) -> ImagePart:
    """An image part from a file.

    Args:
        path: A regular file; devices, pipes and directories are refused before anything is read.
        root: The folder that a symbolic link may not lead out of; the file's own folder by default.
        detail: OpenAI's resolution hint.
        max_bytes: Size cap in bytes, checked before reading.

    Raises:
        ImageError: not a regular file, outside ``root``, too large, or not an image of a known type.
    """
    named = Path(path)
    base = Path(root) if root is not None else named.parent
    try:
        real = named.resolve(strict=True)
        if not real.is_relative_to(base.resolve(strict=True)):
            raise ImageError(
                f"{named.name!r} leads out of {str(base)!r}; pass root= to allow another folder."
            )
        # Non-blocking, so that a pipe without a writer is refused rather than waited for.
        descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(f"The image {named.name!r} cannot be opened: {error}.") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)  # open() takes no directory, not even to close it
        raise ImageError(f"{named.name!r} is not a regular file.")
    with open(descriptor, "rb") as file:  # noqa: PTH123 - an open descriptor, checked before it is read
        _check_size(status.st_size, max_bytes)
        try:
            data = file.read(max_bytes + 1)
        except OSError as error:  # what the system shows as a file need not be readable
            raise ImageError(f"The image {named.name!r} cannot be read: {error}.") from error
    return image_from_bytes(data, detail=detail, max_bytes=max_bytes)


def image_from_url(url: str, *, detail: Detail | None = None, max_bytes: int = MAX_IMAGE_BYTES) -> ImagePart:
    """An image part from a ``data:`` or ``https:`` URL; the second is passed through, never opened.

    Raises:
        ImageError: another scheme, a private or local host, broken base64, or a type that its bytes deny.
    """
    if url[:5].lower() != "data:":
        return ImagePart(url=url, detail=detail)
    header, comma, payload = url[5:].partition(",")
    media_type, *flags = (piece.strip().lower() for piece in header.split(";"))
    if not comma or "base64" not in flags:
        raise ImageError("A data URL of an image is 'data:image/…;base64,…'; this one is not base64.")
    _check_size(len(payload) * 3 // 4, max_bytes + 3)
    try:
        data = base64.b64decode("".join(payload.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ImageError(f"The image's data URL holds broken base64: {error}.") from error
    part = image_from_bytes(data, detail=detail, max_bytes=max_bytes)
    if media_type.replace("jpg", "jpeg") != part.media_type:
        raise ImageError(f"The data URL says {media_type or 'no type'!r}, its bytes are {part.media_type}.")
    return part


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise ImageError(
            f"The image has {size} bytes, {max_bytes} are allowed; scale it down or raise max_bytes."
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError as error:
        raise ImageError(f"The image's URL cannot be read: {error}.") from error
    if parts.scheme.lower() != "https" or not host:
        raise ImageError(
            f"An image is given as bytes, a data: URL or an https:// URL, not as {url[:40]!r}; "
            "read a file with image_from_path()."
        )
    if parts.username or parts.password:
        raise ImageError("An image URL may not carry a user name or password.")
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):  # noqa: PLR2004 - ASCII's control range
        raise ImageError("An image URL may not hold white space or control characters.")
    if host.split(".")[-1] in _LOCAL_NAMES or host.endswith(_LOCAL_NAMES[-1]) or not _is_public(host):
        raise ImageError(f"The image's host {host!r} is private or local; send the image's bytes instead.")


def _is_public(host: str) -> bool:
    """False for literal addresses outside the public internet, in any spelling; names are not looked up."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:
            address = ipaddress.ip_address(socket.inet_aton(host))  # 2130706433, 0x7f.1, 0177.0.0.1
        except OSError:
            return "." in host
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if address in _NAT64:
        mapped = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return (mapped or address).is_global and not address.is_multicast
