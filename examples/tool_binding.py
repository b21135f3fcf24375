"""A model and its tools, run to an answer: streamed, with a person's approval, natively or by text.

python examples/tool_binding.py               on the embedded emulator: no key, no network, no cost
python examples/tool_binding.py --emulated    the same where tools are ignored: they are described by text
python examples/tool_binding.py --live        on the service, with your key and your credits
"""

from __future__ import annotations

import argparse
from typing import Any

from langchain_core.messages import ToolCall, ToolMessage
from service import service

from langchain_resayil import ChatResayil, ResayilToolBinding

QUESTION = "رقم عضويتي 7788 ومجموع الإيصال ١٢٫٥٠٠ د.ك، كم نقطة ولاء سأحصل عليها؟"


def get_loyalty_points(member_id: str, total_kwd: float) -> dict[str, Any]:
    """نقاط الولاء التي يكسبها العضو عن مشترياته.

    Args:
        member_id: رقم العضوية.
        total_kwd: مجموع الإيصال بالدينار الكويتي.
    """
    return {"member_id": member_id, "points": round(total_kwd * 10), "tier": "ذهبي"}


def approve(call: ToolCall) -> bool:
    """Say what is about to be executed; a program of yours may ask a person here."""
    print(f"⚙ {call['name']} {call['args']}")
    return True


def main() -> None:
    """Ask the question, and show what happens."""
    arguments = argparse.ArgumentParser(description="A model and its tools, run to an answer.")
    arguments.add_argument("--emulated", action="store_true", help="describe the tools in the prompt")
    arguments.add_argument("--live", action="store_true", help="ask the service")
    given = arguments.parse_args()
    with service(live=given.live, profile="march-2026" if given.emulated else "documented") as address:
        binding = ResayilToolBinding(
            ChatResayil(model="deepseek-v4-pro", **address),
            [get_loyalty_points],
            tool_calling="emulated" if given.emulated else "auto",
            tool_timeout=10,
            approve=approve,
        )
        print(f"› {QUESTION}")
        for piece in binding.stream(QUESTION):
            if isinstance(piece, ToolMessage):
                print(f"⚙ {piece.name} → {piece.text}")
            else:
                print(piece.text, end="", flush=True)
    print()


if __name__ == "__main__":
    main()
