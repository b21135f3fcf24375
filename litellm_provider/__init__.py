"""The LLM Resayil API as a provider of LiteLLM: ``resayil/<model>`` in the SDK, the Router and the proxy.

Names are imported at first use: importing LiteLLM takes seconds, and ``import litellm_provider`` none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litellm_provider.provider import ResayilLLM, acount_tokens, count_tokens, handler, register

_HOME = {
    "ResayilLLM": "provider",
    "acount_tokens": "provider",
    "count_tokens": "provider",
    "handler": "provider",
    "register": "provider",
}

__all__ = ["ResayilLLM", "acount_tokens", "count_tokens", "handler", "register"]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
