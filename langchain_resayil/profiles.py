"""What is known of a model, as the profile that LangChain's agents and middleware read."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_core.language_models import ModelProfile

from resayil import ModelInfo
from resayil.models import find, sees


def profile(model: str, catalogue: Mapping[str, ModelInfo]) -> ModelProfile | None:
    """The profile of a model, ``None`` where the catalogue does not know it.

    Nothing is claimed that the service does not say. ``structured_output`` is left open, since no document
    names ``response_format``: so agents choose a tool's call for structured answers.
    """
    info = find(model, catalogue)
    if info is None:
        return None
    known = ModelProfile(
        name=info.id,
        text_inputs=True,
        pdf_inputs=False,
        audio_inputs=False,
        video_inputs=False,
        pdf_tool_message=False,
        text_outputs=True,
        image_outputs=False,
        audio_outputs=False,
        video_outputs=False,
        temperature=True,
    )
    if (seeing := sees(model, catalogue)) is not None:
        known["image_inputs"] = known["image_tool_message"] = seeing
    if info.context_window is not None:
        known["max_input_tokens"] = info.context_window
    if info.category is not None:
        known["reasoning_output"] = info.category == "thinking"
    if (tools := _has_tools(info)) is not None:
        known["tool_calling"] = tools
    return known


def _has_tools(info: ModelInfo) -> bool | None:
    abilities = info.extra.get("capabilities")
    if isinstance(abilities, list):
        return "tools" in abilities
    return True if info.category == "tools" else None
