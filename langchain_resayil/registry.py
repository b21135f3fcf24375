"""The provider's name in LangChain's own table, for ``init_chat_model("resayil:…")``.

LangChain's table of providers is closed: it has no entry point, and is private. So nothing is entered by an
import, and ``ChatResayil(...)`` stays the way that needs none of this.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from langchain_resayil.errors import ConfigurationError

PROVIDER = "resayil"
_HOME, _TABLE = "langchain.chat_models.base", "_BUILTIN_PROVIDERS"


def register() -> None:
    """Let ``init_chat_model`` know the provider ``resayil``; doing it twice does no harm.

    ```python
    from langchain.chat_models import init_chat_model
    from langchain_resayil import register

    register()
    model = init_chat_model("resayil:deepseek-v4-flash", temperature=0)
    ```

    Raises:
        ConfigurationError: LangChain is not installed, or keeps its providers elsewhere.
    """
    try:
        table = getattr(import_module(_HOME), _TABLE, None)
    except ModuleNotFoundError as error:
        raise ConfigurationError("register() needs the package langchain: pip install langchain.") from error
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"This version of langchain has no table {_HOME}.{_TABLE}; use ChatResayil(...) instead."
        )
    table[PROVIDER] = ("langchain_resayil", "ChatResayil", _made)


def _made(cls: type, **settings: Any) -> Any:
    return cls(**settings)
