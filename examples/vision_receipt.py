"""A receipt's photo read into an object.

python examples/vision_receipt.py [PHOTO.png]           on the emulator: no key, no cost
python examples/vision_receipt.py [PHOTO.png] --live    on the service, with your key and your credits

Without a photo one is drawn. The emulator reads the words that `make_receipt.py` writes into the file.
"""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Literal

from make_receipt import receipt
from pydantic import BaseModel, Field
from service import service

from resayil import Client, image_from_bytes, image_from_path, user

MODEL = "qwen3-vl:235b-instruct"


class Receipt(BaseModel):
    """ما في الإيصال."""

    total: Decimal = Field(description="المجموع")
    currency: Literal["KWD", "SAR", "AED"] = Field(description="العملة")


def main() -> None:
    """Ask for the object, and show what it cost."""
    photos = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("--")]
    photo = image_from_path(photos[0]) if photos else image_from_bytes(receipt(Decimal("12.500")))
    with service(live="--live" in sys.argv) as address, Client(**address) as client:
        question = user("اقرأ هذا الإيصال.", photo)
        answer = client.chat(MODEL, [question], response_format=Receipt)
    read = Receipt.model_validate_json(answer.text)
    print(f"{read.total:.3f} {read.currency}")
    print(f"{answer.usage.total_tokens} tokens")


if __name__ == "__main__":
    main()
