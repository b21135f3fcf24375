"""Draw a shop's receipt as a PNG, and write what it says into the file as text.

    python examples/make_receipt.py receipt.png --total 12.500

The picture is for a vision model; the text, an iTXt chunk, is what the emulator truly reads of it.
"""

from __future__ import annotations

import argparse
import io
from decimal import Decimal
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

SHOP = "Souq Al-Mubarakiya, Kuwait City"
CURRENCY = "KWD"
GOODS = (("Arabica coffee 1 kg", "0.42"), ("Dates, Medjool", "0.31"), ("Saffron 2 g", "0.18"))
THREE_DECIMALS = Decimal("0.001")
WIDTH, LINE, MARGIN = 460, 30, 24


def lines(total: Decimal) -> list[tuple[str, str]]:
    """The receipt's lines for a total: goods whose prices add up to it, and the total."""
    priced = [(name, (total * Decimal(share)).quantize(THREE_DECIMALS)) for name, share in GOODS]
    rest = total - sum(price for _, price in priced)
    rows = [*priced, ("Cardamom 100 g", rest), ("TOTAL", total)]
    return [(name, f"{price:.3f} {CURRENCY}") for name, price in rows]


def receipt(total: Decimal) -> bytes:
    """A receipt as the bytes of a PNG file."""
    rows = lines(total.quantize(THREE_DECIMALS))
    picture = Image.new("RGB", (WIDTH, 2 * MARGIN + LINE * (len(rows) + 2)), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=18)
    pen.text((MARGIN, MARGIN), SHOP, fill="black", font=font)
    for row, (name, price) in enumerate(rows, start=2):
        y = MARGIN + LINE * row
        if name == "TOTAL":
            pen.line((MARGIN, y - 4, WIDTH - MARGIN, y - 4), fill="black", width=2)
        pen.text((MARGIN, y), name, fill="black", font=font)
        pen.text((WIDTH - MARGIN, y), price, fill="black", font=font, anchor="ra")
    words = PngInfo()
    words.add_itxt("Description", "\n".join((SHOP, *(f"{name}  {price}" for name, price in rows))), lang="en")
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=words)
    return file.getvalue()


def main() -> None:
    """Draw the receipt that the arguments ask for."""
    arguments = argparse.ArgumentParser(description="Draw a receipt as a PNG.")
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--total", type=Decimal, default=Decimal("12.500"), help="in Kuwaiti dinars")
    given = arguments.parse_args()
    given.file.write_bytes(receipt(given.total))
    print(f"{given.file}: a receipt over {given.total:.3f} {CURRENCY}")


if __name__ == "__main__":
    main()
