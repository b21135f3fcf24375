"""Which pictures go out, where to and how: rows C4–C6 of the table."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from core.contradictions.support import VISION_MODEL, told
from core.support import Scripted, client_of, emulator_of, json_reply, png

from resayil import (
    BadRequestError,
    ImageError,
    ImagePart,
    UnsupportedError,
    image_from_bytes,
    image_from_url,
    user,
)
from resayil.config import ResayilWarning


def test_c04_images_go_to_chat_by_default() -> None:
    """``api="auto"`` sends a picture to the endpoint that takes pictures."""
    emulator = emulator_of()
    response = client_of(emulator.transport()).chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())))
    assert emulator.requests[0].path.endswith("/chat/completions")
    assert response.text


@pytest.mark.parametrize("where", ["client", "call"])
def test_c04_images_on_messages_raise_before_sending(where: str) -> None:
    """A forced messages dialect refuses a picture with the reason, and nothing is sent."""
    transport, client = told(**({"api": "messages"} if where == "client" else {}))
    options: Any = {"api": "messages"} if where == "call" else {}
    with pytest.raises(UnsupportedError, match="rejects images"):
        client.chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())), **options)
    assert not transport.requests


def test_c04_one_switch_lifts_the_refusal() -> None:
    """The day the service takes images there, a setting is enough."""
    transport = Scripted(json_reply({"content": [], "stop_reason": "end_turn"}))
    client = client_of(transport, api="messages", allow_images_on_messages=True)
    client.chat(VISION_MODEL, user("ما هذا؟", ImagePart(png())))
    source = transport.bodies[0]["messages"][0]["content"][1]["source"]
    assert (source["type"], source["media_type"]) == ("base64", "image/png")


def test_c05_a_picture_is_a_data_url_with_its_true_type() -> None:
    """The media type comes from the bytes, in the field that the chat dialect has for it."""
    transport, client = told()
    client.chat(VISION_MODEL, user("ما هذا؟", image_from_bytes(b"\xff\xd8\xff\xe0jpeg")))
    part = transport.bodies[0]["messages"][0]["content"][1]
    assert part == {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/4GpwZWc="}}


def test_c05_the_size_cap_is_a_setting() -> None:
    """A picture above the cap is refused before anything is sent."""
    transport, client = told(max_image_bytes=100)
    with pytest.raises(ImageError, match="max_image_bytes"):
        client.chat(VISION_MODEL, user(ImagePart(png(pad=200))))
    assert not transport.requests


def test_c05_an_https_address_passes_with_one_warning() -> None:
    """It goes through unchanged, and the warning that only base64 is documented comes once."""
    transport, client = told()
    url = "https://example.com/صورة.png?x=%20y"
    with pytest.warns(ResayilWarning, match="base64") as caught:
        client.chat(VISION_MODEL, user(image_from_url(url)))
    assert len(caught) == 1
    for _ in range(2):
        client.chat(VISION_MODEL, user(image_from_url(url)))
    sent = [body["messages"][0]["content"][0]["image_url"]["url"] for body in transport.bodies]
    assert sent == [url] * 3


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png", "file:///etc/passwd", "/etc/passwd", "picture.png", "ftp://example.com/a",
        "https://127.0.0.1/a", "https://localhost/a", "https://10.0.0.5/a", "https://169.254.169.254/latest",
        "https://192.168.1.1/a", "https://[::1]/a", "https://[fe80::1]/a", "https://[::ffff:10.0.0.1]/a",
        "https://2130706433/a", "https://0x7f.1/a", "https://0177.0.0.1/a", "https://printer/a",
        "https://nas.local/a", "https://x.internal/a", "https://router.home.arpa/a", "https://localhost./a",
        "https://224.0.0.1/a", "https://user:pw@example.com/a", "https://example.com/a b", "https:///a",
        "https://[::1/a", "javascript:alert(1)", "", "https://[2002:7f00:1::]/a", "https://[64:ff9b::7f00:1]/a",
    ],
)  # fmt: skip
def test_c05_other_addresses_raise(url: str) -> None:
    """Other schemes, paths, and private or local hosts in any spelling are refused when the part is made."""
    with pytest.raises(ImageError):
        image_from_url(url)


def test_c06_category_then_name_tell_that_a_model_sees() -> None:
    """A listed category or a telling name needs no warning."""
    transport, client = told()
    picture = ImagePart(png())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.chat(VISION_MODEL, user(picture))
        client.chat("some-new-vl:7b", user(picture))
        client.chat("llava-next", user(picture))
    assert len(transport.requests) == 3


def test_c06_an_unknown_model_is_warned_about_and_asked() -> None:
    """Nobody knows whether it sees: it gets a warning and its chance; a blind server's answer is typed."""
    emulator = emulator_of("blind-400")
    client = client_of(emulator.transport())
    with pytest.warns(ResayilWarning, match="not known"), pytest.raises(BadRequestError):
        client.chat("mistral", user("ما هذا؟", ImagePart(png())))
    assert len(emulator.requests) == 1
