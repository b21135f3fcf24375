"""The emulator's page while a template runs in the real n8n."""

from __future__ import annotations

import pytest
from n8n.bench import Bench
from page.browser import MISSING, PROGRAM, chromium, opened

pytestmark = pytest.mark.prove


@pytest.mark.skipif(PROGRAM is None, reason=MISSING)
def test_the_page_shows_what_a_workflow_sends(bench: Bench) -> None:
    """Each request of a workflow is a line; a clicked fault hits the first, and the robust call goes on."""
    with chromium() as browser, opened(browser, bench.service) as shown:
        shown.fault("503", on=False).click()
        shown.fault("503", on=True)
        bench.run("02-robust-call")
        sent = bench.emulator.requests
        assert len(sent) > 1
        told = [shown.cells(number) for number in range(1, len(sent) + 1)]
        assert [cells["Fault"] for cells in told] == ["503"] + [""] * (len(sent) - 1)
        assert [cells["Status"] for cells in told] == [str(request.status) for request in sent]
        assert [cells["Model"] for cells in told] == [request.model for request in sent]
        shown.fault("503", on=False)
        shown.open(len(sent))
        assert shown.page.locator("#payload").get_by_text("messages", exact=True).count() == 1
