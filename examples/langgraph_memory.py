"""A LangGraph conversation with a memory for each customer, trimmed in Arabic tokens without a request.

python examples/langgraph_memory.py           on the emulator: no key, no cost
python examples/langgraph_memory.py --live    on the service, with your key and your credits
"""

from __future__ import annotations

import sys
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage, trim_messages
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from service import service

from langchain_resayil import ChatResayil

WINDOW = 300
RULES = SystemMessage("أنت موظف خدمة في متجر كويتي. أجب بإيجاز.")
SAID = (
    ("أحمد", "اسمي أحمد ورقم عضويتي 7788."),
    ("سارة", "اسمي سارة ورقم عضويتي 4410."),
    ("أحمد", "ما رقم عضويتي؟"),
    ("سارة", "ما رقم عضويتي؟"),
)


def graph(model: ChatResayil) -> Any:
    """One node: the model, shown as much of the conversation as the window holds."""

    def reply(state: MessagesState) -> dict[str, Any]:
        window = trim_messages(
            [RULES, *state["messages"]],
            max_tokens=WINDOW,
            token_counter=model,
            strategy="last",
            include_system=True,
            start_on="human",
        )
        return {"messages": [model.invoke(window)]}

    builder = StateGraph(MessagesState)
    builder.add_node("reply", reply)
    builder.add_edge(START, "reply")
    return builder.compile(checkpointer=InMemorySaver())


def main() -> None:
    """Two customers take turns; neither hears what the other said."""
    with service(live="--live" in sys.argv) as address:
        talk = graph(ChatResayil(model="deepseek-v4-flash", **address))
        for customer, text in SAID:
            thread: Any = {"configurable": {"thread_id": customer}}
            state = talk.invoke({"messages": [HumanMessage(text)]}, thread)
            answer = state["messages"][-1]
            print(f"{customer} › {text}\n{answer.text}  ({answer.usage_metadata['input_tokens']} tokens)")


if __name__ == "__main__":
    main()
