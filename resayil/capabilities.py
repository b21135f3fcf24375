"""What a server was found to understand, kept in a file that `resayil doctor` writes and the core reads.

One entry for each base URL and model, with the time it was found. The file is read when it is first needed,
and only when it is named, by ``capabilities=`` or ``RESAYIL_CAPABILITIES``.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from resayil.adapt import Style
from resayil.errors import ConfigurationError
from resayil.jsontext import dumps

VERSION = 1
OLD = 30 * 86_400.0
"""Seconds after which an entry is no longer believed."""


@dataclass(frozen=True, slots=True)
class Capability:
    """What was found of one model at one base URL.

    Attributes:
        style: How turns and forms are said so that they are understood.
        vision: Whether it takes images; ``None`` where that was not tried.
        found_at: When, Unix time in seconds.
    """

    style: Style = field(default_factory=Style)
    vision: bool | None = None
    found_at: float = 0.0

    @property
    def age(self) -> float:
        """Seconds since it was found."""
        return max(0.0, time.time() - self.found_at)


class Capabilities:
    """A capabilities file, as one client reads it.

    Args:
        path: The file; ``None`` is none at all.
        base_url: Whose entries matter.
    """

    def __init__(self, path: str | None, base_url: str) -> None:
        self._path = path
        self._base_url = base_url
        self._entries: Mapping[str, Capability] | None = None

    @property
    def entries(self) -> Mapping[str, Capability]:
        """What is known of each model, without what is too old.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        if self._entries is None:
            found = read_capabilities(self._path).get(self._base_url, {}) if self._path else {}
            young = {model: entry for model, entry in found.items() if entry.age < OLD}
            if len(young) < len(found):
                text = f"{self._path} holds entries older than {OLD / 86_400:.0f} days; run: resayil doctor"
                warnings.warn(text, stacklevel=2)
            self._entries = young
        return self._entries

    def of(self, model: str) -> Capability | None:
        """What is known of a model."""
        return self.entries.get(model) if self._path else None


def read_capabilities(path: str | Path) -> dict[str, dict[str, Capability]]:
    """The entries of a file by base URL and model; none where there is no file.

    Raises:
        ConfigurationError: it holds something else.
    """
    try:
        told: Any = json.loads(Path(path).expanduser().read_bytes())
        return {
            url: {model: _read(entry) for model, entry in models.items()}
            for url, models in told["entries"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"The capabilities file {str(path)!r} cannot be read ({type(error).__name__}); "
            "delete it, or write it anew: resayil doctor."
        ) from None


def _read(entry: Mapping[str, Any]) -> Capability:
    known = {one.name: entry["style"][one.name] for one in fields(Style) if one.name in entry["style"]}
    return Capability(Style(**known), entry.get("vision"), float(entry["found_at"]))


def write_capabilities(path: str | Path, base_url: str, found: Mapping[str, Capability]) -> None:
    """Put the entries of a base URL into a file, beside those of others, replacing it as a whole.

    Raises:
        ConfigurationError: what is there cannot be read, or the file cannot be written.
    """
    target = Path(path).expanduser()
    entries = read_capabilities(target)
    entries[base_url] = {**entries.get(base_url, {}), **found}
    told = {"version": VERSION, "entries": {url: _told(models) for url, models in sorted(entries.items())}}
    try:
        handle, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(dumps(told) + "\n")
        Path(name).replace(target)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}.") from error


def _told(models: Mapping[str, Capability]) -> dict[str, Any]:
    return {
        model: {"style": asdict(entry.style), "vision": entry.vision, "found_at": entry.found_at}
        for model, entry in sorted(models.items())
    }
