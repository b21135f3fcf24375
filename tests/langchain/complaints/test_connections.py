"""Event loops, shared connections, consumers that leave, and addresses: complaints 16 to 18 and 28."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from complaints.support import QUESTION

from langchain_resayil import ChatResayil


def test_complaint_16_three_event_loops_and_no_second_sending(server: Any) -> None:
    """Complaint 16: one model serves loops one after another, and each question is sent once."""
    model = ChatResayil(model="mistral", api_key=server.key, base_url=server.base_url)
    before = len(server.emulator.requests)
    for _ in range(3):
        assert asyncio.run(model.ainvoke(QUESTION)).text
    assert len(server.emulator.requests) == before + 3


def test_complaint_17_models_share_their_connections(server: Any) -> None:
    """Complaint 17: models made in a loop do not each open connections of their own."""
    made = [
        ChatResayil(model="mistral", temperature=n / 100, api_key=server.key, base_url=server.base_url)
        for n in range(20)
    ]
    assert all(model.invoke(QUESTION).text for model in made)
    assert len({id(model._client()) for model in made}) == 1  # noqa: SLF001 - that is what is shared
    made[0].close()


async def test_complaint_18_a_consumer_that_leaves(server: Any) -> None:
    """Complaint 18: leaving a stream in its middle closes its connection; the next call is served."""
    server.emulator.reply("كلمة " * 200)
    model = ChatResayil(model="mistral", api_key=server.key, base_url=server.base_url)
    async for _ in model.astream(QUESTION):
        break
    await asyncio.sleep(0)
    assert (await model.ainvoke(QUESTION)).text
    await model.aclose()


ADDRESSES = ["", "/", "/v1", "/v1/", "/v1/v1", "/v1/chat/completions", "/v1/messages", "/v1/models"]


@pytest.mark.parametrize("path", ADDRESSES)
def test_complaint_28_every_form_of_the_base_url(path: str) -> None:
    """Complaint 28: host, `/v1`, slashes and pasted endpoints all lead to one address."""
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})

    transport = httpx.MockTransport(reply)
    ChatResayil(
        model="m", api_key="sk-x", base_url=f"http://127.0.0.1:1{path}", http_transport=transport
    ).invoke("x")
    assert asked == ["/v1/chat/completions"]
