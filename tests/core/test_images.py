"""Pictures: from bytes, files and addresses, refused before anything is read, opened or decoded."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from core.support import MODEL, PNG, Scripted, client_of, data_url, json_reply, png

from resayil import ImageError, ImagePart, image_from_bytes, image_from_path, image_from_url, user
from resayil.images import MAX_IMAGE_BYTES, sniff

HEADS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe1Exif",
    "image/gif": b"GIF89a",
    "image/webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
}
NO_PICTURES = {
    "empty": b"",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "html": b"<!DOCTYPE html><html></html>",
    "pdf": b"%PDF-1.7",
    "bmp": b"BM\x00\x00",
    "wav": b"RIFF\x10\x00\x00\x00WAVE",
    "half a PNG head": PNG[:5],
}


@pytest.mark.parametrize("media_type", HEADS)
def test_the_type_comes_from_the_bytes(media_type: str) -> None:
    """Each known format is told by its first bytes, and its data URL is read back as the same part."""
    part = image_from_bytes(HEADS[media_type])
    assert part.media_type == sniff(part.data or b"") == media_type
    assert part.data_url == data_url(HEADS[media_type], media_type)
    assert image_from_url(part.data_url) == part


@pytest.mark.parametrize("name", NO_PICTURES)
def test_v03_what_is_no_picture_is_refused(name: str, tmp_path: Path) -> None:
    """Other content raises, from bytes, from a file, and behind a data URL that lies."""
    data = NO_PICTURES[name]
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for make in (
        lambda: image_from_bytes(data),
        lambda: ImagePart(data),
        lambda: image_from_path(path),
        lambda: image_from_url(data_url(data)),
    ):
        with pytest.raises(ImageError):
            make()


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,%%%",
        "data:image/png;base64,iVBORw0KGgo",
        "data:image/png;base64,صورة",
        "data:image/png,iVBORw0KGgo=",
        "data:image/png;base64",
        data_url(PNG, "image/jpeg"),
        data_url(PNG, ""),
        data_url(PNG, "text/html"),
        data_url(PNG, "image/svg+xml"),
    ],
)
def test_v03_a_wrong_data_url_is_refused(url: str) -> None:
    """Broken base64, no base64, an absent type, or one that the bytes deny."""
    with pytest.raises(ImageError):
        image_from_url(url)


def test_a_data_url_may_be_wrapped_and_use_the_old_name_of_jpeg() -> None:
    """Line breaks in base64 and ``image/jpg`` are common and mean no harm."""
    jpeg = HEADS["image/jpeg"]
    assert image_from_url(data_url(jpeg, "image/jpg").replace("/9j", "\n/9j\r\n ")).data == jpeg
    assert image_from_url(data_url(jpeg, "IMAGE/JPEG; charset=x").replace("data:", "DATA:")).data == jpeg


def test_v03_the_size_cap_holds_everywhere(tmp_path: Path) -> None:
    """Bytes, files and data URLs above the cap are refused; a data URL before it is decoded."""
    data = png(pad=1000)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert image_from_bytes(data, max_bytes=len(data)).data == data
    assert image_from_path(path, max_bytes=len(data)).data == data
    assert image_from_url(data_url(data), max_bytes=len(data)).data == data
    for make in (
        lambda: image_from_bytes(data, max_bytes=len(data) - 1),
        lambda: image_from_path(path, max_bytes=len(data) - 1),
        lambda: image_from_url(data_url(data), max_bytes=len(data) - 1),
        lambda: image_from_url("data:image/png;base64," + "!" * (2 * MAX_IMAGE_BYTES)),
    ):
        with pytest.raises(ImageError, match="are allowed"):
            make()


def test_a_part_is_bytes_or_an_address() -> None:
    """Neither and both are refused."""
    for arguments in ({}, {"data": PNG, "url": "https://example.com/a"}):
        with pytest.raises(ImageError, match="exactly one"):
            ImagePart(**arguments)


def test_a_part_at_an_address_has_no_bytes() -> None:
    """It says so in every property, and never opens the address."""
    part = image_from_url("https://example.com/a.png", detail="high")
    assert (part.media_type, part.base64, part.size, part.detail) == ("", "", "at a URL", "high")
    assert part.data_url == "https://example.com/a.png"
    assert repr(part) == "<image at a URL>"


@pytest.mark.parametrize(
    "url", ["file:///etc/hosts", "/etc/hosts", "http://example.com/a", "https://10.1.2.3/a"]
)
def test_v01_nothing_is_fetched_and_nothing_opened(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused address touches neither the network nor the disk; an https one does not either."""
    touched: list[Any] = []
    monkeypatch.setattr(socket, "socket", lambda *args, **_: touched.append(args))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: touched.append(args))
    monkeypatch.setattr(os, "open", lambda *args, **_: touched.append(args))
    with pytest.raises(ImageError):
        image_from_url(url)
    image_from_url("https://example.com/a.png")
    assert not touched


def _special(name: str, folder: Path) -> Path:
    """A path that is no picture to be read."""
    path = folder / "inside" / "a.png"
    path.parent.mkdir()
    match name:
        case "fifo":
            os.mkfifo(path)
        case "device":
            return Path("/dev/zero")
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "directory":
            path.mkdir()
        case "link out of the folder":
            (folder / "secret.png").write_bytes(png())
            path.symlink_to(folder / "secret.png")
        case "loop":
            path.symlink_to(path)
        case "100 MB":
            with path.open("wb") as file:
                file.write(PNG)
                file.truncate(100_000_000)
        case "NUL in the name":
            return folder / "a\0.png"
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
    return path


SPECIAL = (
    "fifo", "device", "link to a device", "directory", "link out of the folder", "loop", "100 MB", "missing",
    "NUL in the name", "socket",
)  # fmt: skip


@pytest.mark.parametrize("name", SPECIAL)
def test_v02_special_files_are_refused_at_once(name: str, tmp_path: Path) -> None:
    """Pipes, devices, directories, links that lead out and giants: typed, unread, in under 0.1 s."""
    path = _special(name, tmp_path)
    began = time.perf_counter()
    tracemalloc.start()
    with pytest.raises(ImageError):
        image_from_path(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - began < 0.1
    assert peak < 5_000_000


def test_v02_a_link_may_lead_where_the_root_says(tmp_path: Path) -> None:
    """``root`` allows another folder, and a link inside the folder is no trouble at all."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "links").mkdir()
    real = tmp_path / "pictures" / "صورة.png"
    real.write_bytes(png())
    link = tmp_path / "links" / "a.png"
    link.symlink_to(real)
    (tmp_path / "pictures" / "b.png").symlink_to(real)
    assert image_from_path(link, root=tmp_path).data == png()
    assert image_from_path(str(tmp_path / "pictures" / "b.png")).data == png()
    with pytest.raises(ImageError, match="leads out"):
        image_from_path(real, root=tmp_path / "links")


def test_v04_a_bomb_is_not_decoded() -> None:
    """A header of 50 000 x 50 000 pixels is bytes like any other."""
    bomb = png(50_000, 50_000)
    tracemalloc.start()
    part = image_from_bytes(bomb)
    transport = Scripted(json_reply({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}))
    client_of(transport).chat("qwen3-vl:235b-instruct", user(part))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_v05_base64_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither logs nor the error of a refused picture show its bytes."""
    caplog.set_level(logging.DEBUG)
    part = image_from_bytes(png(pad=123_000))
    assert repr(part) == f"<image {part.size}>" == "<image 123 kB>"
    refused = json_reply({"error": {"code": 400, "message": "no images"}}, 400)
    with pytest.raises(Exception, match="no images") as caught:
        client_of(Scripted(refused)).chat("qwen3-vl:235b-instruct", user("ما هذا؟", part))
    for text in (caplog.text, repr(caught.value), str(vars(caught.value))):
        assert "iVBOR" not in text


def test_pictures_are_values() -> None:
    """Two parts of the same bytes are equal, hashable, and cannot be changed."""
    assert image_from_bytes(png()) == ImagePart(png())
    assert len({ImagePart(png()), image_from_bytes(bytearray(png()))}) == 1
    with pytest.raises(AttributeError):
        ImagePart(png()).data = b""  # type: ignore[misc] # frozen, as the test shows


@pytest.mark.skipif(sys.platform != "linux", reason="the file is Linux's own")
def test_v02_a_file_that_cannot_be_read() -> None:
    """What calls itself a regular file and refuses to be read is typed too."""
    with pytest.raises(ImageError):
        image_from_path("/proc/self/mem")


def test_pictures_are_counted_locally() -> None:
    """The service counts no pictures, so it is not asked."""
    transport = Scripted(json_reply({"input_tokens": 5}))
    count = client_of(transport).count_tokens(MODEL, user("س", ImagePart(png())))
    assert count.estimated
    assert not transport.requests
