"""The page in a real browser while requests run against its emulator."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from page.browser import MISSING, PROGRAM, Shown
from playwright.sync_api import expect

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator

if TYPE_CHECKING:
    from tests.page.conftest import Asker

if PROGRAM is None:
    pytest.skip(MISSING, allow_module_level=True)

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202eevil\u0000"


def sent(data: bytes) -> list[str]:
    """The events of a stream's bytes."""
    return data.decode().split("\n\n")[:-1]


def picture() -> str:
    """A red image of 6 by 4 points as a `data:` URL."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 6, 4, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\xc0\x20\x20" * 6) * 4)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.mark.parametrize("path", ["/chat/completions", "/messages"])
def test_a_timeline_is_right_to_the_event(shown: Shown, ask: Asker, path: str) -> None:
    """Every event that the client received stands in the timeline, in order, with its bytes and its time."""
    got = ask.stream("اشرح الربا المركب.", path, max_tokens=200)
    shown.open(1)
    assert shown.events() == sent(got)
    assert len(shown.events()) > 5
    columns = [
        [cell.replace(",", "") for cell in line.split("\t")[1:4:2]]
        for line in shown.page.locator("#events tr").all_inner_texts()
    ]
    offsets = [float(at) for at, _ in columns]
    assert offsets == sorted(offsets)
    assert [int(size) for _, size in columns] == [len(f"{event}\n\n".encode()) for event in sent(got)]
    cells = shown.cells(1)
    assert cells["Dialect"] == path.strip("/").partition("/")[0]
    assert (cells["Model"], cells["Stream"], cells["Status"], cells["In the minute"]) == (
        "mistral",
        "yes",
        "200",
        "1",
    )
    record = shown.server.emulator.requests[0]
    assert int(cells["Tokens"].replace(",", "")) == record.tokens > 0
    assert cells["Credits"]


def test_a_stream_is_followed_while_it_runs(show: Callable[..., Shown]) -> None:
    """Events appear one by one while a LangChain chain still receives them; the times tell the gaps."""
    emulator = Emulator(chunk_delay=0.03)
    emulator.reply("أهلًا وسهلًا بكم في الكويت" * 4)
    shown = show(emulator)
    model = ChatResayil(model="mistral", base_url=shown.server.base_url, api_key=emulator.key)
    with ThreadPoolExecutor(1) as pool:
        chain = pool.submit(lambda: "".join(piece.text for piece in model.stream("رحّب بنا")))
        shown.page.locator("#rows tr.running button").click()
        shown.page.locator("#events tr").nth(3).wait_for()
        early = len(shown.events())
        assert not chain.done()
        text = chain.result()
    shown.row(1)
    shown.page.get_by_text("[DONE]").wait_for()
    assert early < len(shown.events())
    assert shown.page.locator("#answer").text_content() == text
    times = [float(cell) for cell in shown.page.locator("#events td:nth-child(2)").all_inner_texts()]
    assert times[-1] - times[0] >= 30 * (len(times) - 2)


def test_a_clicked_fault_hits_the_next_requests_and_no_more(shown: Shown, ask: Asker) -> None:
    """A fault for two requests meets two, and is off again; a second click takes back what waits."""
    shown.page.locator("#times").fill("2")
    shown.page.locator("#after").fill("3")
    shown.fault("cut", on=False).click()
    shown.fault("cut", on=True)
    received = [ask.stream() for _ in range(3)]
    assert [len(sent(got)) for got in received[:2]] == [3, 3]
    assert received[2].endswith(b"[DONE]\n\n")
    assert [shown.cells(number)["Fault"] for number in (1, 2, 3)] == ["cut", "cut", ""]
    shown.fault("cut", on=False)
    shown.open(1)
    assert shown.events() == sent(received[0])
    assert "cut on purpose" in str(shown.page.locator("#timeline-note").text_content())

    shown.fault("503", on=False).click()
    waiting = shown.fault("503", on=True)
    assert ask.status() == 503
    waiting.click()
    shown.fault("503", on=False)
    assert ask.status() == 200
    assert shown.server.emulator.faults == []


def test_hostile_text_stays_text(shown: Shown, ask: Asker) -> None:
    """Markup in a prompt, an answer or a model's name is never an element; what cannot be seen is marked."""
    shown.server.emulator.reply(HOSTILE)
    tags = "document.querySelectorAll('script, img, iframe, object, svg').length"
    before = shown.page.evaluate(tags)
    ask.stream(HOSTILE)
    ask.status(model=HOSTILE)
    ask.http.post(f"/<img src=x onerror=alert(3)>/{HOSTILE[:20]}", content=HOSTILE.encode())
    shown.row(3)
    for number in (3, 2, 1):
        shown.open(number)
    answer = shown.page.locator("#answer")
    seen = HOSTILE
    for sign, told in (("\x1b", "U+001B"), ("\u202e", "U+202E"), ("\x00", "U+0000")):
        seen = seen.replace(sign, told)
    assert answer.text_content() == seen
    assert answer.locator(".mark").count() == 3
    assert seen in str(shown.page.locator("#payload").text_content())
    assert shown.page.evaluate(tags) == before
    assert shown.cells(2)["Status"] == "404"
    assert "<img" in shown.cells(2)["Model"]


def test_arabic_is_shown_right_to_left(shown: Shown, ask: Asker) -> None:
    """Arabic texts are laid out from the right on either page, and the Arabic page is so as a whole."""
    direction = "element => getComputedStyle(element).direction"
    shown.server.emulator.reply("أهلًا")
    ask.stream("ما عاصمة الكويت؟")
    for language, whole in (("en", "ltr"), ("ar", "rtl")):
        shown.visit(language)
        shown.row(1).locator("button").click()
        said = shown.page.locator("#payload").get_by_text("ما عاصمة الكويت؟")
        shown.page.locator("#answer", has_text="أهلًا").wait_for()
        assert said.evaluate(direction) == "rtl"
        assert shown.page.locator("#answer").evaluate(direction) == "rtl"
        assert shown.page.locator("#payload .string", has_text="mistral").evaluate(direction) == "ltr"
        assert shown.page.locator("html").evaluate(direction) == whole
    assert shown.page.locator("#requests-title").inner_text() == "الطلبات"
    english = shown.page.evaluate(
        "[...document.querySelectorAll('[data-say], #columns th, #faults .summary')]"
        ".map(e => e.textContent).filter(t => /^[A-Za-z ]{12,}$/.test(t))"
    )
    assert english == []


def test_images_are_told_by_type_and_size(shown: Shown, ask: Asker) -> None:
    """A readable image is drawn, an unreadable one is told; neither floods the payload."""
    url = picture()
    parts = [
        {"type": "image_url", "image_url": {"url": each}} for each in (url, "data:image/png;base64,AAAA")
    ]
    body: dict[str, Any] = {"messages": [{"role": "user", "content": parts}], "model": "mistral"}
    ask.http.post("/chat/completions", json=body)
    source = {"type": "base64", "media_type": "image/png", "data": url.partition(",")[2]}
    blocks = {"role": "user", "content": [{"type": "image", "source": source}]}
    ask.http.post("/messages", json={**body, "max_tokens": 9, "messages": [blocks]})
    for number in (1, 2):
        shown.open(number)
        image = shown.page.locator("#images img")
        assert image.evaluate("element => [element.naturalWidth, element.naturalHeight]") == [6, 4]
        payload = str(shown.page.locator("#payload").text_content())
        assert "[PNG 6 × 4," in payload
        assert "base64," not in payload
        assert ("no readable image" in payload) == (number == 1)


def test_five_hundred_requests(shown: Shown, ask: Asker) -> None:
    """The last five hundred are there, older ones are gone, and the newest can be looked at."""
    for _ in range(505):
        ask.http.get("/models/mistral")
    shown.row(505)
    expect(shown.rows).to_have_count(500)
    assert shown.rows.first.get_attribute("data-number") == "505"
    assert shown.rows.last.get_attribute("data-number") == "6"
    ask.stream("آخر طلب")
    shown.open(506)
    assert shown.page.locator("#events tr").count() > 3
    reopened = shown.page.context.new_page()
    reopened.goto(shown.page.url)
    expect(reopened.locator("#rows tr")).to_have_count(500)


def test_the_keyboard_is_enough(shown: Shown, ask: Asker) -> None:
    """Tab reaches a request, Enter opens it, Escape goes back, and Space switches a fault on."""
    ask.status()
    button = shown.row(1).locator("button")
    for _ in range(10):
        shown.page.keyboard.press("Tab")
        if button.evaluate("element => element === document.activeElement"):
            break
    shown.page.keyboard.press("Enter")
    shown.page.locator("#payload", has_text="mistral").wait_for()
    assert shown.page.evaluate("document.activeElement.id") == "details-title"
    shown.page.keyboard.press("Escape")
    assert button.evaluate("element => element === document.activeElement")
    shown.fault("429", on=False).focus()
    shown.page.keyboard.press("Space")
    shown.fault("429", on=True)
    unnamed = shown.page.evaluate(
        "[...document.querySelectorAll('button, input, a, [role=group], section')].filter(e => !e.ariaLabel"
        " && !e.getAttribute('aria-labelledby') && !e.closest('label') && !e.textContent.trim()).length"
    )
    assert unnamed == 0


def test_profile_window_and_refusal(show: Callable[..., Shown]) -> None:
    """The profile and its oddities are told; a full minute shows as such; the key is nowhere on the page."""
    emulator = Emulator("march-2026", ["no-done"])
    key = emulator.add_key("sk-very-secret-key", requests_per_minute=2)
    shown = show(emulator, color_scheme="dark")
    assert shown.page.locator("#profile").inner_text() == "march-2026"
    assert shown.page.locator("#oddities dt", has_text="no-done").count() == 1
    assert shown.page.locator("#oddities dt").count() == len(emulator.oddities)
    assert "not the service" in shown.page.locator("#banner").inner_text()
    with ThreadPoolExecutor(1) as pool:
        model = ChatResayil(model="mistral", base_url=shown.server.base_url, api_key=key, max_retries=0)
        results = [pool.submit(model.invoke, "hello").exception() for _ in range(3)]
    assert [error is None for error in results] == [True, True, False]
    assert [shown.cells(n)["In the minute"] for n in (1, 2, 3)] == ["1 / 2", "2 / 2", "full"]
    shown.open(3)
    dark = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(20, 23, 28)"
    assert "secret" not in shown.page.content()
