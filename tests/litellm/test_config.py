"""The proxy's configuration: what the generator writes, and what refreshing keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from litellm_provider.config import ALLOWED, PLANS, Plan, proxy_config, refreshed
from resayil import Client
from resayil.cli.app import app
from resayil.emulator import Emulator
from resayil.emulator.server import Server
from resayil.errors import ConfigurationError
from resayil.models import SNAPSHOT, ModelInfo


@pytest.fixture
def models(server: Server) -> list[ModelInfo]:
    """The live list."""
    with Client(server.key, server.base_url) as client:
        return client.models()


def written(models: list[ModelInfo], **plan: Any) -> dict[str, Any]:
    """The configuration as LiteLLM reads it."""
    read: dict[str, Any] = yaml.safe_load(proxy_config(models, Plan(**plan)))
    return read


def test_every_entry_says_what_litellm_needs(models: list[ModelInfo]) -> None:
    """Each deployment names its key's variable, the plan's rpm and the parameters to let through."""
    config = written(models, requests_per_minute=30)
    names = [entry["model_name"] for entry in config["model_list"]]
    assert names[:4] == ["resayil/*", "arabic-chat", "vision", "thinking"]
    assert names[4:] == [f"resayil/{info.id}" for info in models]
    for entry in config["model_list"]:
        params = entry["litellm_params"]
        assert params["api_key"] == "os.environ/LLM_RESAYIL_API_KEY"
        assert (params["rpm"], params["allowed_openai_params"]) == (30, list(ALLOWED))
        assert params["model"].startswith("resayil/")
    assert config["litellm_settings"]["custom_provider_map"] == [
        {"provider": "resayil", "custom_handler": "litellm_provider.handler"}
    ]


def test_capabilities_and_prices_come_from_the_list(models: list[ModelInfo]) -> None:
    """Windows, vision, reasoning and multipliers are the list's; a credit's price makes token prices."""
    config = written(models, credit_price="0.0005")
    by_name = {entry["model_name"]: entry for entry in config["model_list"]}
    vision = by_name["resayil/qwen3-vl:235b-instruct"]
    assert vision["model_info"]["supports_vision"]
    assert vision["model_info"]["max_input_tokens"] == 131_072
    assert vision["model_info"]["input_cost_per_token"] == pytest.approx(0.001)
    assert vision["litellm_params"]["credit_multiplier"] == "2"
    assert by_name["thinking"]["model_info"]["supports_reasoning"]
    assert "credit_price" not in written(models)["model_list"][0]["litellm_params"]


def test_several_keys_are_several_deployments(models: list[ModelInfo]) -> None:
    """With two keys every name has two entries, which differ in the key alone."""
    config = written(models, keys=("KEY_A", "KEY_B"))
    chat = [entry["litellm_params"] for entry in config["model_list"] if entry["model_name"] == "arabic-chat"]
    assert [params.pop("api_key") for params in chat] == ["os.environ/KEY_A", "os.environ/KEY_B"]
    assert chat[0] == chat[1]


def test_one_health_check_of_one_token(models: list[ModelInfo]) -> None:
    """Exactly one group can be checked, with one token, and never in the background."""
    config = written(models)
    general = config["general_settings"]
    assert general["background_health_checks"] is False
    assert general["health_check_skip_disabled_background_models"] is True
    infos = {entry["model_name"]: entry["model_info"] for entry in config["model_list"]}
    open_to = [name for name, info in infos.items() if not info.get("disable_background_health_check")]
    assert open_to == ["arabic-chat"]
    assert all(info["health_check_max_tokens"] == 1 for info in infos.values())


def test_fallbacks_name_what_exists(models: list[ModelInfo]) -> None:
    """Every group that a chain names is in the list."""
    config = written(models)
    names = {entry["model_name"] for entry in config["model_list"]}
    router = config["router_settings"]
    chains = [*router["fallbacks"], *router["context_window_fallbacks"]]
    assert chains
    for chain in chains:
        for group, targets in chain.items():
            assert {group, *targets} <= names
            assert group not in targets


@pytest.mark.parametrize("wanted", [False, True])
def test_redis_and_the_database_are_switched_on(*, wanted: bool) -> None:
    """Their lines stand in the file either way, as comments until they are wanted."""
    text = proxy_config(SNAPSHOT.values(), Plan(redis=wanted, database=wanted))
    config = yaml.safe_load(text)
    assert ("redis_host" in config["router_settings"]) is wanted
    assert ("database_url" in config["general_settings"]) is wanted
    assert "redis_host: os.environ/REDIS_HOST" in text


def test_refreshing_replaces_the_models_alone(models: list[ModelInfo]) -> None:
    """What a person wrote around the generated part stays, the plan stays, the models are new."""
    plan = Plan(keys=("KEY_A",), credit_price="0.1")
    text = proxy_config(models[:3], plan).replace("num_retries: 2", "num_retries: 7  # mine")
    fresh = refreshed(text, models)
    assert "num_retries: 7  # mine" in fresh
    assert yaml.safe_load(fresh)["model_list"] == yaml.safe_load(proxy_config(models, plan))["model_list"]
    assert refreshed(fresh, models) == fresh
    with pytest.raises(ConfigurationError, match="write the file anew"):
        refreshed("model_list: []", models)


def test_a_key_never_stands_in_the_file() -> None:
    """A key given where a variable's name belongs is refused, and not shown whole."""
    with pytest.raises(ConfigurationError, match="no name of an environment variable"):
        Plan(keys=("sk-live-0123456789",))


def test_odd_ids_stay_yaml() -> None:
    """Ids of any script and with quotes are written so that YAML reads them back."""
    odd = ModelInfo('نموذج: "خاص" #1', "chat")
    config = yaml.safe_load(proxy_config([odd]))
    assert config["model_list"][-1]["litellm_params"]["model"] == f"resayil/{odd.id}"


def test_the_command_writes_and_refreshes(
    server: Server, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command asks the service, writes the file, and refreshes it; the snapshot asks nobody."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", server.key)
    monkeypatch.setenv("RESAYIL_BASE_URL", server.base_url)
    target = tmp_path / "config.yaml"
    run = CliRunner().invoke(app, ["litellm-config", "--output", str(target), "--plan", "pro"])
    assert run.exit_code == 0, run.output
    first = target.read_text()
    assert yaml.safe_load(first)["model_list"][0]["litellm_params"]["api_base"] == server.base_url
    assert f"rpm: {PLANS['pro']}" in first
    assert CliRunner().invoke(app, ["litellm-config", "--sync", str(target)]).exit_code == 0
    assert target.read_text() == first
    assert len(emulator.requests) == 2
    shown = CliRunner().invoke(app, ["litellm-config", "--snapshot"])
    assert yaml.safe_load(shown.stdout)["model_list"]
    assert len(emulator.requests) == 2
    assert CliRunner().invoke(app, ["litellm-config", "--plan", "gold"]).exit_code == 2
    assert CliRunner().invoke(app, ["litellm-config", "--sync", str(tmp_path / "none")]).exit_code == 1
