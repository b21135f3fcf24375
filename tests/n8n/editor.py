"""n8n's editor in headless Chromium: signed in, a canvas shown, a picture of it taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from n8n.rest import OWNER
from n8n.server import N8n
from page.browser import chromium
from playwright.sync_api import BrowserContext, Page, Position

BROWSER_ID = "tests"
PATIENCE_MS = 60_000
SETTLING_MS = 600
"""The canvas glides to where it was sent."""
MARGIN, PADDING = 64, 160
BARE: Position = {"x": 500, "y": 20}
"""A place of the canvas where no node lies."""
HIDDEN = """
    #sidebar, #header, [data-test-id=canvas-controls], [data-test-id=logs-panel],
    [data-test-id=node-creator-plus-button], [data-test-id=command-bar-button],
    [data-test-id=add-sticky-button], [data-test-id=toggle-focus-panel-button],
    [data-test-id^=execute-workflow-button], [data-test-id=canvas-handle-plus-wrapper],
    [data-test-id=canvas-minimap], [data-test-id=canvas-node-toolbar], [data-test-id=node-issues]
    { display: none !important }
"""
"""What is no part of the workflow; the last is the triangle for a credential not yet chosen."""
BOX = """() => {
    const nodes = [...document.querySelectorAll('.vue-flow__node')];
    const boxes = nodes.map((node) => node.getBoundingClientRect());
    const [x, y] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
    const pane = getComputedStyle(document.querySelector('.vue-flow__transformationpane')).transform;
    return {
        x, y,
        width: Math.max(...boxes.map((box) => box.right)) - x,
        height: Math.max(...boxes.map((box) => box.bottom)) - y,
        zoom: new DOMMatrix(pane).a,
    };
}"""


@dataclass(frozen=True, slots=True)
class Editor:
    """A signed-in browser window.

    Attributes:
        page: The window.
        asked: The address of every request that any page made.
    """

    page: Page
    asked: list[str]

    def show(self, workflow: Mapping[str, Any]) -> None:
        """Open a workflow that n8n holds, and wait until all of it is drawn."""
        self.page.goto(f"/workflow/{workflow['id']}")
        self.drawn(len(workflow["nodes"]))

    def drawn(self, nodes: int) -> None:
        """Wait until the canvas holds so many nodes, notes among them."""
        self.page.wait_for_function(
            "count => document.querySelectorAll('.vue-flow__node').length === count", arg=nodes
        )
        self.page.evaluate("document.fonts.ready")

    def save(self) -> None:
        """Keep a workflow that n8n does not hold yet."""
        self.page.locator(".vue-flow__pane").click(position=BARE)  # keys go where the last click went
        self.page.keyboard.press("Control+s")
        self.page.wait_for_url(lambda address: "new=true" not in address)

    def picture(self, target: Path) -> None:
        """Take a picture of the whole canvas at its own size, without the editor around it."""
        self.page.add_style_tag(content=HIDDEN)
        box = self._fitted()
        width, height = (int(box[side] / box["zoom"] * 1.25) + 2 * PADDING for side in ("width", "height"))
        self.page.set_viewport_size({"width": width, "height": height})
        box = self._fitted()
        clip = {
            "x": box["x"] - MARGIN,
            "y": box["y"] - MARGIN,
            "width": box["width"] + 2 * MARGIN,
            "height": box["height"] + 2 * MARGIN,
        }
        self.page.screenshot(path=target, clip=clip, animations="disabled")

    def _fitted(self) -> dict[str, float]:
        """The canvas's place in the window after everything was made to fit."""
        self.page.wait_for_timeout(SETTLING_MS)
        self.page.evaluate("document.querySelector('[data-test-id=zoom-to-fit]').click()")
        self.page.wait_for_timeout(SETTLING_MS)
        box: dict[str, float] = self.page.evaluate(BOX)
        return box


@contextmanager
def signed_in(server: N8n) -> Iterator[Editor]:
    """The editor of this n8n, its owner signed in."""
    with (
        chromium() as browser,
        browser.new_context(base_url=server.url, viewport={"width": 1600, "height": 900}) as context,
    ):
        context.set_default_timeout(PATIENCE_MS)
        asked: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        _sign_in(context)
        yield Editor(context.new_page(), asked)


def _sign_in(context: BrowserContext) -> None:
    """Sign in by request: cookie and page share one jar, and the session is bound to the browser's id."""
    context.add_init_script(f"localStorage.setItem('n8n-browserId', '{BROWSER_ID}')")
    account = {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]}
    reply = context.request.post("/rest/login", data=account, headers={"browser-id": BROWSER_ID})
    assert reply.ok, reply.text()
