"""The model list: what the service says of its models, and what the documents say where it is silent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from resayil.errors import MalformedResponseError

_KNOWN = frozenset({
    "id", "owned_by", "category", "family", "context_window", "credit_cost_multiplier", "credit_multiplier",
    "is_active", "size", "object", "created",
})  # fmt: skip
_SEES = re.compile(r"(?:^|[^a-z])(?:vl|vision|llava)(?:[^a-z]|$)", re.IGNORECASE)
_CLOUD = re.compile(r"[:-]cloud$")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model; every field but the id may be unknown.

    Attributes:
        id: What to pass as ``model``.
        category: ``chat``, ``code``, ``vision``, ``thinking``, ``tools``, or the service's own word.
        owned_by: Who made it.
        family: Its family.
        context_window: Prompt and answer together, in tokens.
        credit_multiplier: Credits per token, as listed.
        is_active: False where the service lists it but does not serve it.
        created: Unix time in seconds.
        size: The service's own figure.
        extra: Fields that the pack does not know.
        sees: Whether it was found to take images.
    """

    id: str
    category: str | None = None
    owned_by: str | None = None
    family: str | None = None
    context_window: int | None = None
    credit_multiplier: Decimal | None = None
    is_active: bool | None = None
    created: int | None = None
    size: object = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    sees: bool | None = None


SNAPSHOT: Mapping[str, ModelInfo] = {
    info.id: info
    for info in (
        ModelInfo("deepseek-v4-flash", "chat"),
        ModelInfo("deepseek-v4-pro", "thinking"),
        ModelInfo("nemotron-3-super", "chat"),
        ModelInfo("qwen3-vl:235b-instruct", "vision"),
        ModelInfo("llama3.2:3b", None, "meta", None, 8192, Decimal(1)),
        ModelInfo("qwen2.5:7b", None, "alibaba", None, 131_072, Decimal(1)),
        ModelInfo("claude-3-sonnet-cloud", None, "anthropic", None, 200_000, Decimal(2)),
        ModelInfo("mistral"),
        ModelInfo("llama3.1"),
        ModelInfo("qwen3.5:397b"),
        ModelInfo("mistral-small3.2:24b"),
        ModelInfo("gemma3:27b"),
        ModelInfo("kimi-k2:1t"),
    )
}
"""What the published documents say of models by name; a snapshot, not the live list."""


def read_models(body: object) -> list[ModelInfo]:
    """The models in a list reply.

    Raises:
        MalformedResponseError: there is no list in it.
    """
    data = body.get("data", body.get("models")) if isinstance(body, Mapping) else body
    if not isinstance(data, list):
        raise MalformedResponseError("The reply to /models holds no list.")
    return [
        _read(item)
        for item in data
        if isinstance(item, str) or (isinstance(item, Mapping) and item.get("id"))
    ]


def _read(item: str | Mapping[str, Any]) -> ModelInfo:
    if isinstance(item, str):
        return ModelInfo(item)
    return ModelInfo(
        id=str(item["id"]),
        category=item.get("category"),
        owned_by=item.get("owned_by"),
        family=item.get("family"),
        context_window=item.get("context_window"),
        credit_multiplier=decimal(item.get("credit_cost_multiplier", item.get("credit_multiplier"))),
        is_active=item.get("is_active"),
        created=item.get("created"),
        size=item.get("size"),
        extra={key: value for key, value in item.items() if key not in _KNOWN},
    )


def decimal(value: object) -> Decimal | None:
    """A number of the wire, exactly; ``None`` where there is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def bare(model: str) -> str:
    """An id without its ``:cloud`` or ``-cloud`` ending, which the service takes with and without."""
    return _CLOUD.sub("", model)


def find(model: str, catalogue: Mapping[str, ModelInfo]) -> ModelInfo | None:
    """What a catalogue says of a model."""
    return catalogue.get(model) or catalogue.get(bare(model))


def sees(model: str, catalogue: Mapping[str, ModelInfo]) -> bool | None:
    """Whether a model takes images: by its category, then by its name; ``None`` where neither tells."""
    info = find(model, catalogue)
    if info is not None and info.sees is not None:
        return info.sees
    if info is not None and info.category:
        return info.category == "vision" or bool(_SEES.search(model))
    return True if _SEES.search(model) else None


def nearest(model: str, ids: Iterable[str]) -> list[str]:
    """The ids that look most like a wrong one."""
    by_lower = {known.lower(): known for known in ids}
    import difflib  # noqa: PLC0415 - only a wrong name needs it

    return [by_lower[name] for name in difflib.get_close_matches(model.lower(), by_lower, n=3, cutoff=0.4)]
