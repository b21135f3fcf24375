"""Which models there are, and what becomes of a wrong id: rows C26–C29 of the table."""

from __future__ import annotations

import re

import pytest
from core.contradictions.support import SOURCES, told
from core.support import Scripted, client_of, emulator_of, json_reply

from resayil import ModelInfo, NotFoundError
from resayil.models import SNAPSHOT


def test_c26_no_model_count_is_written_down() -> None:
    """The live list is what the service says, long or short; the offline one calls itself a snapshot."""
    transport = Scripted(json_reply({"data": [{"id": f"model-{n}"} for n in range(77)]}))
    assert len(client_of(transport).models()) == 77
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert not re.search(r"\b(?:39|45)\+? (?:active )?models", text)
    assert "snapshot, not the live list" in text


def test_c27_unknown_ids_pass_and_a_404_suggests() -> None:
    """Ids with colons, slashes and capitals go out as they are; a wrong one is answered with the nearest."""
    transport, client = told()
    for model in ("library/Kimi-K2:1t", "x", "new:model/of.Tomorrow"):
        client.chat(model, "س")
    assert [body["model"] for body in transport.bodies] == [
        "library/Kimi-K2:1t",
        "x",
        "new:model/of.Tomorrow",
    ]
    emulator = emulator_of()
    with pytest.raises(NotFoundError, match="deepseek-v4-flash") as caught:
        client_of(emulator.transport()).chat("deepseek-v4-flahs", "س")
    assert caught.value.status_code == 404


def test_c27_suggestions_come_from_the_live_list() -> None:
    """Once the list was read, suggestions name what is on it."""
    missing = json_reply({"error": {"code": 404, "message": "Model 'brand-nwe' not found."}}, 404)
    client = client_of(Scripted(json_reply({"data": [{"id": "brand-new"}]}), missing))
    client.models()
    with pytest.raises(NotFoundError, match="Nearest known ids to 'brand-nwe': brand-new"):
        client.chat("brand-nwe", "س")


def test_c27_the_snapshot_holds_ids_of_the_documents() -> None:
    """What is known offline are the documents' own ids, with what they say and nothing made up."""
    assert SNAPSHOT["qwen3-vl:235b-instruct"].category == "vision"
    assert SNAPSHOT["llama3.2:3b"].context_window == 8192
    assert SNAPSHOT["mistral"].context_window is None


def test_c28_every_field_of_a_model_is_optional() -> None:
    """An id is enough, strings are models too, unknown fields are kept, either multiplier counts."""
    items = [
        {"id": "a"},
        {"id": "b", "credit_multiplier": "1.5", "x_new": [1]},
        {"id": "c", "credit_cost_multiplier": 2, "credit_multiplier": 9, "context_window": 5},
        "d",
        {"name": "no id"},
        7,
    ]
    found = {info.id: info for info in client_of(Scripted(json_reply(items))).models()}
    assert list(found) == ["a", "b", "c", "d"]
    assert found["a"].credit_multiplier is None
    assert (str(found["b"].credit_multiplier), found["b"].extra) == ("1.5", {"x_new": [1]})
    assert (found["c"].credit_multiplier, found["c"].context_window) == (2, 5)


def test_c29_an_inactive_model_is_not_found() -> None:
    """404, or a 503 that names the model: NotFound, the second after one more try."""
    emulator = emulator_of()
    with pytest.raises(NotFoundError):
        client_of(emulator.transport(), max_retries=5).chat("neural-chat", "س")
    assert len(emulator.requests) == 1


def test_c29_a_503_that_names_the_model_is_not_found_after_one_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried once more, since a 503 may pass, and then told as what it is."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    emulator = emulator_of("inactive-503")
    with pytest.raises(NotFoundError) as caught:
        client_of(emulator.transport(), max_retries=5).chat("neural-chat", "س")
    assert (caught.value.attempts, caught.value.status_code, len(emulator.requests)) == (2, 503, 2)


def test_c29_inactive_models_are_hidden_unless_asked_for() -> None:
    """A list shows what can be used; asked, it shows all."""
    client = client_of(emulator_of().transport())
    assert "neural-chat" not in {info.id for info in client.models()}
    assert "neural-chat" in {info.id for info in client.models(include_inactive=True)}


def test_the_catalogue_can_be_set() -> None:
    """A list fetched elsewhere serves for suggestions."""
    client = client_of(Scripted(json_reply({"error": {"message": "no"}}, 404)))
    client.catalogue = {"brand-new": ModelInfo("brand-new")}
    with pytest.raises(NotFoundError, match="brand-new"):
        client.chat("brand-nwe", "س")
