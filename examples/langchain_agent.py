"""A LangChain agent whose tool is called twice at once, its answer streamed and its credits summed.

python examples/langchain_agent.py           on the emulator: no key, no cost
python examples/langchain_agent.py --live    on the service, with your key and your credits
"""

from __future__ import annotations

import sys

from langchain.agents import create_agent
from langchain_core.messages import AIMessageChunk, ToolMessage
from service import service

from langchain_resayil import ChatResayil, CreditsCallbackHandler

QUESTION = "ما الطقس في الكويت ومسقط؟"


def get_weather(city: str) -> str:
    """الطقس في مدينة اليوم."""
    return f"{city}: 38 درجة ومشمس"


def main() -> None:
    """Ask, show each call's result and the answer as they come, then the credits of the whole run."""
    with service(live="--live" in sys.argv) as address:
        spent = CreditsCallbackHandler()
        agent = create_agent(ChatResayil(model="deepseek-v4-pro", **address), tools=[get_weather])
        print(f"› {QUESTION}")
        for piece, _ in agent.stream(
            {"messages": QUESTION}, config={"callbacks": [spent]}, stream_mode="messages"
        ):
            if isinstance(piece, ToolMessage):
                print(f"⚙ {piece.name} → {piece.text}")
            elif isinstance(piece, AIMessageChunk):
                print(piece.text, end="", flush=True)
        print(f"\n{spent.total.normalize():f} credits (estimated)")


if __name__ == "__main__":
    main()
