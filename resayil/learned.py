"""What a client has learned of a server: how turns are said, and which models there are."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from resayil.adapt import Style
from resayil.capabilities import Capabilities
from resayil.config import ResayilWarning
from resayil.messages import ChatRequest
from resayil.models import SNAPSHOT, ModelInfo
from resayil.tokens import TokenCount

LIFETIME = 24 * 3600.0
"""Seconds for which a learned style is kept."""

MAX_STYLES = 1000


SURE = 3
"""Calls after which a model's usage says more than the table of scripts and families."""

_PULL, _FADE, _SLACK, _FEW = 0.3, 0.1, 0.1, 8


@dataclass(frozen=True, slots=True)
class Ratio:
    """Counted tokens per estimated one, of prompts in one script for one model.

    Attributes:
        calls: How many were seen.
        mean: Their mean, the newest weighing most.
        low: The lowest of late.
        high: The highest of late.
    """

    calls: int = 0
    mean: float = 1.0
    low: float = 1.0
    high: float = 1.0

    def seen(self, ratio: float) -> Ratio:
        """With one call more."""
        if not self.calls:
            return Ratio(1, ratio, ratio, ratio)
        mean = self.mean + _PULL * (ratio - self.mean)
        low = min(ratio, self.low + _FADE * (self.mean - self.low))
        high = max(ratio, self.high - _FADE * (self.high - self.mean))
        return Ratio(self.calls + 1, mean, low, high)

    def correct(self, local: TokenCount) -> TokenCount:
        """The estimate moved; its bounds too, which narrow once enough was seen."""
        low = int(local.tokens * self.low * (1 - _SLACK)) - _FEW
        high = int(local.tokens * self.high * (1 + _SLACK)) + _FEW
        if self.calls < SURE:
            low, high = min(low, local.low), max(high, local.high)
        return replace(local, tokens=round(local.tokens * self.mean), low=max(0, low), high=high)


def script(request: ChatRequest) -> str:
    """What a prompt is written in, since each script has a ratio of its own: of its texts' first letters."""
    text = "".join(message.text[:_SAMPLE] for message in request.messages[-_TURNS:])
    arabic = sum("\u0600" <= char <= "\u06ff" for char in text)
    share = arabic / max(1, sum(char.isalpha() for char in text))
    return "other" if share < 0.1 else "mixed" if share < 0.7 else "arabic"  # noqa: PLR2004 - shares of letters


_SAMPLE, _TURNS = 400, 6


def _with_vision(
    catalogue: Mapping[str, ModelInfo], capabilities: Capabilities | None
) -> Mapping[str, ModelInfo]:
    found = {} if capabilities is None else capabilities.entries
    seen = {model: entry.vision for model, entry in found.items() if entry.vision is not None}
    if not seen:
        return catalogue
    changed = {
        model: replace(catalogue.get(model) or ModelInfo(model), sees=sees_it)
        for model, sees_it in seen.items()
    }
    return {**catalogue, **changed}


class Learned:
    """The memory of one client; one base URL, many models; safe over threads.

    A style is learned only from a success, so a passing fault teaches nothing.
    """

    def __init__(
        self, capabilities: Capabilities | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._capabilities = capabilities
        self._monotonic = monotonic
        self._styles: dict[str, tuple[float, Style]] = {}
        self._ratios: dict[tuple[str, str], Ratio] = {}
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._catalogue: Mapping[str, ModelInfo] = SNAPSHOT
        self._shown: Mapping[str, ModelInfo] | None = None
        self.asked_for_models = False

    def style(self, model: str) -> Style | None:
        """The style that worked for a model, if that was not too long ago, else what the doctor found."""
        learned = self._styles.get(model)
        if learned and self._monotonic() - learned[0] < LIFETIME:
            return learned[1]
        known = self._capabilities.of(model) if self._capabilities else None
        return known.style if known else None

    @property
    def catalogue(self) -> Mapping[str, ModelInfo]:
        """What is known of the models; who sees, by what the doctor found before what the list says."""
        if self._shown is None:
            self._shown = _with_vision(self._catalogue, self._capabilities)
        return self._shown

    @catalogue.setter
    def catalogue(self, known: Mapping[str, ModelInfo]) -> None:
        self._catalogue, self._shown = known, None

    def remember(self, model: str, style: Style) -> None:
        """Keep a style that has just worked; the oldest gives way."""
        with self._lock:
            self._styles.pop(model, None)
            while len(self._styles) >= MAX_STYLES:
                del self._styles[next(iter(self._styles))]
            self._styles[model] = (self._monotonic(), style)

    def calls_of(self, model: str) -> int:
        """How often a model's usage was seen."""
        return sum(ratio.calls for (name, _), ratio in list(self._ratios.items()) if name == model)

    def see_usage(self, request: ChatRequest, local: TokenCount, counted: int) -> None:
        """Compare the local estimate of a prompt with what the service counted."""
        if counted <= 0 or local.tokens <= 0:
            return
        key = request.model, script(request)
        with self._lock:
            ratio = self._ratios.pop(key, None) or Ratio()
            while len(self._ratios) >= MAX_STYLES:
                del self._ratios[next(iter(self._ratios))]
            self._ratios[key] = ratio.seen(counted / local.tokens)

    def corrected(self, request: ChatRequest, local: TokenCount) -> TokenCount:
        """A local estimate of a prompt, moved to where the model's usage has been."""
        ratio = self._ratios.get((request.model, script(request)))
        return local if ratio is None else ratio.correct(local)

    def see_models(self, models: list[ModelInfo]) -> None:
        """Keep a live model list."""
        self.asked_for_models = True
        self.catalogue = {info.id: info for info in models}

    def warn_once(self, text: str) -> None:
        """Warn, the first time for this client."""
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
        warnings.warn(text, ResayilWarning, stacklevel=2)
