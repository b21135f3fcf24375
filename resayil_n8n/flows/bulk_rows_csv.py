"""08, for an n8n without Data Tables: the checkpoint is a CSV file to which each row appends a line."""

from __future__ import annotations

from resayil_n8n.canvas import Workflow
from resayil_n8n.flows.rows import Store, workflow
from resayil_n8n.nodes import Field, base

_FILE = "={{ $('Config').first().json.checkpoint_file }}"
_READ = base(
    "Read the checkpoint",
    "readWriteFile",
    {"operation": "read", "fileSelector": _FILE, "options": {}},
    executeOnce=True,
    alwaysOutputData=True,
    onError="continueRegularOutput",
)
_LINE = base(
    "Write the line",
    "convertToFile",
    {"operation": "toText", "sourceProperty": "line", "options": {"encoding": "utf8", "addBOM": False}},
)
_APPEND = base(
    "Append the checkpoint",
    "readWriteFile",
    {"operation": "write", "fileName": _FILE, "options": {"append": True}},
)

WORKFLOW: Workflow = workflow(
    "08-bulk-rows-csv",
    "Ask a model about many rows with a CSV checkpoint in n8n with LLM Resayil",
    Store(
        Field("checkpoint_file", "/home/node/.n8n-files/resayil-rows.csv"),
        (_READ,),
        (_LINE, _APPEND),
        "For n8n without Data Tables, self-hosted only: the file lies where n8n may write, by default "
        "`.n8n-files` in its home.",
        "لنسخ n8n بلا Data Tables وعلى خادمك فقط: ملف في مجلد يُسمح لـ n8n بالكتابة فيه.",
    ),
)
