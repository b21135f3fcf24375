"""LangChain's rate limiter over the core's: for other models that share the key.

`ChatResayil` takes its slots in the core, one per request that is really sent, so it refuses this limiter:
with it every call would take two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.rate_limiters import BaseRateLimiter

from langchain_resayil import clients
from resayil import LocalRateLimitError

if TYPE_CHECKING:
    from resayil.config import ClientOptions


class ResayilRateLimiter(BaseRateLimiter):
    """Slots of a key's request limit, for a model of another package that sends with the same key.

    ```python
    limiter = ResayilRateLimiter(requests_per_minute="pro")
    model = ChatOpenAI(base_url="https://llmapi.resayil.io/v1", rate_limiter=limiter, ...)
    ```

    Args:
        api_key: The key; ``LLM_RESAYIL_API_KEY`` or ``RESAYIL_API_KEY`` by default.
        base_url: The service's address; ``RESAYIL_BASE_URL`` or the documented one by default.
        settings: See `resayil.Settings`; those whose names begin with ``limit`` matter here.

    Raises:
        ConfigurationError: key, base URL or a setting is unusable.
    """

    def __init__(
        self, api_key: str | None = None, base_url: str | None = None, **settings: Unpack[ClientOptions]
    ) -> None:
        self._given: dict[str, Any] = {"api_key": api_key, "base_url": base_url, **settings}
        clients.client(None, self._given)

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take a slot; without ``blocking``, only if one is free now.

        Raises:
            LocalRateLimitError: the wait would be longer than ``limit_max_wait``.
        """
        client = clients.client(None, self._given)
        try:
            client.take_slot(limit_max_wait=None if blocking else 0.0)
        except LocalRateLimitError:
            if blocking:
                raise
            return False
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """As `acquire`, on an event loop."""
        client = clients.async_client(None, self._given)
        try:
            await client.take_slot(limit_max_wait=None if blocking else 0.0)
        except LocalRateLimitError:
            if blocking:
                raise
            return False
        return True

    def __repr__(self) -> str:
        return "ResayilRateLimiter()"
