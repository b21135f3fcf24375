"""What the contradictions' tests share: the pack's sources, a conversation, a client that is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.support import Scripted, answer, client_of, json_reply

import resayil
from resayil import Client, ToolCallPart, assistant, system, tool_result, user

PACKAGE = Path(resayil.__file__).parent
ROOT = PACKAGE.parent
SOURCES = [path for path in PACKAGE.rglob("*.py") if "emulator" not in path.parts]
VISION_MODEL = "qwen3-vl:235b-instruct"
HISTORY = (
    system("كن موجزًا"),
    user("ما الطقس؟"),
    assistant(ToolCallPart("call_1", "get_weather", {"city": "الكويت"})),
    tool_result("call_1", "٤١ درجة"),
)


def told(**settings: Any) -> tuple[Scripted, Client]:
    """A client that is always answered, and what it was asked."""
    transport = Scripted(json_reply(answer()))
    return transport, client_of(transport, **settings)
