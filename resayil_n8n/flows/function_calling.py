"""05: function calling by hand, so that every step can be seen and changed."""

from __future__ import annotations

from resayil.messages import system, user
from resayil.tools import Tool
from resayil_n8n import robust
from resayil_n8n.bodies import Body, endpoint, tool_turns
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, code, fields, manual, when

TOOLS = (
    Tool(
        "order_status",
        "Where an order is. Gives its state and the day it arrives.",
        {
            "type": "object",
            "properties": {"order_id": {"type": "string", "description": "The order's number"}},
            "required": ["order_id"],
        },
    ),
    Tool(
        "delivery_fee",
        "What delivery to an area of Kuwait costs, in dinars.",
        {
            "type": "object",
            "properties": {
                "area": {"type": "string", "description": "The area's name, as the customer wrote it"}
            },
            "required": ["area"],
        },
    ),
)
_TRY = manual()
_SAMPLE = fields(
    "Write the sample question", [Field("question", "وين وصل طلبي رقم ١٠٢٤؟ وكم رسوم التوصيل إلى السالمية؟")]
)
_CONFIG = common.config(
    [
        Field("max_rounds", 4, "number"),
        Field("instructions", "أنت موظف خدمة عملاء. استعمل الأدوات ولا تخمّن. أجب بلغة العميل."),
    ]
)
_BODY = Body(
    [system(slot("$json.instructions")), user(slot("$json.question"))], tools=TOOLS, tool_choice="auto"
)
_BEGIN = fields(
    "Begin the conversation",
    [Field("messages", _BODY.field("messages"), "array"), Field("round", 0, "number")],
)
_REQUEST = robust.call(
    "Write the request", endpoint("chat"), body=_BODY.expression(messages="$json.messages")
)
_ASK = robust.ask("Ask the model")
_RUN = code("Run the functions", "run_functions", **tool_turns())
_AGAIN = when("Is another round due?", "={{ $json.again }}")
_REPLY = fields(
    "Reply",
    [
        common.OK,
        common.TEXT,
        Field("rounds", "={{ $json.round }}", "number"),
        Field("calls", "={{ $json.calls }}", "array"),
        common.CREDITS,
        common.ERROR,
    ],
)

WORKFLOW = Workflow(
    slug="05-function-calling",
    title="Run functions that a model calls in n8n with LLM Resayil",
    summary="Offers tools, runs what the model calls, also several at once, sends the results back, "
    "and stops in time.",
    overview=common.overview(
        Note(
            "The model is offered two functions. **Run the functions** runs what it calls and sends "
            "the results "
            "back, until it answers or `max_rounds` is reached. Put your own functions into that node "
            "and their "
            "description into **Write the request**.",
            "تُعرض على النموذج وظيفتان. تنفّذ **Run the functions** ما يطلبه وتعيد إليه النتائج حتى "
            "يجيب أو ينتهي عدد "
            "الجولات `max_rounds`.",
        ),
        Note(
            "`text` with the answer, `calls` with every function, its arguments and its result, `rounds`.",
            "الجواب في `text`، وكل استدعاء ونتيجته في `calls`، وعدد الجولات في `rounds`.",
        ),
    ),
    bands=(
        (
            Section(
                Note("### Question\nOrder and area are examples.", "### السؤال\nالطلب والمنطقة مثالان."),
                ((_TRY, _SAMPLE, _CONFIG, _BEGIN),),
            ),
            Section(
                Note(
                    "### Loop\nEvery call is answered, also a broken or unknown one: with an error in "
                    "words, which "
                    "the model can mend. The loop is bounded.",
                    "### الحلقة\nيُردّ على كل استدعاء حتى الخاطئ منه، بوصف الخطأ؛ وعدد الجولات محدود.",
                ),
                ((_REQUEST, _ASK, _RUN, _AGAIN, _REPLY),),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(
        *chain(_TRY, _SAMPLE, _CONFIG, _BEGIN, _REQUEST, _ASK, _RUN, _AGAIN),
        *branch(_AGAIN, _REQUEST, _REPLY),
        *robust.LINKS,
    ),
)
