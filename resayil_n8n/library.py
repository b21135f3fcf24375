"""The templates: generated, and as they lie in the wheel or in the tree."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from resayil_n8n.canvas import Workflow, to_json

MODULES = (
    "first_check",
    "robust_call",
    "arabic_assistant",
    "receipt",
    "function_calling",
    "messages_forecast",
    "whatsapp",
    "bulk_rows",
    "bulk_rows_csv",
    "document_summary",
    "credit_watch",
)
"""Modules of ``resayil_n8n.flows`` in the order of their numbers."""


def workflows() -> tuple[Workflow, ...]:
    """Every template as a value."""
    return tuple(import_module(f"resayil_n8n.flows.{name}").WORKFLOW for name in MODULES)


def generated() -> Mapping[str, str]:
    """The text of every template's file, by the file's name."""
    return {f"{workflow.slug}.json": to_json(workflow) for workflow in workflows()}


def texts() -> Mapping[str, str]:
    """The text of every template's file, as it was shipped, by the file's name."""
    return {f"{workflow.slug}.json": _read(f"{workflow.slug}.json") for workflow in workflows()}


def _read(name: str) -> str:
    return (folder() / name).read_bytes().decode("utf-8")


def folder() -> Path:
    """Where the files lie: inside the installed package, or in the tree beside it."""
    inside = Path(__file__).with_name("templates")
    return inside if inside.is_dir() else Path(__file__).parents[1] / "n8n" / "templates"


def write(target: Path) -> None:
    """Write every template into a folder.

    Raises:
        OSError: the folder cannot be written.
    """
    target.mkdir(parents=True, exist_ok=True)
    for name, text in generated().items():
        (target / name).write_text(text, "utf-8")
