"""What the import brings along, and what a long stream costs: complaints 29 and 30."""

from __future__ import annotations

import subprocess
import sys
import time
from decimal import Decimal
from typing import Any

from langchain_resayil.chunks import ChunkMaker
from resayil import MessageEnd, MessageStart, ToolCallDelta, Usage
from resayil.accumulate import Accumulator
from resayil.credits import Cost
from resayil.events import UsageReport


def test_complaint_29_the_import_takes_nothing_foreign() -> None:
    """Complaint 29: importing the chat model pulls in no SDK, no tokenizer and no transport."""
    heavy = ["openai", "anthropic", "tiktoken", "transformers", "litellm", "langchain", "resayil.client"]
    program = (
        f"import sys, langchain_resayil.chat_models; print([name for name in {heavy} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def seconds_for(fragments: int) -> float:
    """CPU time that the chunks of one long tool call take."""
    accumulator = Accumulator()
    maker = ChunkMaker(
        "v0", lambda: accumulator.response("m", Usage(0, 0)), lambda _: Cost(Decimal(0), estimated=True)
    )
    events: list[Any] = [MessageStart("a", "m"), ToolCallDelta(0, 0, '{"x": "', "c", "f")]
    events += [ToolCallDelta(0, 0, "abcdefgh") for _ in range(fragments)]
    events += [ToolCallDelta(0, 0, '"}'), UsageReport(Usage(1, 1)), MessageEnd("stop")]
    began = time.process_time()
    for event in events:
        accumulator.add([event])
        maker.feed(event)
    return time.process_time() - began


def test_complaint_30_the_cost_of_a_stream_is_linear() -> None:
    """Complaint 30: eight times the fragments cost about eight times the time, not sixty-four.

    LangChain's own `chunk + chunk` is quadratic in long texts; that is its code, and `first + [rest]` is not.
    """
    seconds_for(100)
    short = min(seconds_for(400) for _ in range(4))
    assert min(seconds_for(3_200) for _ in range(2)) < short * 24
