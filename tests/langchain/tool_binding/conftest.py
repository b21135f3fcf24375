"""What the tool binding's tests share: tools, and one way to run a binding in each of its faces."""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from tool_binding.support import Bind, Run

from langchain_resayil import ChatResayil, ResayilToolBinding

QUESTION = "رقم عضويتي 7788 والمجموع ١٢٫٥ دينار، كم نقطة سأكسب؟"


def get_loyalty_points(member_id: str, total_kwd: float) -> dict[str, Any]:
    """Look up the loyalty points that a member earns for a purchase.

    Args:
        member_id: The membership number.
        total_kwd: The receipt's total in dinars.
    """
    return {"member": member_id, "points": round(total_kwd * 10)}


@pytest.fixture
def question() -> str:
    """A question whose words supply the loyalty tool's arguments."""
    return QUESTION


@pytest.fixture
def bind(model: ChatResayil) -> Bind:
    """Binds tools, the loyalty tool if none is named, to a model on a fresh emulator."""

    def make(*tools: Any, on: ChatResayil | None = None, **settings: Any) -> ResayilToolBinding:
        return ResayilToolBinding(on or model, tools or [get_loyalty_points], **settings)

    return make


def _whole(binding: ResayilToolBinding, given: Any) -> list[BaseMessage]:
    return binding.with_transcript().invoke(given)["messages"]


def _awaited(binding: ResayilToolBinding, given: Any) -> list[BaseMessage]:
    return asyncio.run(binding.with_transcript().ainvoke(given))["messages"]


def _joined(pieces: list[AIMessage | ToolMessage]) -> list[BaseMessage]:
    """The messages that the pieces of a stream make."""
    messages: list[Any] = []
    for piece in pieces:
        newest = messages[-1] if messages else None
        if isinstance(piece, AIMessageChunk) and isinstance(newest, AIMessageChunk):
            messages[-1] = newest + piece
        else:
            messages.append(piece)
    return messages


def _streamed(binding: ResayilToolBinding, given: Any) -> list[BaseMessage]:
    return _joined(list(binding.stream(given)))


def _astreamed(binding: ResayilToolBinding, given: Any) -> list[BaseMessage]:
    async def collect() -> list[AIMessage | ToolMessage]:
        return [piece async for piece in binding.astream(given)]

    return _joined(asyncio.run(collect()))


@pytest.fixture(
    params=[_whole, _awaited, _streamed, _astreamed], ids=["invoke", "ainvoke", "stream", "astream"]
)
def run(request: pytest.FixtureRequest) -> Run:
    """The messages of a run, in each of the binding's four faces."""
    face: Run = request.param
    return face


@pytest.fixture
def receipt_picture() -> dict[str, Any]:
    """A receipt's photo, whose file carries its words."""
    words = PngInfo()
    words.add_itxt("Description", "مطعم البحر\nسمك 8.000 د.ك\nشاي 4.500 د.ك\nالمجموع: 12.500 د.ك", lang="ar")
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG", pnginfo=words)
    return {
        "type": "image",
        "base64": base64.b64encode(file.getvalue()).decode(),
        "mime_type": "image/png",
    }
