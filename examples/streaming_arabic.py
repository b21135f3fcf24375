"""An Arabic answer as it is written, on an event loop: reasoning apart, nothing split inside a letter.

python examples/streaming_arabic.py           on the emulator: no key, no cost
python examples/streaming_arabic.py --live    on the service, with your key and your credits
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from service import service

from resayil import AsyncClient, ReasoningDelta, StreamInterruptedError, TextDelta, system, user

TURNS = [system("أجب بالعربية الفصحى."), user("اشرح الربا المركب بجملة واحدة.")]


async def answer(address: dict[str, Any]) -> None:
    """Print the reasoning and the text; a stream that breaks off says so and keeps what came."""
    async with AsyncClient(**address) as client:
        stream = await client.stream("deepseek-v4-pro", TURNS)
        part = None
        try:
            async for event in stream:
                if isinstance(event, ReasoningDelta | TextDelta):
                    if event.part != part:
                        part = event.part
                        print("\nتفكير:" if isinstance(event, ReasoningDelta) else "\nجواب:", end=" ")
                    print(event.text, end="", flush=True)
        except StreamInterruptedError as error:
            print(f"\nbroken off after {len(error.partial_text)} characters: {error}")
            return
    usage = stream.response().usage
    print(f"\n{usage.input_tokens} + {usage.output_tokens} tokens")


if __name__ == "__main__":
    with service(live="--live" in sys.argv) as place:
        asyncio.run(answer(place))
