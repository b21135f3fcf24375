"""The robust call: one definition, a section of every template's canvas that the workflow itself calls.

One place for headers, for what each status means, for waiting and for the other model. It never sends
again what the core would not: the script decides by the core's tables (`tables.retry_rules`).
"""

from __future__ import annotations

from typing import Literal

from resayil.codecs import CODECS
from resayil.messages import Dialect
from resayil_n8n.bodies import Body, config, endpoint
from resayil_n8n.canvas import Link, Note, Section, branch, chain
from resayil_n8n.nodes import Field, Node, base, code, fields, switch, wait
from resayil_n8n.tables import MAX_ATTEMPTS, RETRY_BUDGET_SECONDS, retry_rules

READ_TIMEOUT_MS = 300_000
ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01"}
PASSED_ON = ("fallback_model", "max_attempts", "retry_budget_seconds", "credits_per_token", "language")
"""Settings of the Config node that a call takes with it: a workflow that is called cannot see its caller's."""

RECEIVE = base("Receive the call", "executeWorkflowTrigger", {"inputSource": "passthrough"})
COUNT = fields(
    "Count the attempt",
    [
        Field("attempt", "={{ ($json.attempt || 0) + 1 }}", "number"),
        Field("sent", "={{ ($json.sent || 0) + 1 }}", "number"),
        Field("started_at", "={{ $json.started_at || Date.now() / 1000 }}", "number"),
    ],
    keep=True,
)
SEND = base(
    "Send the request",
    "httpRequest",
    {
        "method": "={{ $json.method }}",
        "url": "={{ $json.url }}",
        "authentication": "genericCredentialType",
        "genericAuthType": "httpHeaderAuth",
        "sendHeaders": True,
        "specifyHeaders": "json",
        "jsonHeaders": "={{ JSON.stringify($json.headers || {}) }}",
        "sendBody": "={{ $json.method !== 'GET' }}",
        "contentType": "json",
        "specifyBody": "json",
        "jsonBody": "={{ JSON.stringify($json.body) }}",
        "options": {
            "redirect": {"redirect": {"followRedirects": False}},
            "response": {
                "response": {
                    "fullResponse": True,
                    "neverError": True,
                    "responseFormat": "text",
                    "outputPropertyName": "text",
                }
            },
            "timeout": READ_TIMEOUT_MS,
        },
    },
    onError="continueErrorOutput",
)
PICK = fields(
    "Pick what failed",
    [
        Field("failure.code", "={{ $json.error.code || $json.error.name || null }}"),
        Field("failure.message", "={{ $json.error.message || String($json.error) }}"),
    ],
)
JUDGE = code("Judge the reply", "judge", RULES=retry_rules())
CHOOSE = switch("Choose what comes next", "={{ $json.outcome }}", ("done", "wait", "other model"))
WAIT = wait("Wait for the window", "={{ $json.wait_seconds }}")
TAKE_OTHER = fields(
    "Take the other model",
    [
        Field("body", "={{ Object.assign({ }, $json.body, { model: $json.fallback_model } ) }}", "object"),
        Field("fell_back", value=True, kind="boolean"),
        Field("attempt", 0, "number"),
    ],
    keep=True,
)
RESULT = ("ok", "text", "tool_calls", "usage", "credits_estimate", "error", "model", "finish_reason", "attempts", "reply")
HAND_BACK = base(
    "Hand back the result",
    "set",
    {"mode": "raw", "jsonOutput": "={{ JSON.stringify(Object.assign({ }, $json, { outcome: undefined } )) }}", "options": {}},
)

SECTION = Section(
    Note(
        "### Robust call\nChoose your Header Auth credential in **Send the request**. 429, 503 and 529 wait and "
        "go out again; 401, 402, 404 and 422 never do.",
        "### النداء المتين\nاختر بيانات الاعتماد في **Send the request**. تُعاد المحاولة بعد 429 و503 و529 فقط.",
    ),
    (
        (RECEIVE, COUNT, SEND, JUDGE, CHOOSE, HAND_BACK),
        (None, None, PICK, TAKE_OTHER, WAIT, None),
    ),
)
LINKS: tuple[Link, ...] = (
    *chain(RECEIVE, COUNT, SEND),
    *branch(SEND, JUDGE, PICK),
    *chain(PICK, JUDGE, CHOOSE),
    *branch(CHOOSE, HAND_BACK, WAIT, TAKE_OTHER),
    *chain(WAIT, COUNT),
    *chain(TAKE_OTHER, COUNT),
)


def settings_fields() -> list[Field]:
    """The Config fields of a robust call, at the core's defaults."""
    return [
        Field("fallback_model", ""),
        Field("max_attempts", MAX_ATTEMPTS, "number"),
        Field("retry_budget_seconds", RETRY_BUDGET_SECONDS, "number"),
        Field("credits_per_token", 0, "number"),
    ]


def request(name: str, body: Body, dialect: Dialect = "chat") -> Node:
    """A node that writes what one model call sends."""
    headers = ANTHROPIC_HEADERS if dialect == "messages" else {}
    return call(name, endpoint(dialect), body=body.expression(), headers=headers)


def call(
    name: str,
    url: str,
    *,
    body: str | None = None,
    headers: dict[str, str] | None = None,
    expect: Literal["answer", "json"] = "answer",
) -> Node:
    """A node that writes what one call sends; without a body it is a GET."""
    given = [
        Field("url", url),
        Field("method", "GET" if body is None else "POST"),
        Field("headers", headers or {}, "object"),
        Field("expect", expect),
        *([] if body is None else [Field("body", body, "object")]),
        *(Field(setting, f"={{{{ {config(setting)} }}}}", _KINDS.get(setting, "string")) for setting in PASSED_ON),
    ]
    return fields(name, given)


_KINDS: dict[str, Literal["number"]] = {
    "max_attempts": "number",
    "retry_budget_seconds": "number",
    "credits_per_token": "number",
}


def ask(name: str) -> Node:
    """A node that makes the robust call, once per item."""
    return base(
        name,
        "executeWorkflow",
        {
            "source": "database",
            "workflowId": {"__rl": True, "mode": "id", "value": "={{ $workflow.id }}"},
            "workflowInputs": {"mappingMode": "defineBelow", "value": {}},
            "mode": "each",
            "options": {"waitForSubWorkflow": True},
        },
    )


def path(dialect: Dialect) -> str:
    """Where a dialect is posted, below the base URL."""
    return CODECS[dialect].path
