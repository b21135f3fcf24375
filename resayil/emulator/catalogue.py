"""The models on offer: every id the documents name.

Ids, owners, windows and multipliers that the documents print are theirs; what they leave open is this
emulator's guess, so that each field has a value to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from resayil.emulator.values import JsonObject

SUFFIXES = (":cloud", "-cloud")
CREATED = 1_740_000_000


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the list."""

    id: str
    owner: str
    window: int
    multiplier: Decimal
    category: str
    active: bool = True

    @property
    def sees(self) -> bool:
        """Whether it reads images."""
        return self.category == "vision"

    @property
    def thinks(self) -> bool:
        """Whether it shows its reasoning."""
        return self.category == "thinking"

    def item(self) -> JsonObject:
        """The row as the list shows it."""
        whole = self.multiplier == self.multiplier.to_integral_value()
        return {
            "id": self.id,
            "object": "model",
            "created": CREATED,
            "owned_by": self.owner,
            "context_window": self.window,
            "credit_cost_multiplier": int(self.multiplier) if whole else float(self.multiplier),
            "is_active": self.active,
            "category": self.category,
        }


def _row(name: str, owner: str, window: int, multiplier: str, category: str, *, active: bool = True) -> Model:
    return Model(name, owner, window, Decimal(multiplier), category, active)


MODELS: tuple[Model, ...] = (
    _row("deepseek-v4-flash", "deepseek", 131_072, "2", "chat"),
    _row("deepseek-v4-pro", "deepseek", 131_072, "2", "thinking"),
    _row("nemotron-3-super", "nvidia", 131_072, "2", "chat"),
    _row("qwen3-vl:235b-instruct", "alibaba", 131_072, "2", "vision"),
    _row("llama3.2:3b", "meta", 8_192, "1", "chat"),
    _row("qwen2.5:7b", "alibaba", 131_072, "1", "chat"),
    _row("claude-3-sonnet-cloud", "anthropic", 200_000, "2", "chat"),
    _row("mistral", "mistralai", 32_768, "1", "chat"),
    _row("llama3.1", "meta", 131_072, "1", "chat"),
    _row("qwen3.5:397b", "alibaba", 262_144, "2", "chat"),
    _row("mistral-small3.2:24b", "mistralai", 131_072, "1", "chat"),
    _row("gemma3:27b", "google", 131_072, "1", "chat"),
    _row("kimi-k2:1t", "moonshotai", 262_144, "2", "chat"),
    _row("neural-chat", "intel", 8_192, "1", "chat", active=False),
)
BY_ID = {model.id: model for model in MODELS}


def bare(name: str) -> str:
    """An id without the ending that marks a cloud model."""
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name.removesuffix(suffix)
    return name


def find(name: str, *, any_suffix: bool = False) -> Model | None:
    """The model of that id; with `any_suffix`, also under its id with or without a cloud ending."""
    if name in BY_ID or not any_suffix:
        return BY_ID.get(name)
    return next((model for model in MODELS if bare(model.id) == bare(name)), None)


def listing(models: Iterable[Model]) -> JsonObject:
    """The body of the list endpoint."""
    return {"object": "list", "data": [model.item() for model in models]}
