"""The documents' own rich conversation, as a LangChain agent, in Arabic.

A receipt's photo, a clarifying turn, a function call, a final answer: streamed, then priced.

    make demo            on the embedded emulator: no key, no network, no cost
    make demo LIVE=1     the same code on the service, after a forecast
"""

from __future__ import annotations

import base64
import contextlib
import os
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from make_receipt import receipt
from rich.console import Console
from rich.table import Table
from rich.text import Text

from langchain_resayil import ChatResayil
from resayil import Client, image_from_bytes, system, user
from resayil.credits import CreditPolicy
from resayil.emulator import Emulator

CHAT_MODEL, VISION_MODEL = "deepseek-v4-pro", "qwen3-vl:235b-instruct"
PROMPT = "أنت مساعد متجر يتحدث العربية. اقرأ الإيصالات، واسأل عمّا ينقصك، واحسب نقاط الولاء بالأداة."
PHOTO_QUESTION = "كم المجموع في هذا الإيصال؟"
POINTS_QUESTION = "رقم عضويتي 7788، كم نقطة ولاء سأحصل عليها؟"
ANSWER_TOKENS = 300
THREAD: Any = {"configurable": {"thread_id": "demo"}}

console = Console(highlight=False)


def get_loyalty_points(member_id: str, total_kwd: float) -> dict[str, object]:
    """نقاط الولاء التي يكسبها العضو عن مشترياته.

    Args:
        member_id: رقم العضوية.
        total_kwd: مجموع الإيصال بالدينار الكويتي.
    """
    return {"member_id": member_id, "points": round(total_kwd * 10), "tier": "ذهبي"}


@contextlib.contextmanager
def service(*, live: bool) -> Iterator[dict[str, Any]]:
    """Where the demo runs: the service with the user's key, or the emulator on a socket of this machine."""
    if live:
        console.print("[bold]Live:[/] the service answers, with your key and your credits.\n")
        yield {}
        return
    console.print(
        "[bold]Emulator:[/] our reading of the documents answers, not the service; no key, no cost.\n"
    )
    with Emulator(chunk_delay=0.01 if console.is_terminal else 0).serve() as server:
        yield {"base_url": server.base_url, "api_key": server.emulator.key}


def forecast(photo: bytes, address: dict[str, Any]) -> None:
    """Say what the conversation is likely to cost before it is sent, and let a person stop it."""
    turns = [system(PROMPT), user(PHOTO_QUESTION, image_from_bytes(photo)), user(POINTS_QUESTION)]
    with Client(**address) as client:
        count = client.count_tokens(CHAT_MODEL, turns, tools=[get_loyalty_points])
    multiplier = CreditPolicy().multiplier(CHAT_MODEL)
    low, high = (3 * (tokens + ANSWER_TOKENS) * multiplier for tokens in (count.low, count.high))
    console.print(f"Forecast: three requests, about {low} to {high} credits (an estimate).")
    if sys.stdin.isatty():
        input("Enter sends them, Ctrl-C does not. ")


def play(photo: bytes, address: dict[str, Any]) -> list[AIMessage]:
    """Play the conversation and return the model's answers."""
    agent = create_agent(
        ChatResayil(model=CHAT_MODEL, vision_model=VISION_MODEL, history_images="note", **address),
        tools=[get_loyalty_points],
        system_prompt=PROMPT,
        checkpointer=InMemorySaver(),
    )
    image = {"type": "image", "base64": base64.b64encode(photo).decode(), "mime_type": "image/png"}
    questions = (
        HumanMessage(content=[{"type": "text", "text": PHOTO_QUESTION}, image]),
        HumanMessage(content=POINTS_QUESTION),
    )
    for question in questions:
        shown = (
            f"{question.text}  (photo: {len(photo) / 1000:.1f} kB)"
            if isinstance(question.content, list)
            else question.text
        )
        console.print(Text(f"\n› {shown}", style="bold cyan"), end="")
        screen = Screen()
        for piece, _ in agent.stream({"messages": [question]}, THREAD, stream_mode="messages"):
            screen.show(piece)
        console.print()
    messages: list[AnyMessage] = agent.get_state(THREAD).values["messages"]
    return [message for message in messages if isinstance(message, AIMessage)]


class Screen:
    """Prints the pieces of a stream as they come: each kind on a line of its own."""

    def __init__(self) -> None:
        self._style: str | None = None

    def show(self, piece: object) -> None:
        """Print one piece."""
        if isinstance(piece, ToolMessage):
            self._write(f"⚙ {piece.name} → {piece.text}", "green")
        elif isinstance(piece, AIMessageChunk):
            self._write(piece.additional_kwargs.get("reasoning_content", ""), "dim")
            for call in piece.tool_call_chunks:
                self._write(f"⚙ {call['name']} " if call["name"] else call["args"] or "", "yellow")
            self._write(piece.text, "")

    def _write(self, text: str, style: str) -> None:
        if text:
            console.print(Text(text if style == self._style else f"\n{text}", style=style), end="")
            self._style = style


def bill(answers: list[AIMessage]) -> Table:
    """Tokens and estimated credits of each answer."""
    table = Table("answer", "model", "prompt", "answered", "credits (estimated)", title="What it took")
    total = Decimal(0)
    for n, answer in enumerate(answers, start=1):
        usage, meta = answer.usage_metadata or {}, answer.response_metadata
        credits_spent = Decimal(str(meta["credits"])).normalize()
        total += credits_spent
        tokens = (str(usage.get("input_tokens")), str(usage.get("output_tokens")))
        table.add_row(str(n), meta["model_name"], *tokens, f"{credits_spent:f}")
    table.add_section()
    table.add_row("", "", "", "", f"{total:f}", style="bold")
    return table


def main() -> None:
    """Run the demo."""
    live = os.environ.get("LIVE", "") not in {"", "0"}
    photo = receipt(Decimal(sys.argv[1] if len(sys.argv) > 1 else "12.500"))
    with service(live=live) as address:
        if live:
            forecast(photo, address)
        console.print(bill(play(photo, address)))


if __name__ == "__main__":
    main()
