"""What the complaints' tests share: a question, a tool, and models whose server streams what a test says.

The numbers are those of the list of complaints in the field, 1 to 31, and of the merging traps, 1 to 9.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
from fixture_types import Join
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_resayil import ChatResayil

QUESTION = "كم نقطة لديّ؟"
DONE = b"data: [DONE]\n\n"


def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def chunk(delta: Any = None, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat stream; each of ours names the model, as most servers do."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "mistral", "choices": [choice], **more}


def call(arguments: str, **fields: Any) -> dict[str, Any]:
    """A fragment of a tool call."""
    named = {"name": fields.pop("name")} if "name" in fields else {}
    return {**fields, "function": {**named, "arguments": arguments}}


def served(*frames: Any, **settings: Any) -> ChatResayil:
    """A model whose server streams these frames; bytes go out as they are."""
    body = b"".join(
        frame if isinstance(frame, bytes) else f"data: {json.dumps(frame)}\n\n".encode() for frame in frames
    )
    reply = httpx.MockTransport(
        lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    )
    given = {"model": "mistral", "api_key": "sk-x", "base_url": "http://127.0.0.1:1", "max_retries": 0}
    return ChatResayil(**{**given, "http_transport": reply, "http_async_transport": reply, **settings})


def streamed(model: ChatResayil, join: Join, *, tools: bool = True) -> AIMessageChunk:
    """The sum of a stream's chunks."""
    return join((model.bind_tools([get_points]) if tools else model).stream(QUESTION))


WHOLE_CALL = [("get_points", {"customer_id": "12"})]


def said(message: AIMessage) -> list[tuple[str, Any]]:
    """The calls of a message."""
    assert message.invalid_tool_calls == []
    return [(made["name"], made["args"]) for made in message.tool_calls]
