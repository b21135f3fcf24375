"""10: the balance on a schedule, and the error workflow that all others can name."""

from __future__ import annotations

from resayil_n8n import robust
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, base, code, fields, http, json_body, manual, when

ORIGIN = "$('Config').first().json.base_url.match(/^https?:\\/\\/[^\\/]+/)[0]"
_TIMER = base(
    "Every morning",
    "scheduleTrigger",
    {"rule": {"interval": [{"field": "days", "daysInterval": 1, "triggerAtHour": 8}]}},
)
_TRY = manual()
_ERROR = base("When a workflow fails", "errorTrigger")
_SAMPLE_ERROR = manual("Try with a sample failure")
_PICK_ERROR = fields(
    "Pick the failure's words",
    [
        Field("failure", value=True, kind="boolean"),
        Field("workflow", "={{ $json.workflow?.name ?? 'Sample workflow' }}"),
        Field("node", "={{ $json.execution?.lastNodeExecuted ?? $json.trigger?.error?.node?.name ?? '' }}"),
        Field(
            "message",
            "={{ $json.execution?.error?.message ?? $json.trigger?.error?.message ?? 'عطل للتجربة / a "
            "sample failure' }}",
        ),
        Field("address", "={{ $json.execution?.url ?? '' }}"),
    ],
)
_CONFIG = common.config([Field("least_credits", 500, "number"), Field("message_url", "")])
_IS_FAILURE = when("Is it a failure?", "={{ $json.failure }}")
_REQUEST = robust.call(
    "Write the balance request",
    f"={{{{ {ORIGIN} + '/api/billing/subscription' }}}}",
    expect="json",
)
_ASK = robust.ask("Read the balance")
_COMPARE = code("Compare with the threshold", "compare_balance")
_LOW = when("Is a message due?", "={{ $json.due }}")
_ALERT = code("Write the alert", "write_alert")
_HAS_PLACE = when("Is there an address?", "={{ $('Config').first().json.message_url }}", operation="notEmpty")
_SEND = http(
    "Send the message",
    "POST",
    "={{ $('Config').first().json.message_url }}",
    json_body("={{ JSON.stringify({ text: $json.text } ) }}"),
    {"response": {"response": {"fullResponse": True, "neverError": True, "responseFormat": "text"}}},
)
_TEXT = Field("text", "={{ $('Is there an address?').first().json.text }}")
_TOLD = common.sent(_TEXT)
_KEEP = fields("Keep the message here", [Field("sent", value=False, kind="boolean"), _TEXT])

WORKFLOW = Workflow(
    slug="10-credit-watch",
    title="Watch credits and failures in n8n with LLM Resayil",
    summary="Reads the balance every morning, sends a message below a threshold, and is the error "
    "workflow of the others.",
    overview=common.overview(
        Note(
            "Every morning the balance is read (free of charge) and compared with `least_credits`. "
            "Below it, a "
            "message goes to `message_url`, any address that takes `{text}`. As an **error workflow** "
            "it reports "
            "the failures of others: open another workflow, ⋯ > Settings > Error workflow, and choose "
            "this one, "
            "once it is published. It runs for failures of published workflows. The balance is asked "
            "of the service "
            "itself: a LiteLLM proxy has none.",
            "يُقرأ الرصيد كل صباح مجانًا، وتُرسل رسالة إلى `message_url` إن قلّ عن `least_credits`. "
            "وهو أيضًا سير عمل "
            "الأخطاء: افتح سير عمل آخر، ⋯ > Settings > Error workflow، واختره بعد نشره.",
        ),
        Note(
            "`text` of the message and `sent`; nothing further where the balance is above the threshold.",
            "نص الرسالة `text` و`sent`؛ ولا شيء إن كان الرصيد كافيًا.",
        ),
    ),
    bands=(
        (
            Section(
                Note(
                    "### When\nEvery morning, by hand, or when another workflow fails.",
                    "### متى\nكل صباح، أو يدويًا، أو عند فشل سير عمل آخر.",
                ),
                ((_TIMER, None), (_TRY, None), (_ERROR, None), (_SAMPLE_ERROR, _PICK_ERROR)),
            ),
            Section(
                Note(
                    "### Balance\nA balance that cannot be read is a message too.",
                    "### الرصيد\nوتعذّر القراءة يستحق رسالة أيضًا.",
                ),
                ((_CONFIG, _IS_FAILURE), (None, None, _REQUEST, _ASK, _COMPARE, _LOW)),
            ),
            Section(
                Note(
                    "### Message\nSingle fields are picked; a failed request's item would hold its headers.",
                    "### الرسالة\nتُؤخذ حقول بعينها فقط.",
                ),
                ((_ALERT, _HAS_PLACE, _SEND, _TOLD), (None, None, _KEEP, None)),
            ),
        ),
        (robust.section(robust.FETCH),),
    ),
    links=(
        *chain(_TIMER, _CONFIG),
        *chain(_TRY, _CONFIG),
        *chain(_ERROR, _PICK_ERROR),
        *chain(_SAMPLE_ERROR, _PICK_ERROR, _CONFIG, _IS_FAILURE),
        *branch(_IS_FAILURE, _ALERT, _REQUEST),
        *chain(_REQUEST, _ASK, _COMPARE, _LOW, _ALERT, _HAS_PLACE),
        *branch(_HAS_PLACE, _SEND, _KEEP),
        *branch(_SEND, _TOLD, _KEEP),
        *robust.links(robust.FETCH),
    ),
)
