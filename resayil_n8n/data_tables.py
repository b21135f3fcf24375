"""Nodes of n8n's Data Tables; every column is text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resayil_n8n.bodies import config
from resayil_n8n.nodes import Node, base


def _table(setting: str) -> dict[str, Any]:
    """A table by the name that a Config field gives."""
    return {"__rl": True, "mode": "name", "value": f"={{{{ {config(setting)} }}}}"}


def _rows(operation: str, table: str, key: str | None = None, **more: Any) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    if key is not None:
        match = {"keyName": key, "condition": "eq", "keyValue": f"={{{{ $json.{key} }}}}"}
        filters = {"filters": {"conditions": [match]}}
    return {"resource": "row", "operation": operation, "dataTableId": _table(table), **filters, **more}


def _columns(names: Sequence[str]) -> dict[str, Any]:
    shown = {"required": False, "defaultMatch": False, "display": True, "readOnly": False, "removed": False}
    return {
        "mappingMode": "defineBelow",
        "value": {name: f"={{{{ $json.{name} }}}}" for name in names},
        "matchingColumns": [],
        "schema": [{"id": name, "displayName": name, "type": "string", **shown} for name in names],
    }


def create(name: str, table: str, columns: Sequence[str]) -> Node:
    """A node that makes the table where there is none."""
    parameters = {
        "resource": "table",
        "operation": "create",
        "tableName": f"={{{{ {config(table)} }}}}",
        "columns": {"column": [{"name": column, "type": "string"} for column in columns]},
        "options": {"createIfNotExists": True},
    }
    return base(name, "dataTable", parameters, executeOnce=True)


def read(name: str, table: str, key: str | None = None) -> Node:
    """A node that gives all rows, or those whose key is the item's; an empty item where there are none."""
    parameters = _rows("get", table, key, returnAll=True)
    return base(name, "dataTable", parameters, executeOnce=True, alwaysOutputData=True)


def only_new(name: str, table: str, key: str) -> Node:
    """A node that lets an item pass if no row has its key."""
    return base(name, "dataTable", _rows("rowNotExists", table, key))


def insert(name: str, table: str, columns: Sequence[str]) -> Node:
    """A node that adds the item as a row."""
    return base(name, "dataTable", _rows("insert", table, columns=_columns(columns)))


def upsert(name: str, table: str, key: str, columns: Sequence[str]) -> Node:
    """A node that writes the item over the row with its key, or adds it."""
    return base(name, "dataTable", _rows("upsert", table, key, columns=_columns(columns)))
