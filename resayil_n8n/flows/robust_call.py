"""02: the robust call as a template of its own."""

from __future__ import annotations

from resayil.messages import system, user
from resayil_n8n import robust
from resayil_n8n.bodies import Body
from resayil_n8n.canvas import Note, Section, Workflow, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, fields, manual

_TRY = manual()
_SAMPLE = fields(
    "Write the sample question",
    [
        Field("question", "قالَ لي صديقي: «السَّلامُ عليكم» 👋\nما معنى هذه التحيّة؟ أجب في جملة واحدة."),
        Field("instructions", "أنت مساعد لطيف. أجب باللغة التي كُتب بها السؤال."),
    ],
)
_CONFIG = common.config()
_BODY = Body([system(slot("$json.instructions")), user(slot("$json.question"))])
_REQUEST = robust.request("Write the request", _BODY)
_ASK = robust.ask("Ask the model")

WORKFLOW = Workflow(
    slug="02-robust-call",
    title="Call a model robustly from n8n with LLM Resayil",
    summary=(
        "One call that waits when the plan's minute is full, tries again where that is safe, takes another "
        "model where one is missing, and always ends in the same fields."
    ),
    overview=common.overview(
        Note(
            "A question goes to the model through the robust call below. The workflow calls itself: copy the "
            "lower section and **Ask the model** into your own workflow, and it has the same call.",
            "يُرسَل السؤال إلى النموذج عبر النداء المتين في الأسفل. سير العمل ينادي نفسه: انسخ القسم السفلي و"
            "**Ask the model** إلى سير عملك.",
        ),
        Note(
            "`ok` true, the answer in `text`, `usage`, and `credits_estimate` (an estimate). After a "
            "failure: "
            "`ok` false and `error` with kind, status, message and hint.",
            "الجواب في `text` مع `usage` و`credits_estimate` (تقدير)؛ وعند الفشل `ok` = false والسبب "
            "في `error`.",
        ),
    ),
    bands=(
        (
            Section(
                Note(
                    "### Question\nWrite your own in the sample, or put your trigger here.",
                    "### السؤال\nاكتب سؤالك في العيّنة أو ضع مشغّلك هنا.",
                ),
                ((_TRY, _SAMPLE, _CONFIG),),
            ),
            Section(
                Note(
                    "### Call\nThe body is the core client's own; your text goes through JSON.stringify.",
                    "### النداء\nجسم الطلب كما يكتبه العميل الأساسي، ونصك لا يتغير.",
                ),
                ((_REQUEST, _ASK),),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(*chain(_TRY, _SAMPLE, _CONFIG, _REQUEST, _ASK), *robust.LINKS),
)
