"""The pictures of the command: what they promise, and that they can be taken anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest
from cli.pictures import IMAGES, NOTE, PICTURES

TESTS = Path(__file__).parents[1]
SHOWS = {
    "demo": ("make demo", "12.500", "get_loyalty_points", '"points": 125', "What it took"),
    "chat": ("resayil chat", "get_loyalty_points", '"points":125', "credits (estimated)"),
    "batch": ("resayil batch", "240/240", "/min", "credits", "240 rows answered, 0 failed, 0 left"),
    "usage": ("resayil usage", "deepseek-v4-pro", "mistral", "estimated by tokens"),
    "doctor": ("resayil doctor", "what the client does", "count_tokens"),
}


def _shown(picture: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", picture)).replace("\xa0", " ")


def _check(folder: Path) -> None:
    for name in PICTURES:
        picture = (folder / f"{name}.svg").read_text("utf-8")
        shown = _shown(picture)
        assert NOTE in shown, "a picture says what answered"
        assert all(text in shown for text in SHOWS[name]), shown
        assert not re.findall(r"""url\(["']?https?:|<image|href=|@import|@font-face""", picture)
        assert "sk-" not in shown


def test_the_pictures_show_real_runs_and_load_nothing() -> None:
    """Each says that the emulator answered, shows its command at work, no key, and nothing from elsewhere."""
    assert PICTURES.keys() == SHOWS.keys()
    _check(IMAGES)


@pytest.mark.prove
def test_the_pictures_can_be_taken_anew(tmp_path: Path) -> None:
    """The commands run again in their pseudo-terminals, and the pictures show the same."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "cli.pictures", str(tmp_path)]
    subprocess.run(command, check=True, cwd=TESTS, env=environment)
    _check(tmp_path)
