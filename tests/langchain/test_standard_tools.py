"""LangChain's standard suites for tools, unchanged, on the tools that a binding makes."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests

from langchain_resayil.tool_sources import read_tool


def get_points(customer_id: str, total_kwd: float) -> str:
    """نقاط الولاء التي يكسبها العضو عن مشترياته."""
    return f"{customer_id}: {round(total_kwd * 10)}"


class _PointsTool:
    @property
    def tool_constructor(self) -> BaseTool:
        return read_tool(get_points)

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"customer_id": "٧٧", "total_kwd": 12.5}


class TestToolUnit(_PointsTool, ToolsUnitTests):
    pass


class TestToolIntegration(_PointsTool, ToolsIntegrationTests):
    pass
