from __future__ import annotations

import base64
import logging
import os
import resource
import socket
import struct
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faults.outcome import KEY
from faults.replies import Wire
from faults.server import served

from resayil import Client, ImageError, RequestError, ResayilError, ResayilWarning, user
from resayil.images import image_from_bytes, image_from_path, image_from_url

VISION = "qwen3-vl:235b-instruct"
CHAT = Wire("chat", "chat")


def png(width: int = 1, height: int = 1) -> bytes:
    """A PNG whose header claims this size."""

    def block(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + block(b"IHDR", size)
        + block(b"IDAT", zlib.compress(b"\0\0"))
        + block(b"IEND", b"")
    )


def data_url(data: bytes, kind: str = "image/png") -> str:
    """A data URL."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes every file that is opened and every name that is looked up."""
    noted: list[str] = []

    def noting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def note(*given: Any, **more: Any) -> Any:
            noted.append(f"{name} {given[:1]}")
            return real(*given, **more)

        return note

    monkeypatch.setattr(os, "open", noting("open", os.open))
    monkeypatch.setattr("builtins.open", noting("open", open))
    monkeypatch.setattr(socket, "getaddrinfo", noting("look up", socket.getaddrinfo))
    return noted


def ask(client: Client, url: str) -> None:
    """Ask about an image, given as OpenAI's dicts give it."""
    part = {"type": "image_url", "image_url": {"url": url}}
    client.chat(VISION, [{"role": "user", "content": [{"type": "text", "text": "ما هذا؟"}, part]}])


REFUSED_ADDRESSES = [
    "file:///etc/passwd",
    "/etc/passwd",
    "etc/passwd",
    "C:\\secret.png",
    "http://example.com/a.png",
    "https://127.0.0.1/a.png",
    "https://localhost/a.png",
    "https://localhost./a.png",
    "https://10.0.0.1/a.png",
    "https://192.168.1.1/a.png",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/a.png",
    "https://[fe80::1]/a.png",
    "https://[::ffff:169.254.169.254]/a.png",
    "https://[64:ff9b::a9fe:a9fe]/a.png",
    "https://[2002:a9fe:a9fe::1]/a.png",
    "https://2130706433/a.png",
    "https://0x7f.1/a.png",
    "https://0177.0.0.1/a.png",
    "https://100.64.0.1/a.png",
    "https://metadata.google.internal/a.png",
    "https://user:pass@example.com/a.png",
    "https://exa mple.com/a.png",
    "https://example.com/a.png\r\nx: 1",
    "ftp://example.com/a.png",
    "javascript:alert(1)",
    "",
]


@pytest.mark.parametrize("url", REFUSED_ADDRESSES)
def test_v01_an_address_that_is_refused_is_typed_before_sending(url: str, sealed: list[str]) -> None:
    """No request, no look-up, no file opened."""
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        sealed.clear()
        with pytest.raises(ImageError):
            ask(client, url)
        assert not sealed
        assert not server.log.links


def test_v01_an_https_address_passes_through_with_one_warning(sealed: list[str]) -> None:
    """Unchanged, never opened, and warned of once."""
    url = "https://cdn.example.com/صورة.png?size=%D8%A3"
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ask(client, url)
            ask(client, url)
        assert [warning.category for warning in caught] == [ResayilWarning]
        assert all(url.encode() in seen.body for seen in server.log.requests)
        assert not [note for note in sealed if "cdn.example.com" in note]


def quickly(refused: Callable[[], object]) -> None:
    """It is refused in less than a tenth of a second."""
    began = time.monotonic()
    with pytest.raises(ImageError):
        refused()
    assert time.monotonic() - began < 0.1


def test_v02_a_pipe_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """A FIFO without a writer is not waited for."""
    os.mkfifo(tmp_path / "pipe.png")
    quickly(lambda: image_from_path(tmp_path / "pipe.png"))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "/proc/self/environ", "/proc/self/mem"])
def test_v02_a_device_is_refused_before_it_is_read(path: str) -> None:
    """Devices and the files of /proc are no images."""
    quickly(lambda: image_from_path(path))


def test_v02_a_folder_is_refused(tmp_path: Path) -> None:
    """And so is a file that is not there."""
    quickly(lambda: image_from_path(tmp_path))
    quickly(lambda: image_from_path(tmp_path / "none.png"))
    quickly(lambda: image_from_path(tmp_path / "nul\0.png"))


def test_v02_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    """A link inside the root is followed, one that leads out is not, in its folders neither."""
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.png").write_bytes(png())
    (inside / "b.png").write_bytes(png())
    (inside / "out.png").symlink_to(outside / "a.png")
    (inside / "folder").symlink_to(outside)
    (inside / "in.png").symlink_to(inside / "b.png")
    (inside / "round.png").symlink_to(inside / "round.png")
    assert image_from_path(inside / "in.png").data == png()
    quickly(lambda: image_from_path(inside / "out.png"))
    quickly(lambda: image_from_path(inside / "folder" / "a.png", root=inside))
    quickly(lambda: image_from_path(inside / ".." / "out" / "a.png", root=inside))
    quickly(lambda: image_from_path(inside / "round.png"))


def test_v02_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """By its size: 100 MB take no memory."""
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.write(png())
        file.truncate(100_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    quickly(lambda: image_from_path(large))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_v02_a_file_of_another_type_is_refused(tmp_path: Path) -> None:
    """By its first bytes, whatever it is called."""
    (tmp_path / "a.png").write_text("root:x:0:0", "utf-8")
    quickly(lambda: image_from_path(tmp_path / "a.png"))


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,!!!!",
        "data:image/png;base64,iVBORw0KGgo=A",
        "data:image/png;base64",
        "data:image/png,abc",
        "data:",
        "data:;base64," + base64.b64encode(png()).decode(),
        data_url(png(), "image/jpeg"),
        data_url(png(), "text/html"),
        data_url(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        data_url(b"<html></html>", "text/html"),
        data_url(b"<html></html>"),
        data_url(b""),
        data_url(png() + b"0" * 21_000_000),
    ],
    ids=[
        "letters", "padding", "no comma", "not base64", "empty", "no type", "jpeg", "html type", "svg",
        "html", "html as png", "no bytes", "too large",
    ],
)  # fmt: skip
def test_v03_a_data_address_that_is_no_image_is_typed_before_sending(url: str) -> None:
    """Broken base64, a missing, wrong or refused type, bytes of another type, too many bytes."""
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        with pytest.raises(ImageError):
            ask(client, url)
        assert not server.log.links


def test_v04_a_picture_of_a_huge_size_is_not_decoded() -> None:
    """A header that claims 50 000 by 50 000 pixels costs nothing."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        client.chat(VISION, [user("ما هذا؟", image_from_bytes(png(50_000, 50_000)))])
        assert len(server.log.requests) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_v05_base64_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """In logs, reprs and errors an image is its size."""
    caplog.set_level(logging.DEBUG)
    part = image_from_bytes(png() + b"\0" * 122_900)
    body = part.base64
    assert repr(part) == "<image 123 kB>"
    refusal = CHAT.error(400, "invalid_request_error", f"no such image {body}")
    with served(refusal) as server, Client(api_key=KEY, base_url=server.url()) as client:
        message = user("?", part)
        with pytest.raises(ResayilError) as caught:
            client.chat(VISION, [message])
    told = f"{caught.value} {caught.value!r} {message!r} {caplog.text}"
    assert body[:200] not in told[:100_000]
    with pytest.raises(RequestError) as refused, Client(api_key=KEY, base_url="http://127.0.0.1:9") as client:
        client.chat(VISION, [user("?", part)], api="messages")
    assert body[:40] not in f"{refused.value} {refused.value!r}"
    with pytest.raises(ImageError) as wrong:
        image_from_url(data_url(b"GIF89a" + b"\0" * 1000, "image/png"))
    assert "AAAAAAAA" not in str(wrong.value)
