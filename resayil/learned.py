"""What a client has learned of a server: how turns are said, and which models there are."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Mapping

from resayil.adapt import Style
from resayil.config import ResayilWarning
from resayil.models import SNAPSHOT, ModelInfo

LIFETIME = 24 * 3600.0
"""Seconds for which a learned style is kept."""

MAX_STYLES = 1000


class Learned:
    """The memory of one client; one base URL, many models; safe over threads.

    A style is learned only from a success, so a passing fault teaches nothing.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._styles: dict[str, tuple[float, Style]] = {}
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self.catalogue: Mapping[str, ModelInfo] = SNAPSHOT

    def style(self, model: str) -> Style | None:
        """The style that worked for a model, if that was not too long ago."""
        learned = self._styles.get(model)
        return learned[1] if learned and self._monotonic() - learned[0] < LIFETIME else None

    def remember(self, model: str, style: Style) -> None:
        """Keep a style that has just worked; the oldest gives way."""
        with self._lock:
            self._styles.pop(model, None)
            while len(self._styles) >= MAX_STYLES:
                del self._styles[next(iter(self._styles))]
            self._styles[model] = (self._monotonic(), style)

    def see_models(self, models: list[ModelInfo]) -> None:
        """Keep a live model list."""
        self.catalogue = {info.id: info for info in models}

    def warn_once(self, text: str) -> None:
        """Warn, the first time for this client."""
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
        warnings.warn(text, ResayilWarning, stacklevel=2)
