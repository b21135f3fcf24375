"""LangChain chat models for the LLM Resayil API.

Names are imported at first use, so that ``import langchain_resayil`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_resayil.callbacks import CreditsCallbackHandler
    from langchain_resayil.chat_models import ChatResayil
    from langchain_resayil.middleware import CreditBudgetMiddleware, RepairMiddleware
    from langchain_resayil.rate_limiter import ResayilRateLimiter
    from langchain_resayil.registry import register
    from langchain_resayil.tools import ResayilToolBinding, ToolLoopError

_HOME = {
    "ChatResayil": "chat_models",
    "CreditBudgetMiddleware": "middleware",
    "CreditsCallbackHandler": "callbacks",
    "RepairMiddleware": "middleware",
    "ResayilRateLimiter": "rate_limiter",
    "ResayilToolBinding": "tools",
    "ToolLoopError": "tools",
    "register": "registry",
}

__all__ = [
    "ChatResayil",
    "CreditBudgetMiddleware",
    "CreditsCallbackHandler",
    "RepairMiddleware",
    "ResayilRateLimiter",
    "ResayilToolBinding",
    "ToolLoopError",
    "register",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
