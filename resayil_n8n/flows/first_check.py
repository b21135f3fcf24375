"""01: is the key good, is the model there, what does an answer cost?"""

from __future__ import annotations

from resayil.messages import user
from resayil_n8n import robust
from resayil_n8n.bodies import Body, address
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, code, fields, manual, when

_TRY = manual()
_SAMPLE = fields("Write the sample question", [Field("question", "عرّف بنفسك في جملة واحدة، من فضلك.")])
_CONFIG = common.config(max_tokens=128)
_LIST = robust.call("Write the list request", address("/models"), expect="json")
_ASK_LIST = robust.ask("List the models")
_CAME = when("Did the list come?", "={{ $json.ok }}")
_BODY = Body([user(slot("$('Write the sample question').first().json.question"))])
_REQUEST = robust.request("Write the first question", _BODY)
_ASK = robust.ask("Ask the model")
_REPORT = code("Report what was found", "first_check")

WORKFLOW = Workflow(
    slug="01-first-check",
    title="Check a key, the models and a first answer in n8n with LLM Resayil",
    summary="Lists the models, asks one of them once, and says what it used, what it cost, or what is wrong.",
    overview=common.overview(
        Note(
            "Reads the list of models, sends one short question, and reports. Each failure is named, "
            "with what "
            "to do about it.",
            "يقرأ قائمة النماذج، ويرسل سؤالًا قصيرًا واحدًا، ثم يكتب تقريرًا يسمّي كل خلل وعلاجه.",
        ),
        Note(
            "`healthy` true, the number of `models`, `model_listed`, the `answer`, its `usage`, and "
            "`credits_estimate` (an estimate: the documents give several formulas).",
            "`healthy` = true وعدد النماذج `models` والجواب `answer` واستهلاكه `usage` وتقدير الرصيد "
            "`credits_estimate`.",
        ),
    ),
    bands=(
        (
            Section(
                Note("### Start\nConfig holds every setting.", "### البداية\nكل الإعدادات في Config."),
                ((_TRY, _SAMPLE, _CONFIG),),
            ),
            Section(
                Note(
                    "### Models\nThe list proves address and key; it costs nothing.",
                    "### النماذج\nالقائمة تثبت صحة العنوان والمفتاح، وهي مجانية.",
                ),
                ((_LIST, _ASK_LIST, _CAME),),
            ),
            Section(
                Note(
                    "### First answer\n**401** key · **402** credits · **404** model or path · "
                    "**422** a field · "
                    "**429** too many a minute · **503/529** busy · a web page: wrong address",
                    "### أول جواب\n**401** المفتاح · **402** الرصيد · **404** النموذج · **422** حقل خاطئ · "
                    "**429** طلبات كثيرة · **503/529** الخدمة مشغولة",
                ),
                ((_REQUEST, _ASK, _REPORT),),
            ),
        ),
        (robust.section(robust.SEND, robust.FETCH),),
    ),
    links=(
        *chain(_TRY, _SAMPLE, _CONFIG, _LIST, _ASK_LIST, _CAME),
        *branch(_CAME, _REQUEST, _REPORT),
        *chain(_REQUEST, _ASK, _REPORT),
        *robust.links(robust.SEND, robust.FETCH),
    ),
)
