"""``python -m tests.page.picture``: the README's picture of the emulator's page, taken from a real run."""

from __future__ import annotations

import base64
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from langchain_core.messages import HumanMessage

from langchain_resayil import ChatResayil
from resayil.emulator import Emulator
from resayil.emulator.server import Server
from tests.page.browser import chromium

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "emulator-page.png"
SIZE = {"width": 1360, "height": 1000}
QUESTION = "كم المجموع في هذا الإيصال؟"


def receipt() -> bytes:
    """The examples' receipt."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receipt.png"
        subprocess.run([sys.executable, ROOT / "examples" / "make_receipt.py", path], check=True)
        return path.read_bytes()


def talk(server: Server, key: str) -> None:
    """What a developer's afternoon sends: whole answers, a fault, a full minute, an image and a stream."""
    address = {"base_url": server.base_url, "api_key": key, "max_retries": 1}
    ChatResayil(model="deepseek-v4-flash", **address).invoke("ما عاصمة الكويت؟")
    server.emulator.fault(500)
    ChatResayil(model="mistral", **address).invoke("رحّب بضيوفنا في جملة واحدة.")
    headers = {"x-api-key": key}
    body = {"model": "mistral", "max_tokens": 200, "messages": [{"role": "user", "content": "Hello"}]}
    for _ in range(2):
        httpx.post(f"{server.base_url}/messages", json={**body, "stream": True}, headers=headers)
    image = {"type": "image", "base64": base64.b64encode(receipt()).decode(), "mime_type": "image/png"}
    asked = HumanMessage([{"type": "text", "text": QUESTION}, image])
    eyes = ChatResayil(model="qwen3-vl:235b-instruct", **{**address, "api_key": server.key})
    list(eyes.stream([asked]))


def main() -> None:
    """Take the picture."""
    emulator = Emulator(chunk_delay=0.02)
    key = emulator.add_key(requests_per_minute=4)
    with emulator.serve() as server, chromium() as browser, ThreadPoolExecutor(1) as pool:
        page = browser.new_context(viewport=SIZE, color_scheme="light").new_page()
        page.goto(f"{server.origin}/?lang=en")
        page.locator("#times").fill("2")
        page.locator('#faults button[data-kind="529"]').wait_for()
        pool.submit(talk, server, key).result()
        page.locator("#rows tr:not(.running)", has_text="qwen3-vl").locator("button").click()
        page.locator("#events tr", has_text="[DONE]").wait_for()
        page.locator('#faults button[data-kind="cut"]').click()
        page.locator('#faults button[aria-pressed="true"]').wait_for()
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURE)
    sys.stdout.write(f"{PICTURE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
