"""The robust call: one definition, a section of every template's canvas that the workflow itself calls.

One place for headers, for what each status means, for waiting and for the other model. It never sends
again what the core would not: the script decides by the core's tables (`tables.retry_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from resayil.messages import Dialect
from resayil_n8n.bodies import Body, config, endpoint
from resayil_n8n.canvas import Link, Note, Section, branch, chain
from resayil_n8n.nodes import (
    HEADER_AUTH,
    WHOLE_REPLY,
    Field,
    Kind,
    Node,
    base,
    code,
    fields,
    http,
    json_body,
    switch,
    wait,
    when,
)
from resayil_n8n.tables import MAX_ATTEMPTS, RETRY_BUDGET_SECONDS, retry_rules

READ_TIMEOUT_MS = 300_000
ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01"}
PASSED_ON: Mapping[str, Kind] = {
    "fallback_model": "string",
    "max_attempts": "number",
    "retry_budget_seconds": "number",
    "credits_per_token": "number",
    "language": "string",
}
"""Settings of the Config node that a call takes with it: a workflow that is called cannot see its "
"caller's."""

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


def _http(name: str, method: str, parameters: Mapping[str, Any]) -> Node:
    shared = {
        **HEADER_AUTH,
        "sendHeaders": True,
        "specifyHeaders": "json",
        "jsonHeaders": "={{ JSON.stringify($json.headers) }}",
    }
    options = {**WHOLE_REPLY, "timeout": READ_TIMEOUT_MS}
    return http(name, method, "={{ $json.url }}", {**shared, **parameters}, options)


SEND = _http("Send the request", "POST", json_body("={{ JSON.stringify($json.body) }}"))
FETCH = _http("Fetch the page", "GET", {})
SORT = when("Sort by method", "={{ $json.method === 'POST' }}")
PICK = fields(
    "Pick what failed",
    [
        Field("failure.code", "={{ $json.error.code || '' }}"),
        Field("failure.message", "={{ $json.error.message || 'Nothing was sent: ' + $json.error }}"),
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
HAND_BACK = base(
    "Hand back the result",
    "set",
    {
        "mode": "raw",
        "jsonOutput": "={{ JSON.stringify(Object.assign({ }, $json, { outcome: undefined } )) }}",
        "options": {},
    },
)

_NOTE = Note(
    "### Robust call\nChoose your Header Auth credential in **{}**. 429, 503 and 529 wait and go out again; "
    "401, 402, 404 and 422 never do.",
    "### النداء المتين\nاختر بيانات الاعتماد في **{}**. يُعاد الإرسال بعد 429 و503 و529، ولا يُعاد "
    "بعد 401 و402 "
    "و404 و422.",
)


def section(*senders: Node) -> Section:
    """The section, with the nodes that send: `SEND`, `FETCH`, or both."""
    names = "** + **".join(node.name for node in senders)
    note = Note(_NOTE.en.format(names), _NOTE.ar.format(names))
    first, *others = senders
    head = (RECEIVE, COUNT, SORT) if others else (RECEIVE, COUNT)
    below = (None,) * len(head)
    rows: list[tuple[Node | None, ...]] = [
        (*head, first, None, JUDGE, CHOOSE, HAND_BACK),
        (*below, *(others or (None,)), PICK, None, TAKE_OTHER, WAIT),
    ]
    return Section(note, rows)


def links(*senders: Node) -> list[Link]:
    """The wires of the section."""
    head = (
        [*chain(RECEIVE, COUNT, SORT), *branch(SORT, *senders)]
        if len(senders) > 1
        else chain(RECEIVE, COUNT, *senders)
    )
    return [
        *head,
        *(link for sender in senders for link in branch(sender, JUDGE, PICK)),
        *chain(PICK, JUDGE, CHOOSE),
        *branch(CHOOSE, HAND_BACK, WAIT, TAKE_OTHER),
        *chain(WAIT, COUNT),
        *chain(TAKE_OTHER, COUNT),
    ]


SECTION = section(SEND)
LINKS = tuple(links(SEND))


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
        *(Field(setting, f"={{{{ {config(setting)} }}}}", kind) for setting, kind in PASSED_ON.items()),
    ]
    return fields(name, given)


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
