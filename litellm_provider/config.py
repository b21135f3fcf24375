"""A commented configuration for LiteLLM's proxy, written from the model list, and its refreshing.

The text is YAML whose scalars are JSON, which is YAML too, so nothing but strings is needed to write it. What
is generated stands between two marks; `refreshed` replaces that part alone and keeps what a person wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from litellm_provider.prices import PROVIDER, entry, read_price
from resayil.config import KEY_VARIABLES
from resayil.credits import CreditPolicy
from resayil.errors import ConfigurationError
from resayil.jsontext import dumps, loads
from resayil.models import ModelInfo, sees

ALLOWED = ("reasoning_effort", "thinking", "verbosity")
"""Parameters that LiteLLM refuses for every provider it does not know, unless a deployment allows them."""

GROUPS: Mapping[str, str] = {
    "arabic-chat": "chat",
    "vision": "vision",
    "thinking": "thinking",
}
"""The named groups, and the category of model that each is made of."""

PLANS: Mapping[str, int] = {"starter": 10, "basic": 10, "pro": 30, "enterprise": 60}
"""Requests a minute of each key, by the plan's name."""

_BEGIN, _END = "# >>> models, generated: ", "# <<< models"
_SECTION = re.compile(rf"^{_BEGIN}(?P<plan>.*)\n(?:.*\n)*?{_END}$", re.MULTILINE)
_CHECKED = "arabic-chat"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a configuration is made for.

    Attributes:
        keys: Names of the environment variables that hold the keys; several share the load.
        requests_per_minute: What the service's plan allows each key.
        credit_price: Money for one credit; without it LiteLLM books no spend.
        base_url: The service's address; the documented one by default.
        redis: Share cooldowns and limits between proxies through Redis.
        database: Keys and budgets in PostgreSQL.
    """

    keys: tuple[str, ...] = (KEY_VARIABLES[0],)
    requests_per_minute: int | None = 10
    credit_price: str | None = None
    base_url: str | None = None
    redis: bool = False
    database: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(self.keys))
        for name in self.keys:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ConfigurationError(
                    f"{name!r:.40} is no name of an environment variable; keys never stand in the file."
                )


def proxy_config(models: Iterable[ModelInfo], plan: Plan = Plan()) -> str:
    """A whole ``config.yaml``.

    Args:
        models: The models to list, such as ``Client.models()`` gives.
        plan: What the configuration is made for.
    """
    listed = list(models)
    return "\n".join([*_HEAD, "", _section(listed, plan), "", *_settings(listed, plan), ""])


def refreshed(text: str, models: Iterable[ModelInfo]) -> str:
    """A configuration with its generated part made anew from the model list.

    Raises:
        ConfigurationError: the marks of the generated part are not in it.
    """
    found = _SECTION.search(text)
    if found is None:
        raise ConfigurationError(f"No part between {_BEGIN.strip()!r} and {_END!r}; write the file anew.")
    names = {field.name for field in fields(Plan)}
    kept = loads(found["plan"])
    plan = Plan(**{name: value for name, value in kept.items() if name in names})
    return text[: found.start()] + _section(list(models), plan) + text[found.end() :]


_HEAD = (
    "# LiteLLM's proxy in front of the LLM Resayil API. Written by `resayil litellm-config`;",
    "# `resayil litellm-config --sync config.yaml` refreshes the part between the two marks.",
    "#",
    "#   pip install 'resayil[litellm]' 'litellm[proxy]'",
    "#   export LITELLM_MASTER_KEY=sk-...          # what your clients send",
    "#   export LLM_RESAYIL_API_KEY=...            # what the service takes",
    "#   export LITELLM_LOCAL_MODEL_COST_MAP=True  # or LiteLLM downloads its prices at each start",
    "#   litellm --config config.yaml --port 4000",
    "#",
    "# Do not copy the package litellm_provider beside this file: LiteLLM would load that copy instead.",
)


def _section(models: Sequence[ModelInfo], plan: Plan) -> str:
    lines = [f"{_BEGIN}{dumps(asdict(plan))}", "model_list:"]
    lines += ["  # Any model of the service by its own id, new ones too: resayil/<id>."]
    for key in plan.keys:
        lines += _deployment(f"{PROVIDER}/*", "*", None, key, plan)
    for group, category in GROUPS.items():
        if chosen := _of(models, category):
            lines += [
                f"  # Group {group}: {chosen[0].id}, the first of category {category}; choose your own."
            ]
            for key in plan.keys:
                lines += _deployment(group, chosen[0].id, chosen[0], key, plan)
    lines += ["  # Each model by name, since a wildcard shows nothing in /v1/models."]
    for info in models:
        for key in plan.keys:
            lines += _deployment(f"{PROVIDER}/{info.id}", info.id, info, key, plan)
    return "\n".join([*lines, _END])


def _of(models: Iterable[ModelInfo], category: str) -> list[ModelInfo]:
    chosen = [info for info in models if info.category == category]
    if category == "vision":
        chosen = chosen or [info for info in models if sees(info.id, {info.id: info})]
    return chosen


def _deployment(name: str, model: str, info: ModelInfo | None, key: str, plan: Plan) -> Iterator[str]:
    """The lines of one entry of the list."""
    params: dict[str, Any] = {"model": f"{PROVIDER}/{model}", "api_key": f"os.environ/{key}"}
    if plan.base_url:
        params["api_base"] = plan.base_url
    if plan.requests_per_minute:
        params["rpm"] = plan.requests_per_minute
    params["allowed_openai_params"] = list(ALLOWED)
    price = read_price(plan.credit_price, None).per_credit
    if price is not None:
        params["credit_price"] = str(price)
    told: dict[str, Any] = {"health_check_max_tokens": 1}
    if name != _CHECKED:
        told["disable_background_health_check"] = True
    if info is not None:
        if price is not None:
            params["credit_multiplier"] = str(CreditPolicy().multiplier(info.id, {info.id: info}))
        told |= {key: value for key, value in entry(info, price).items() if key != "litellm_provider"}
        if info.credit_multiplier is not None:
            told["credit_cost_multiplier"] = float(info.credit_multiplier)
    yield f"  - model_name: {dumps(name)}"
    yield "    litellm_params:"
    yield from (f"      {field}: {dumps(value)}" for field, value in params.items())
    yield "    model_info:"
    yield from (f"      {field}: {dumps(value)}" for field, value in told.items())


def _settings(models: Sequence[ModelInfo], plan: Plan) -> Iterator[str]:
    yield "litellm_settings:"
    yield "  # This line replaces all providers registered elsewhere; add yours to the list."
    yield f"  custom_provider_map: [{{provider: {PROVIDER}, custom_handler: litellm_provider.handler}}]"
    yield "  drop_params: false   # a parameter that cannot be passed on is an error, never dropped"
    yield ""
    yield "router_settings:"
    yield "  num_retries: 2"
    yield "  timeout: 300"
    yield "  cooldown_time: 5     # short, so that a refused key is not hidden; a Retry-After goes before it"
    yield "  # Another key of the group is tried before another group; streams too, until their first chunk."
    yield "  routing_strategy: simple-shuffle"
    yield "  enable_weighted_failover: true"
    yield "  # rpm above is each entry's own: entries of one key add up, and only the service knows the sum."
    yield '  optional_pre_call_checks: ["enforce_model_rate_limits"]'
    yield from _fallbacks(models)
    yield from _shared(plan.redis)
    yield ""
    yield "general_settings:"
    yield "  master_key: os.environ/LITELLM_MASTER_KEY"
    yield "  # A health check is a chat call of one answer token, about 20 credits (an estimate): off in the"
    yield f"  # background. GET /health makes one, on the group {_CHECKED}, when you ask."
    yield "  background_health_checks: false"
    yield "  health_check_skip_disabled_background_models: true"
    yield from _stored(plan.database)


def _fallbacks(models: Sequence[ModelInfo]) -> Iterator[str]:
    """Chains between the groups: who answers when a group cannot."""
    first = {group: _of(models, category) for group, category in GROUPS.items()}
    chains: dict[str, list[str]] = {}
    for group, partner in (("arabic-chat", "thinking"), ("thinking", "arabic-chat")):
        if first[group]:
            others = [f"{PROVIDER}/{info.id}" for info in first[group][1:2]]
            chains[group] = others + ([partner] if first[partner] else [])
    if first["vision"][1:]:
        chains["vision"] = [f"{PROVIDER}/{first['vision'][1].id}"]
    yield "  fallbacks:"
    yield from (f"    - {dumps({group: chain})}" for group, chain in chains.items() if chain)
    sized = [info for info in models if info.context_window]
    largest = max(sized, key=lambda info: info.context_window or 0, default=None)
    if largest is not None:
        yield "  # A prompt too long for its model goes to the largest window."
        yield "  context_window_fallbacks:"
        blind = [group for group in GROUPS if first[group] and group != "vision"]
        yield from (f"    - {dumps({group: [f'{PROVIDER}/{largest.id}']})}" for group in blind)


def _shared(redis: bool) -> Iterator[str]:  # noqa: FBT001 - a plan's field
    mark = "" if redis else "# "
    yield "  # Several proxies share cooldowns and limits through Redis (each has its own without it)."
    for name in ("host", "port", "password"):
        yield f"  {mark}redis_{name}: os.environ/REDIS_{name.upper()}"


def _stored(database: bool) -> Iterator[str]:  # noqa: FBT001 - a plan's field
    mark = "" if database else "# "
    yield "  # Keys for teams, budgets and spend need PostgreSQL: pip install 'litellm[extra_proxy]', once"
    yield "  # `prisma generate --schema .../litellm_proxy_extras/schema.prisma`, and this line."
    yield "  # Without it the master key is the only one."
    yield f"  {mark}database_url: os.environ/DATABASE_URL"
