"""The table as a whole: no row without a test, and no oddity of March that crashes anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from core.support import MODEL, client_of, emulator_of

from resayil.emulator import ODDITIES


def test_every_row_of_the_table_has_a_test() -> None:
    """No row C1–C36 is left to good intentions."""
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    names = " ".join(re.findall(r"def (test_c\w+)", "\n".join(texts)))
    rows = {int(row) for row in re.findall(r"_c(\d\d)", names)}
    assert rows == set(range(1, 37))


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize(
    "oddities", [*([row.name] for row in ODDITIES.values() if row.march), [], ["all"]], ids=str
)
def test_march_server_crashes_nothing(oddities: list[str], *, streamed: bool) -> None:
    """Each oddity of March alone, and all together: an answer whose parts are all there, or a typed error."""
    profile = "march-2026" if oddities == ["all"] else "documented"
    emulator = emulator_of(*(name for name in oddities if name != "all"), profile=profile)
    emulator.reply("مرحبًا بك في المتجر")
    client = client_of(emulator.transport())
    if streamed:
        stream = client.stream(MODEL, "س")
        list(stream)
        response = stream.response()
    else:
        response = client.chat(MODEL, "س")
    assert response.text == "مرحبًا بك في المتجر"
    assert response.finish_reason == "stop"
    assert response.usage.total_tokens > 0
