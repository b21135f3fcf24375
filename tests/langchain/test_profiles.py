"""What is known of a model: from the snapshot at first, from the service once it was asked."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import pytest
from fixture_types import MakeModel
from langchain.agents import create_agent
from langchain_core.runnables import ConfigurableField
from pydantic import BaseModel

import resayil
from langchain_resayil import ChatResayil
from langchain_resayil.profiles import profile
from resayil import ModelInfo
from resayil.emulator import Emulator
from resayil.models import SNAPSHOT


def test_every_profile_has_keys_that_langchain_knows(make_model: MakeModel, emulator: Emulator) -> None:
    """No profile of the snapshot has a key that LangChain warns of, and none of them takes a request."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        profiles = {name: make_model(model=name).profile or {} for name in SNAPSHOT}
    assert emulator.requests == []
    assert profiles["llama3.2:3b"]["max_input_tokens"] == 8192
    assert profiles["qwen3-vl:235b-instruct"]["image_inputs"] is True
    assert profiles["deepseek-v4-pro"]["reasoning_output"] is True
    assert profiles["deepseek-v4-flash"]["image_inputs"] is False
    for known in profiles.values():
        assert "structured_output" not in known  # no document promises it
        assert known["pdf_inputs"] is known["audio_inputs"] is False


def test_what_is_not_known_is_not_said(make_model: MakeModel) -> None:
    """An unknown model has no profile, one that is merely named has no window, and neither is refused."""
    assert make_model(model="new-model").profile is None
    known = make_model(model="mistral").profile or {}
    assert "max_input_tokens" not in known
    assert "image_inputs" not in known
    assert make_model(profile={"max_input_tokens": 7}).profile == {"max_input_tokens": 7}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_list_is_fetched_on_request_and_then_used(
    make_model: MakeModel, emulator: Emulator, *, asynchronous: bool
) -> None:
    """`list_models` gives the live list; from then on profile and credits of both kinds of call follow it."""
    model = make_model(model="claude-3-sonnet-cloud")
    found = await model.alist_models() if asynchronous else model.list_models()
    assert [request.path for request in emulator.requests] == ["/v1/models"]
    assert all(isinstance(info, ModelInfo) for info in found)
    live = {info.id: info for info in found}
    assert (model.profile or {}).get("max_input_tokens") == live[model.model].context_window
    client, other = model._client(), model._async_client()  # noqa: SLF001 - what both have learned
    assert client.catalogue is other.catalogue
    dear = ModelInfo(model.model, credit_multiplier=Decimal("3.5"), context_window=99)
    client.catalogue = other.catalogue = {dear.id: dear}
    for answer in (model.invoke("x"), await model.ainvoke("x"), *list(model.stream("x"))[-1:]):
        assert answer.usage_metadata is not None
        tokens = answer.usage_metadata["total_tokens"]
        assert answer.response_metadata["credits"] == tokens * 3.5
        assert answer.usage_metadata["credits_micro"] == tokens * 3_500_000  # type: ignore[typeddict-item] # ours


def test_a_model_that_only_the_service_knows(make_model: MakeModel) -> None:
    """What the snapshot does not name has a profile once the list was fetched."""
    live = next(info for info in make_model().list_models() if info.id not in SNAPSHOT or info.context_window)
    model = make_model(model=live.id)
    model.profile = None
    model.list_models()
    assert model.profile == profile(live.id, {live.id: live})


def test_lists_can_be_narrowed(model: ChatResayil) -> None:
    """A category, and models that are listed but not served."""
    assert {info.category for info in model.list_models(category="vision")} == {"vision"}
    assert len(model.list_models(include_inactive=True)) > len(model.list_models())


def test_a_refused_list_is_a_typed_error(model: ChatResayil, emulator: Emulator) -> None:
    """Listing raises the pack's errors."""
    emulator.fault(401)
    with pytest.raises(resayil.AuthenticationError):
        model.list_models()


def test_another_model_has_another_profile(make_model: MakeModel, emulator: Emulator) -> None:
    """`configurable_fields` changes the model, and with it the profile; streaming stays as it was."""
    field = ConfigurableField(id="model")
    chain = make_model(temperature=0.5).configurable_fields(
        model=field, temperature=ConfigurableField(id="heat"), stop=ConfigurableField(id="stop")
    )
    chosen: Any = chain.with_config(configurable={"model": "llama3.2:3b", "heat": 0.1, "stop": ["x"]})
    chunks = list(chosen.stream("مرحبًا بك"))
    assert len(chunks) > 2
    sent = emulator.requests[-1].body
    assert (sent["model"], sent["temperature"], sent["stop"]) == ("llama3.2:3b", 0.1, ["x"])
    made: Any = chain.prepare({"configurable": {"model": "llama3.2:3b"}})[0]  # type: ignore[attr-defined] # a configurable
    assert made.profile == profile("llama3.2:3b", SNAPSHOT)
    assert chain.invoke("x").response_metadata["model_name"] == "deepseek-v4-flash"


class Verdict(BaseModel):
    """The points of a member."""

    points: int


def test_an_agent_chooses_by_the_profile(make_model: MakeModel, emulator: Emulator) -> None:
    """A schema alone becomes a tool's call; a profile that claims structured output gets the schema."""
    emulator.call("Verdict", {"points": 1})
    agent: Any = create_agent(make_model(), tools=[], response_format=Verdict)
    assert agent.invoke({"messages": [("user", "x")]})["structured_response"] == Verdict(points=1)
    assert "response_format" not in emulator.requests[-1].body
    emulator.reply('{"points": 2}')
    claims = {**(make_model().profile or {}), "structured_output": True}
    agent = create_agent(make_model(profile=claims), tools=[], response_format=Verdict)
    assert agent.invoke({"messages": [("user", "x")]})["structured_response"] == Verdict(points=2)
    assert emulator.requests[-1].body["response_format"]["type"] == "json_schema"
