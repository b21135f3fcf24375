"""The core client of the LLM Resayil API.

Names are imported at first use, so that ``import resayil`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from resayil.version import VERSION as __version__

if TYPE_CHECKING:
    from resayil.billing import Balance, Topup
    from resayil.client import AsyncChatStream, AsyncClient, ChatStream, Client
    from resayil.config import ResayilWarning, Settings
    from resayil.credits import CreditPolicy
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

_HOMES = {
    "billing": "Balance Topup",
    "client": "AsyncChatStream AsyncClient ChatStream Client",
    "config": "ResayilWarning Settings",
    "credits": "CreditPolicy",
    "errors": (
        "APIConnectionError APIStatusError APITimeoutError AuthenticationError BadRequestError "
        "BudgetExceededError ConfigurationError ContextOverflowError EmptyResponseError ErrorResponse "
        "ImageError InsufficientCreditsError InternalServerError LocalRateLimitError MalformedResponseError "
        "NotFoundError OverloadedError PermissionDeniedError RateLimitError RequestError RequestTooLargeError ResayilError "
        "ResponseError ResponseTooLargeError StreamInterruptedError UnexpectedContentError UnsupportedError"
    ),
    "events": "Extra MessageEnd MessageStart ReasoningDelta StreamEvent TextDelta ToolCallDelta UsageReport",
    "images": "ImagePart image_from_bytes image_from_path image_from_url",
    "messages": (
        "ChatRequest ChatResponse InvalidToolCall JSONFormat Message PartialToolCall ReasoningPart TextPart "
        "ToolCallPart ToolChoice ToolResultPart Usage assistant system tool_result user"
    ),
    "models": "ModelInfo",
    "tokens": "TokenCount",
    "tools": "Tool",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - names from the table above


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
