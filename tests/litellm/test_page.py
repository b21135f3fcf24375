"""The emulator's page while the real proxy is its client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page.browser import MISSING, PROGRAM, chromium, opened

from litellm_provider.config import Plan, proxy_config
from resayil import Client
from resayil.emulator import Emulator

pytestmark = pytest.mark.prove


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
def test_the_page_shows_what_a_proxy_sends(start_proxy: Any, tmp_path: Path) -> None:
    """A stream through the proxy has its line and timeline; a clicked fault hits the next request alone."""
    with Emulator().serve() as server, chromium() as browser, opened(browser, server) as shown:
        with Client(server.key, server.base_url) as client:
            models = client.models()
        config = tmp_path / "config.yaml"
        plan = Plan(base_url=server.base_url, requests_per_minute=None)
        config.write_text(proxy_config(models, plan), "utf-8")
        body = {"model": "arabic-chat", "messages": [{"role": "user", "content": "مرحبا"}]}
        with start_proxy(config, {"LLM_RESAYIL_API_KEY": server.key}) as proxy, proxy.http() as http:
            server.emulator.reply("أهلًا وسهلًا")
            assert http.post("/v1/chat/completions", json={**body, "stream": True}).is_success
            first = len(server.emulator.requests)
            shown.open(first)
            assert shown.page.locator("#answer").text_content() == "أهلًا وسهلًا"
            assert shown.cells(first)["Stream"] == "yes"
            shown.fault("402", on=False).click()
            shown.fault("402", on=True)
            assert http.post("/v1/chat/completions", json=body).is_success
            assert shown.cells(first + 1)["Fault"] == "402"
            assert shown.cells(first + 2)["Fault"] == ""
            shown.fault("402", on=False)
