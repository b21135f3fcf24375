"""The core client of the LLM Resayil API.

Names are imported at first use, so that ``import resayil`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resayil.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from resayil.async_client import AsyncChatStream, AsyncClient
    from resayil.billing import Balance, Topup
    from resayil.client import ChatStream, Client
    from resayil.config import ResayilWarning, Settings
    from resayil.credits import Budget, Cost, CreditPolicy, Forecast
    from resayil.errors import (
        APIConnectionError,
        APIStatusError,
        APITimeoutError,
        AuthenticationError,
        BadRequestError,
        BudgetExceededError,
        ConfigurationError,
        ContextOverflowError,
        EmptyResponseError,
        ErrorResponse,
        ImageError,
        InsufficientCreditsError,
        InternalServerError,
        LocalRateLimitError,
        MalformedResponseError,
        NotFoundError,
        OverloadedError,
        PermissionDeniedError,
        RateLimitError,
        RequestError,
        RequestTooLargeError,
        ResayilError,
        ResponseError,
        ResponseTooLargeError,
        StreamInterruptedError,
        UnexpectedContentError,
        UnsupportedError,
    )
    from resayil.events import (
        Extra,
        MessageEnd,
        MessageStart,
        ReasoningDelta,
        StreamEvent,
        TextDelta,
        ToolCallDelta,
        UsageReport,
    )
    from resayil.images import ImagePart, image_from_bytes, image_from_path, image_from_url
    from resayil.limits import Waiting
    from resayil.messages import (
        ChatRequest,
        ChatResponse,
        InvalidToolCall,
        JSONFormat,
        Message,
        PartialToolCall,
        ReasoningPart,
        TextPart,
        ToolCallPart,
        ToolChoice,
        ToolResultPart,
        Usage,
        assistant,
        system,
        tool_result,
        user,
    )
    from resayil.models import ModelInfo
    from resayil.tokens import TokenCount
    from resayil.tools import Tool

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncChatStream",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "Balance",
    "Budget",
    "BudgetExceededError",
    "ChatRequest",
    "ChatResponse",
    "ChatStream",
    "Client",
    "ConfigurationError",
    "ContextOverflowError",
    "Cost",
    "CreditPolicy",
    "EmptyResponseError",
    "ErrorResponse",
    "Extra",
    "Forecast",
    "ImageError",
    "ImagePart",
    "InsufficientCreditsError",
    "InternalServerError",
    "InvalidToolCall",
    "JSONFormat",
    "LocalRateLimitError",
    "MalformedResponseError",
    "Message",
    "MessageEnd",
    "MessageStart",
    "ModelInfo",
    "NotFoundError",
    "OverloadedError",
    "PartialToolCall",
    "PermissionDeniedError",
    "RateLimitError",
    "ReasoningDelta",
    "ReasoningPart",
    "RequestError",
    "RequestTooLargeError",
    "ResayilError",
    "ResayilWarning",
    "ResponseError",
    "ResponseTooLargeError",
    "Settings",
    "StreamEvent",
    "StreamInterruptedError",
    "TextDelta",
    "TextPart",
    "TokenCount",
    "Tool",
    "ToolCallDelta",
    "ToolCallPart",
    "ToolChoice",
    "ToolResultPart",
    "Topup",
    "UnexpectedContentError",
    "UnsupportedError",
    "Usage",
    "UsageReport",
    "Waiting",
    "__version__",
    "assistant",
    "image_from_bytes",
    "image_from_path",
    "image_from_url",
    "system",
    "tool_result",
    "user",
]

_HOMES = (
    "resayil.errors",
    "resayil.images",
    "resayil.messages",
    "resayil.events",
    "resayil.tools",
    "resayil.models",
    "resayil.tokens",
    "resayil.credits",
    "resayil.limits",
    "resayil.billing",
    "resayil.config",
    "resayil.client",
    "resayil.async_client",
)
"""Where the names above are defined, cheapest import first."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = (vars(import_module(home)) for home in _HOMES)
    found = globals()[name] = next(home[name] for home in homes if name in home)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
