"""08: rows one at a time within the rate limit, with a checkpoint in a Data Table."""

from __future__ import annotations

from resayil_n8n.canvas import Workflow
from resayil_n8n.flows.rows import Store, workflow
from resayil_n8n.nodes import Field, Node, base

COLUMNS = ("row_id", "input", "answer", "status", "error")
_TABLE = {"__rl": True, "mode": "name", "value": "={{ $('Config').first().json.checkpoint_table }}"}


def _create() -> Node:
    columns = [{"name": name, "type": "string"} for name in COLUMNS]
    return base(
        "Create the table once",
        "dataTable",
        {
            "resource": "table",
            "operation": "create",
            "tableName": "={{ $('Config').first().json.checkpoint_table }}",
            "columns": {"column": columns},
            "options": {"createIfNotExists": True},
        },
        executeOnce=True,
    )


def _read() -> Node:
    return base(
        "Read the checkpoint",
        "dataTable",
        {"resource": "row", "operation": "get", "dataTableId": _TABLE, "returnAll": True},
        executeOnce=True,
        alwaysOutputData=True,
    )


def _write() -> Node:
    match = {"keyName": "row_id", "condition": "eq", "keyValue": "={{ $json.row_id }}"}
    columns = {
        "mappingMode": "defineBelow",
        "value": {name: f"={{{{ $json.{name} }}}}" for name in COLUMNS},
        "matchingColumns": [],
        "schema": [
            {
                "id": name,
                "displayName": name,
                "type": "string",
                "required": False,
                "defaultMatch": False,
                "display": True,
                "readOnly": False,
                "removed": False,
            }
            for name in COLUMNS
        ],
    }
    return base(
        "Write the checkpoint",
        "dataTable",
        {
            "resource": "row",
            "operation": "upsert",
            "dataTableId": _TABLE,
            "filters": {"conditions": [match]},
            "columns": columns,
        },
    )


WORKFLOW: Workflow = workflow(
    "08-bulk-rows",
    "Ask a model about many rows within the rate limit in n8n with LLM Resayil",
    Store(
        Field("checkpoint_table", "resayil_rows"),
        (_create(), _read()),
        (_write(),),
        "Needs Data Tables: n8n 1.113 or newer. The node that creates the table is newer still (run "
        "on 2.41.1); "
        "without it, create `resayil_rows` by hand with the text columns row_id, input, answer, "
        "status, error. "
        "Older n8n: take the CSV variant.",
        "يحتاج إلى Data Tables: n8n 1.113 أو أحدث؛ وللأقدم خذ نسخة CSV.",
    ),
)
