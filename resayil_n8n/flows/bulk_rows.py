"""08: rows one at a time within the rate limit, with a checkpoint in a Data Table."""

from __future__ import annotations

from resayil_n8n import data_tables
from resayil_n8n.canvas import Workflow
from resayil_n8n.flows.rows import Store, workflow
from resayil_n8n.nodes import Field

COLUMNS = ("row_id", "input", "answer", "status", "error")
WORKFLOW: Workflow = workflow(
    "08-bulk-rows",
    "Ask a model about many rows within the rate limit in n8n with LLM Resayil",
    Store(
        Field("checkpoint_table", "resayil_rows"),
        (
            data_tables.create("Create the table once", "checkpoint_table", COLUMNS),
            data_tables.read("Read the checkpoint", "checkpoint_table"),
        ),
        (data_tables.upsert("Write the checkpoint", "checkpoint_table", "row_id", COLUMNS),),
        "Needs Data Tables: n8n 1.113 or newer. The node that creates the table is newer still (run "
        "on 2.41.1); "
        "without it, create `resayil_rows` by hand with the text columns row_id, input, answer, "
        "status, error. "
        "Older n8n: take the CSV variant.",
        "يحتاج إلى Data Tables: n8n 1.113 أو أحدث؛ وللأقدم خذ نسخة CSV.",
    ),
)
