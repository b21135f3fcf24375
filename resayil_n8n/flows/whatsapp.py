"""07: support on WhatsApp in Arabic and English, through the Resayil gateway."""

from __future__ import annotations

from resayil.messages import system, user
from resayil_n8n import data_tables, robust
from resayil_n8n.bodies import Body, endpoint, plain_turns
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import HEADER_AUTH, Field, base, code, fields, http, json_body, manual, switch, when

INSTRUCTIONS = (
    "أنت موظف دعم لمتجر في الكويت على واتساب. أجب بإيجاز وأدب، ولا تعد بما لا تعرفه. "
    "You are a shop's support agent on WhatsApp. Answer briefly, in the customer's language: {language}."
)
SETUP = common.setup(
    more=Note(
        """4. A second **Header Auth** with the gateway's own key: choose it in **Send the reply**.
5. Publish, and give the gateway the production address of **When a message arrives**.
6. Look at one real delivery and put its field names into Config: text and id are undocumented.""",
        """4. بيانات **Header Auth** ثانية بمفتاح البوابة في **Send the reply**.
5. انشر سير العمل وأعطِ البوابة عنوان **When a message arrives**، ثم اكتب أسماء الحقول في Config كما تصل.""",
    )
)
_CUSTOMER = ("phone", "language", "turns", "person_until")
_HOOK = base(
    "When a message arrives",
    "webhook",
    {"httpMethod": "POST", "path": "resayil-whatsapp", "responseMode": "onReceived", "options": {}},
)
_TRY = manual()
_SAMPLE = fields(
    "Take the sample message",
    [
        Field(
            "body",
            {
                "device": {"id": "sample-device", "phone": "+96550000000"},
                "data": {
                    "id": "sample-1",
                    "fromNumber": "+96551111111",
                    "chat": {"id": "96551111111@c.us"},
                    "body": "السَّلامُ عليكم، هل عندكم توصيل إلى الجهراء؟ 🙏",
                },
            },
            "object",
        ),
        Field("sample", value=True, kind="boolean"),
    ],
)
_CONFIG = common.config(
    [
        Field("gateway_url", "https://api.resayil.io/v1/messages"),
        Field("number_field", "data.fromNumber"),
        Field("text_field", "data.body"),
        Field("id_field", "data.id"),
        Field("person_phone", "+96550000000"),
        Field("person_words", "موظف|إنسان|شخص حقيقي|agent|human|a person"),
        Field("person_hours", 12, "number"),
        Field("remembered_turns", 6, "number"),
        Field("message_table", "resayil_whatsapp_messages"),
        Field("customer_table", "resayil_whatsapp_customers"),
        Field("instructions", INSTRUCTIONS),
    ],
    max_tokens=512,
)
_READ = code("Read the message", "whatsapp_read")
_USABLE = when("Is it a message?", "={{ $json.usable }}")
_MAKE_MESSAGES = data_tables.create("Create the message table", "message_table", ("message_id",))
_BACK = fields(
    "Bring the message",
    [
        Field("message_id", "={{ $('Read the message').first().json.message_id }}"),
        Field("phone", "={{ $('Read the message').first().json.phone }}"),
    ],
)
_NEW = data_tables.only_new("Leave out a duplicate", "message_table", "message_id")
_REMEMBER = data_tables.insert("Remember the message", "message_table", ("message_id",))
_MAKE_CUSTOMERS = data_tables.create("Create the customer table", "customer_table", _CUSTOMER)
_WHO = fields("Name the customer", [Field("phone", "={{ $('Read the message').first().json.phone }}")])
_RECALL = data_tables.read("Recall the customer", "customer_table", "phone")
_DECIDE = code("Decide who answers", "whatsapp_decide")
_SWITCH = switch("Who answers?", "={{ $json.who }}", ("model", "person"))
_BODY = Body([system(slot("$json.instructions")), user(slot("$json.text"))])
_REQUEST = robust.call("Write the request", endpoint("chat"), body=_BODY.with_history("$json.turns_before"))
_ASK = robust.ask("Ask the model")
_REPLY = code("Write the reply", "whatsapp_reply", **plain_turns())
_PERSON = code("Hand over to a person", "whatsapp_person")
_KEEP = data_tables.upsert("Keep the customer", "customer_table", "phone", _CUSTOMER)
_OUT = code("List what to send", "whatsapp_out")
_SEND = http(
    "Send the reply",
    "POST",
    "={{ $('Config').first().json.gateway_url }}",
    {**HEADER_AUTH, **json_body("={{ JSON.stringify({ phone: $json.phone, message: $json.message } ) }}")},
)
_TOLD = common.sent(Field("gateway_said", "={{ String($json.text ?? '').slice(0, 300) }}"))
_FAILED = fields(
    "Pick what failed to go out",
    [
        Field("sent", value=False, kind="boolean"),
        Field("failure", "={{ $json.error.message || 'Nothing was sent: ' + $json.error }}"),
    ],
)

WORKFLOW = Workflow(
    slug="07-whatsapp-support",
    title="Answer customers on WhatsApp in Arabic and English in n8n with LLM Resayil",
    summary="Replies through the Resayil gateway, keeps each customer's language, hands over to a "
    "person, ignores duplicates.",
    overview=common.overview(
        Note(
            "The gateway delivers a message; one that came before is left out. The customer's "
            "language, last turns, "
            "and whether a person has taken over are kept in Data Tables (n8n 1.113 or newer; the "
            "nodes that create "
            "them are newer, run on 2.41.1). The model answers, or a person is told and the model "
            "stays silent for "
            "`person_hours`.",
            "تصل الرسالة من البوابة ويُهمل المكرر. تُحفظ لغة العميل وآخر حديثه في Data Tables، ويجيب "
            "النموذج أو يُبلَّغ "
            "موظف ويسكت النموذج مدة `person_hours`.",
        ),
        Note(
            "`sent` true and the gateway's `status`. The sample may be run again and again: it has a "
            "new id each time.",
            "`sent` = true ورد البوابة؛ ويمكن تكرار العيّنة.",
        ),
        SETUP,
    ),
    bands=(
        (
            Section(
                Note(
                    "### Message\nThe gateway's webhook, or a sample without a phone. Published, it "
                    "is open to all who know "
                    "its address: choose an Authentication if the gateway can send one.",
                    "### الرسالة\nمن البوابة أو عيّنة بلا هاتف. واختر مصادقة إن كانت البوابة تدعمها.",
                ),
                ((_HOOK, None), (_TRY, _SAMPLE)),
            ),
            Section(
                Note(
                    "### New or known\nField names stand in Config. A message id that is in the table "
                    "ends here.",
                    "### جديدة أم مكررة\nأسماء الحقول في Config، والمكرر ينتهي هنا.",
                ),
                ((_CONFIG, _READ, _USABLE, _MAKE_MESSAGES, _BACK, _NEW, _REMEMBER),),
            ),
        ),
        (
            Section(
                Note(
                    "### Customer\nLanguage by the letters of the message; an emoji changes nothing.",
                    "### العميل\nاللغة من حروف رسالته.",
                ),
                ((_MAKE_CUSTOMERS, _WHO, _RECALL, _DECIDE, _SWITCH),),
            ),
            Section(
                Note(
                    "### Answer\nA failed answer hands over too.",
                    "### الجواب\nوإن تعذّر الجواب يُبلَّغ موظف.",
                ),
                ((_REQUEST, _ASK, _REPLY), (None, None, _PERSON)),
            ),
            Section(
                Note(
                    "### Send\nThe customer is kept before anything goes out.",
                    "### الإرسال\nيُحفظ العميل قبل الإرسال.",
                ),
                ((_KEEP, _OUT, _SEND, _TOLD), (None, None, None, _FAILED)),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(
        *chain(_HOOK, _CONFIG),
        *chain(
            _TRY, _SAMPLE, _CONFIG, _READ, _USABLE, _MAKE_MESSAGES, _BACK, _NEW, _REMEMBER, _MAKE_CUSTOMERS
        ),
        *chain(_MAKE_CUSTOMERS, _WHO, _RECALL, _DECIDE, _SWITCH),
        *branch(_SWITCH, _REQUEST, _PERSON),
        *chain(_REQUEST, _ASK, _REPLY, _KEEP, _OUT, _SEND),
        *chain(_PERSON, _KEEP),
        *branch(_SEND, _TOLD, _FAILED),
        *robust.LINKS,
    ),
)
