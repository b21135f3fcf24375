"""Your own chain under test: `pytest examples/test_your_chain.py`. The fixtures come with the package.

`resayil_server` is the emulator on a socket of this machine: a reading of the documents, not the service.
"""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable

import resayil
from langchain_resayil import ChatResayil
from resayil.emulator.server import Server


def translator(**address: Any) -> Runnable[dict[str, Any], str]:
    """The chain under test: yours goes here."""
    prompt = ChatPromptTemplate([("system", "ترجم إلى العربية."), ("user", "{text}")])
    return prompt | ChatResayil(model="mistral", max_retries=0, **address) | StrOutputParser()


@pytest.fixture
def chain(resayil_server: Server) -> Runnable[dict[str, Any], str]:
    """The chain, pointed at the emulator."""
    return translator(base_url=resayil_server.base_url, api_key=resayil_server.key)


def test_the_answer_comes_out(chain: Runnable[dict[str, Any], str], resayil_server: Server) -> None:
    """A scripted answer comes out as it is, and the prompt went in as it was meant."""
    resayil_server.emulator.reply("صباح الخير")
    assert chain.invoke({"text": "Good morning"}) == "صباح الخير"
    sent = resayil_server.emulator.requests[-1].body["messages"]
    assert [turn["content"] for turn in sent] == ["ترجم إلى العربية.", "Good morning"]


def test_credits_run_out(chain: Runnable[dict[str, Any], str], resayil_server: Server) -> None:
    """A failure of the service reaches your code as the error that it handles."""
    resayil_server.emulator.fault(402)
    with pytest.raises(resayil.InsufficientCreditsError):
        chain.invoke({"text": "Good morning"})
