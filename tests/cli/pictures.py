"""Takes the pictures of the command for the documentation: real runs in a pseudo-terminal, on the emulator.

make pictures
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Mapping
from html import unescape
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from batch.support import write_lines
from cli.screen import Terminal
from pyte.screens import Char
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from resayil.emulator import Emulator
from resayil.emulator.scripts import Fault

IMAGES = Path(__file__).parents[2] / "docs" / "images"
NOTE = "on the emulator, this project's reading of the documents"
ROWS = 240
QUESTION = "رقم عضويتي 7788، كم نقطة ولاء عن 12.500 دينار؟"
TOOLS = '''
def get_loyalty_points(member_id: str, total_kwd: float) -> dict:
    """Loyalty points that a member earns for a purchase."""
    return {"member_id": member_id, "points": round(total_kwd * 10)}
'''

_NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_LINE = re.compile(r'(<text [^>]*?)x="([\d.]+)"([^>]*?) textLength="([\d.]+)"([^>]*)>([^<]*)<')


def _style(char: Char) -> Style:
    color = _NAMES.get(char.fg, char.fg)
    if re.fullmatch(r"[0-9a-f]{6}", color):
        color = f"#{color}"
    elif color.startswith("bright") and not color.startswith("bright_"):
        color = f"bright_{color.removeprefix('bright')}"
    return Style(
        color=None if color == "default" else color, bold=char.bold, italic=char.italics, reverse=char.reverse
    )


def drawn(terminal: Terminal, command: str, width: int) -> str:
    """What a terminal shows, as an SVG that loads nothing from elsewhere."""
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", style="bold"))
    for row in terminal.cells():
        line = Text()
        for style, chars in groupby(row, _style):
            line.append("".join(char.data for char in chars), style)
        line.rstrip()
        console.print(line, no_wrap=True, overflow="crop")
    picture = _FONT.sub(
        "", console.export_svg(title=f"resayil, {NOTE}")
    )  # a font of its own would be fetched
    return _LINE.sub(_from_right_to_left, picture)


def _from_right_to_left(line: re.Match[str]) -> str:
    """A line as a terminal sets it that knows Arabic: from its right end, its letters joined."""
    start, x, between, length, rest, text = line.groups()
    said = unescape(text)
    first = re.search(r"[A-Za-z\u0600-\u06ff]", said)
    if first is None or first[0].isascii():
        return line[0]
    end = float(x) + float(length) / len(said) * cell_len(said)
    return f'{start}x="{end:g}" direction="rtl"{between}{rest}>{text}<'


def demo(environment: Mapping[str, str], folder: Path) -> str:
    """The receipt's conversation, as the front page promises it."""
    del folder
    # As a newcomer runs it: a ledger would make the client ask for the live prices.
    environment = {name: value for name, value in environment.items() if name != "RESAYIL_LEDGER"}
    program = [str(IMAGES.parents[1] / "examples" / "demo.py")]
    with Terminal(environment=environment, columns=100, program=program) as terminal:
        terminal.end()
        return drawn(terminal, "make demo", 100)


def chat(environment: Mapping[str, str], folder: Path) -> str:
    """A question, a call of a tool, an answer."""
    (folder / "shop.py").write_text(TOOLS, "utf-8")
    command = "resayil chat --model deepseek-v4-pro --tools shop.py"
    with Terminal(*command.split()[1:], environment=environment, columns=100) as terminal:
        terminal.see("› ")
        terminal.type(QUESTION)
        terminal.see("credits (estimated)")
        terminal.see("› ")
        terminal.press("d")
        terminal.end()
        return drawn(terminal, command, 100)


def doctor(environment: Mapping[str, str], folder: Path) -> str:
    """The whole table."""
    del folder
    with Terminal("doctor", environment=environment, columns=140) as terminal:
        terminal.end()
        return drawn(terminal, "resayil doctor", 140)


def batch(environment: Mapping[str, str], folder: Path) -> str:
    """The bar at work, and how it ends."""
    write_lines(folder / "in.jsonl", ROWS)
    command = "resayil batch in.jsonl out.jsonl --budget 50000"
    with Terminal(*command.split()[1:], environment=environment, columns=100) as terminal:
        terminal.end()
        return drawn(terminal, command, 100)


def usage(environment: Mapping[str, str], folder: Path) -> str:
    """What the two before it have left in the ledger."""
    del folder
    command = "resayil usage --by model"
    with Terminal(*command.split()[1:], environment=environment, columns=100) as terminal:
        terminal.end()
        return drawn(terminal, command, 100)


PICTURES = {"demo": demo, "chat": chat, "batch": batch, "usage": usage, "doctor": doctor}


def take(images: Path) -> None:
    """Take all pictures into a folder."""
    emulator = Emulator(chunk_delay=0.002)
    with emulator.serve() as server, TemporaryDirectory() as name:
        os.chdir(name)
        environment = {
            "LLM_RESAYIL_API_KEY": server.key,
            "RESAYIL_BASE_URL": server.base_url,
            "RESAYIL_LEDGER": "calls.db",
        }
        for picture, taken in PICTURES.items():
            if picture == "batch":
                emulator.script([Fault("stall", 0.05)] * ROWS)
            (images / f"{picture}.svg").write_text(taken(environment, Path(name)), "utf-8")


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    take(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else IMAGES)
