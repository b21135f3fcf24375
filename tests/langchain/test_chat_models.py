"""The model as a value: settings, overrides, sharing, pickling, serialising."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped] # it has no types
from fixture_types import MakeModel
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from pydantic import BaseModel, ValidationError

import langchain_resayil
import resayil
from langchain_resayil import ChatResayil
from resayil import sharing
from resayil.emulator import Emulator

PICTURE = {"type": "image", "base64": "iVBORw0KGgoAAAA=", "mime_type": "image/png"}


class Points(BaseModel):
    """Loyalty points of a customer."""

    customer_id: str


@tool
def get_points(customer_id: str) -> str:
    """Loyalty points of a customer."""
    return customer_id


def body(emulator: Emulator) -> dict[str, Any]:
    """The newest body that was sent."""
    sent: dict[str, Any] = emulator.requests[-1].body
    return sent


def test_settings_reach_the_wire(make_model: MakeModel, emulator: Emulator) -> None:
    """Each sampling setting arrives under the dialect's own name, and nothing arrives unset."""
    make_model().invoke("x")
    assert body(emulator).keys() == {"model", "messages"}
    make_model(
        temperature=0, max_tokens=64, top_p=0.5, seed=7, stop=["قف"], extra_body={"mirostat": 1},
        extra_headers={"x-team": "kw"}, model_kwargs={"parallel_tool_calls": False},
    ).invoke("x")  # fmt: skip
    sent = body(emulator)
    assert (sent["temperature"], sent["max_tokens"], sent["top_p"], sent["seed"]) == (0, 64, 0.5, 7)
    assert (sent["stop"], sent["mirostat"], sent["parallel_tool_calls"]) == (["قف"], 1, False)
    assert emulator.requests[-1].headers["x-team"] == "kw"
    make_model(api="messages", top_k=3, stop=["قف"]).invoke("x")
    assert (body(emulator)["top_k"], body(emulator)["stop_sequences"]) == (3, ["قف"])


def test_aliases_mean_their_fields() -> None:
    """The names that other integrations use are taken too."""
    model = ChatResayil(model_name="mistral", stop_sequences=["x"], request_timeout=5)  # type: ignore[call-arg] # aliases
    assert (model.model, model.model_name, model.stop, model.timeout) == ("mistral", "mistral", ["x"], 5)


@pytest.mark.parametrize(
    "wrong", [{"temprature": 1}, {"client_options": {"read_timeout": 1}}, {"client_options": {"x": 1}}]
)
def test_unknown_settings_are_refused(wrong: dict[str, Any]) -> None:
    """A misspelt setting is an error, not a silence."""
    with pytest.raises(ValidationError):
        ChatResayil(model="mistral", **wrong)


def test_further_settings_of_the_core_pass_through(make_model: MakeModel) -> None:
    """What has no field of its own goes through `client_options`, and is checked by the core."""
    model = make_model(timeout=5, deadline=9, client_options={"gap_timeout": 7, "max_image_bytes": 10})
    settings = model._client().settings  # noqa: SLF001 - the settings are what this is about
    assert (settings.read_timeout, settings.deadline, settings.gap_timeout) == (5, 9, 7)
    with pytest.raises(resayil.ImageError, match="10"):
        model.invoke(
            [HumanMessage([{"type": "image", "base64": "iVBORw0KGgoAAAA=", "mime_type": "image/png"}])]
        )


def test_a_call_overrides_the_model(make_model: MakeModel, emulator: Emulator) -> None:
    """Arguments of one call win over the model's own, and leave it as it was."""
    model = make_model(temperature=0.2, stop=["a"], max_tokens=9)
    answer = model.invoke(
        "x", stop=["b"], model="nemotron-3-super", temperature=1, extra_headers={"x-one": "1"}
    )
    sent = body(emulator)
    assert (sent["model"], sent["temperature"], sent["stop"], sent["max_tokens"]) == (
        "nemotron-3-super",
        1,
        ["b"],
        9,
    )
    assert emulator.requests[-1].headers["x-one"] == "1"
    assert answer.response_metadata["model_name"] == "nemotron-3-super"
    model.invoke("x", api="messages", timeout=5)
    assert emulator.requests[-1].path.endswith("/messages")
    model.invoke("x")
    assert (body(emulator)["temperature"], body(emulator)["stop"]) == (0.2, ["a"])


def test_unknown_arguments_of_a_call_are_refused(either: ChatResayil) -> None:
    """An argument that would vanish is refused, and the message says where it could go."""
    with pytest.raises(resayil.RequestError, match=r"temprature.*extra_body"):
        either.invoke("x", temprature=1)
    with pytest.raises(resayil.RequestError, match="functions"):
        list(either.stream("x", functions=[]))


CHOICES: list[tuple[Any, Any]] = [
    (None, None),
    (False, None),
    (True, "required"),
    ("any", "required"),
    ("required", "required"),
    ("auto", "auto"),
    ("none", "none"),
    ("get_points", {"type": "function", "function": {"name": "get_points"}}),
    (
        {"type": "function", "function": {"name": "get_points"}},
        {"type": "function", "function": {"name": "get_points"}},
    ),
    ({"type": "tool", "name": "get_points"}, {"type": "function", "function": {"name": "get_points"}}),
    ({"type": "any"}, "required"),
]


@pytest.mark.parametrize(("given", "sent"), CHOICES, ids=str)
def test_every_form_of_tool_choice(model: ChatResayil, emulator: Emulator, given: Any, sent: Any) -> None:
    """A tool choice means the same in each form that LangChain knows."""
    model.bind_tools([get_points], tool_choice=given).invoke("x")
    assert body(emulator).get("tool_choice") == sent


@pytest.mark.parametrize("choice", [{"type": "function"}, "no_such_tool"])
def test_a_choice_of_no_tool_is_refused(model: ChatResayil, choice: Any) -> None:
    """A choice that names no offered tool raises before anything is sent."""
    with pytest.raises(resayil.RequestError, match="tool_choice"):
        model.bind_tools([get_points], tool_choice=choice).invoke("x")


TOOLS: list[Any] = [
    get_points,
    Points,
    {
        "name": "get_points",
        "description": "d",
        "input_schema": Points.model_json_schema(),
        "cache_control": {},
    },
    {
        "type": "function",
        "function": {"name": "get_points", "parameters": Points.model_json_schema(), "strict": True},
    },
    {
        "title": "get_points",
        "description": "d",
        **{k: v for k, v in Points.model_json_schema().items() if k != "title"},
    },
]


@pytest.mark.parametrize("source", TOOLS, ids=lambda source: str(source)[:40])
def test_every_kind_of_tool(either: ChatResayil, emulator: Emulator, source: Any) -> None:
    """Anything that LangChain takes for a tool is offered, with its parameters."""
    either.bind_tools([source], strict=True, parallel_tool_calls=False).invoke("x")
    offered = body(emulator)["tools"][0]
    function = offered.get("function", offered)
    schema = function.get("parameters", function.get("input_schema"))
    assert function["name"] in {"get_points", "Points"}
    assert function["strict"] is True
    assert (schema["properties"]["customer_id"]["type"], schema["required"]) == ("string", ["customer_id"])


def test_many_models_share_one_client(make_model: MakeModel) -> None:
    """Two hundred models of one configuration use one pool; another configuration uses another."""
    models = [make_model(temperature=n / 200) for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        assert len({id(client) for client in threads.map(lambda model: model._client(), models)}) == 1  # noqa: SLF001 - one client is the promise
    assert make_model(timeout=1)._client() is not models[0]._client()  # noqa: SLF001 - two clients


def test_the_cache_of_clients_is_bounded(emulator: Emulator) -> None:
    """A program that makes ever new configurations does not keep ever more clients."""
    for n in range(1, sharing.MAX_CLIENTS + 10):
        sharing.shared(resayil.Client, None, {"api_key": emulator.key, "read_timeout": n})
    assert len(sharing._CLIENTS) <= sharing.MAX_CLIENTS  # noqa: SLF001 - its size is what this is about
    assert sharing.release(resayil.Client, None, {"api_key": emulator.key, "read_timeout": 1}) is None


async def test_closing_is_not_the_end(either: ChatResayil, emulator: Emulator) -> None:
    """After `close` and `aclose` the next call opens connections anew."""
    for _ in range(2):
        assert either.invoke("x").text
        assert (await either.ainvoke("x")).text
        either.close()
        await either.aclose()
    assert len(emulator.requests) == 4


def test_a_model_is_made_of_nothing_but_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constructor makes no client, needs no key, and asks nobody."""
    monkeypatch.delenv("LLM_RESAYIL_API_KEY", raising=False)
    before = dict(sharing._CLIENTS)  # noqa: SLF001 - what it would grow
    for name in ("mistral", "deepseek-v4-pro"):
        ChatResayil(model=name)
    assert before == sharing._CLIENTS  # noqa: SLF001 - as above


def test_a_pickle_holds_no_key(
    make_model: MakeModel, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pickled model forgets key and transports, and reads the key from the environment where it arrives."""
    model = make_model(temperature=0.5)
    stored = pickle.dumps(model)
    assert emulator.key.encode() not in stored
    copy = pickle.loads(stored)  # noqa: S301 - pickled right here
    assert (copy.model, copy.temperature, copy.api_key, copy.http_transport) == (model.model, 0.5, None, None)
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", "sk-arrived")
    assert copy._client().settings.secret == "sk-arrived"  # noqa: SLF001 - the key it would send
    assert model.api_key is not None


def test_the_key_is_shown_nowhere(model: ChatResayil, emulator: Emulator) -> None:
    """Neither repr, dict nor the serialised form holds the key."""
    shown = repr(model) + str(model) + dumps(model) + str(model.asdict()) + str(model._identifying_params)  # noqa: SLF001 - LangChain's name
    assert emulator.key not in shown


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_a_model_is_loaded_as_it_was_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """`dumpd` and `load` are inverse, with the class named as allowed and the key from its variable."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", "sk-stored")
    model = ChatResayil(model="mistral", api_key="sk-stored", stop=["x"], temperature=0)
    stored = dumpd(model)
    assert stored["kwargs"]["api_key"] == {"lc": 1, "type": "secret", "id": ["LLM_RESAYIL_API_KEY"]}
    loaded = load(
        stored, allowed_objects=[ChatResayil], valid_namespaces=["langchain_resayil"], secrets_from_env=True
    )
    assert loaded == model


def test_tracing_is_told_what_was_asked(model: ChatResayil) -> None:
    """Traces name the provider and the model of this very call."""
    assert model._llm_type == "resayil-chat"  # noqa: SLF001 - LangChain's hooks
    params = model._get_ls_params(stop=["x"], model="mistral", temperature=0.1)  # noqa: SLF001 - LangChain's name
    assert (params["ls_provider"], params["ls_model_name"], params["ls_temperature"]) == (
        "resayil",
        "mistral",
        0.1,
    )


def test_the_package_is_lazy() -> None:
    """The package names its public things, each of which is there, and nothing else."""
    assert sorted(langchain_resayil.__all__) == dir(langchain_resayil)
    assert all(getattr(langchain_resayil, name).__name__ == name for name in dir(langchain_resayil))
    with pytest.raises(AttributeError, match="ChatOpenAI"):
        _ = langchain_resayil.ChatOpenAI


def test_a_picture_goes_to_the_vision_model(make_model: MakeModel, emulator: Emulator, png: bytes) -> None:
    """`vision_model` answers while the newest turn holds an image, and the answer says so."""
    model = make_model(vision_model="qwen3-vl:235b-instruct", history_images="note")
    picture = HumanMessage(
        [
            {"type": "image", "base64": base64.b64encode(png).decode(), "mime_type": "image/png"},
            {"type": "text", "text": "ما هذا؟"},
        ]
    )
    answer = model.invoke([SystemMessage("أجب بالعربية"), picture])
    assert answer.response_metadata["model_name"] == "qwen3-vl:235b-instruct"
    assert "qwen3-vl" in answer.response_metadata["adaptations"][0]
    after = model.invoke([picture, answer, ("user", "شكرًا")])
    assert after.response_metadata["model_name"] == "deepseek-v4-flash"
    assert "notes" in after.response_metadata["adaptations"][0]
    assert "image not shown" in json.dumps(body(emulator))


def test_a_picture_on_the_messages_dialect_is_refused(make_model: MakeModel, emulator: Emulator) -> None:
    """The dialect that rejects images says so before anything is sent."""
    with pytest.raises(resayil.UnsupportedError, match="messages dialect rejects images"):
        make_model(api="messages", model="qwen3-vl:235b-instruct").invoke([HumanMessage([PICTURE])])
    assert emulator.requests == []


def test_answers_in_history_may_come_from_other_providers(either: ChatResayil, emulator: Emulator) -> None:
    """A conversation that another model began goes on here."""
    foreign = AIMessage(
        [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "أهلًا"}],
        response_metadata={"model_provider": "anthropic"},
    )
    either.invoke([("user", "x"), foreign, ("user", "y")])
    assert body(emulator)["messages"][1] == {"role": "assistant", "content": "أهلًا"}


@pytest.mark.parametrize(
    "cassette", sorted((Path(__file__).parent / "cassettes").glob("*.gz")), ids=lambda path: path.name
)
def test_a_cassette_holds_no_key(cassette: Path) -> None:
    """Cassettes hold bodies, the emulator's loopback address and a media type: no key, no other header."""
    text = gzip.decompress(cassette.read_bytes()).decode()
    kept = yaml.safe_load(text)
    assert "sk-" not in text
    for request, response in zip(kept["requests"], kept["responses"], strict=True):
        assert request["headers"] == {}
        assert httpx.URL(request["uri"]).host == "127.0.0.1"
        assert [name.lower() for name in response["headers"]] == ["content-type"]
        assert json.loads(request["body"])["stream"] is True
