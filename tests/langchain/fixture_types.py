"""What the LangChain tests' fixtures hand out, as types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessageChunk

from langchain_resayil import ChatResayil

MakeModel = Callable[..., ChatResayil]
Join = Callable[[Any], AIMessageChunk]
