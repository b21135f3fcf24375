"""Which models get their reasoning back, and what a client knows of the models."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from resayil import AsyncClient, Client, ModelInfo, ReasoningPart, TextPart, assistant, user
from resayil.emulator import Emulator
from resayil.models import SNAPSHOT

POLICY: dict[str, Any] = {"deepseek-v4-pro": "always", "*": "never"}
TURNS = [user("س"), assistant(ReasoningPart("أفكر"), TextPart("ج")), user("ثم؟")]


@pytest.mark.parametrize(
    ("policy", "model", "sent"),
    [
        ("never", "deepseek-v4-pro", False),
        ("always", "mistral", True),
        (POLICY, "deepseek-v4-pro", True),
        (POLICY, "deepseek-v4-pro:cloud", True),
        (POLICY, "mistral", False),
        ({"mistral": "always"}, "llama3.1", False),
        ({"*": "always", "mistral": "never"}, "llama3.1", True),
        ({"*": "always", "mistral": "never"}, "mistral", False),
    ],
)
def test_reasoning_goes_back_by_model(policy: Any, model: str, *, sent: bool) -> None:
    """A policy is one word, or a word for each model with `*` for the others; never is the default."""
    emulator = Emulator(oddities=["cloud-suffix"])
    emulator.reply("نعم")
    with Client(
        emulator.key, emulator.base_url, transport=emulator.transport(), reasoning_replay=policy
    ) as client:
        client.chat(model, TURNS)
    assert ("أفكر" in json.dumps(emulator.requests[-1].body, ensure_ascii=False)) is sent


async def test_the_catalogue_is_a_snapshot_until_asked() -> None:
    """Nothing is fetched unasked; `models` teaches the client, and a list can be handed over."""
    emulator = Emulator()
    client = Client(emulator.key, emulator.base_url, transport=emulator.transport())
    other = AsyncClient(emulator.key, emulator.base_url, transport=emulator.async_transport())
    assert client.catalogue is other.catalogue is SNAPSHOT
    assert emulator.requests == []
    live = client.models(include_inactive=True)
    assert dict(client.catalogue) == {info.id: info for info in live}
    other.catalogue = {"new": ModelInfo("new", credit_multiplier=Decimal(3))}
    assert list(other.catalogue) == ["new"]
    await other.models()
    assert other.catalogue == client.catalogue
