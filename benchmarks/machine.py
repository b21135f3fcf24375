"""Where figures were measured: the machine, the versions, and how busy it was."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "httpx",
    "httpcore",
    "pydantic",
    "openai",
    "anthropic",
    "langchain-core",
    "langchain-openai",
    "langchain-anthropic",
    "langchain-openrouter",
    "litellm",
)
BUSY = 0.75
"""Load for each core above which figures are not to be trusted."""


_COMPILED = Path(__file__).parent.parent / "build" / "bench-pycache"


def environment() -> dict[str, str]:
    """What a measured process is started with: modules compiled for all alike, and one layout of sets."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "PYTHONPYCACHEPREFIX": str(_COMPILED),
        "PYTHONHASHSEED": "0",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks the network for its prices
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def described() -> str:
    """The machine, in one line."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def versions() -> dict[str, str]:
    """The measured packages."""
    return {package: _version(package) for package in PACKAGES}


def load() -> float:
    """The load of the last minute."""
    return os.getloadavg()[0]


def is_busy(measured: float) -> bool:
    """Whether a load spoils the figures."""
    return measured > BUSY * (os.cpu_count() or 1)
