"""04: a receipt's photo becomes checked figures, a question where they are unclear, and loyalty points."""

from __future__ import annotations

from base64 import b64encode
from importlib.resources import files

from resayil.images import MAX_IMAGE_BYTES, image_from_url
from resayil.messages import system, user
from resayil_n8n import robust
from resayil_n8n.bodies import SLOT_IMAGE, Body
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, code, fields, manual, switch, upload

INSTRUCTIONS = (
    "Read the receipt in the picture. Answer with one JSON object and nothing else: "
    '{"shop": "", "date": "YYYY-MM-DD", "currency": "KWD", "items": [{"name": "", "amount": ""}], '
    '"total": "", "confidence": 0.0, "unclear": ""}. '
    "Copy names and amounts exactly as printed, Arabic digits included. confidence is from 0 to 1. "
    "Never guess a figure: leave it empty, lower confidence, and name it in unclear."
)


def sample_picture() -> str:
    """A small receipt in Arabic as base64; its text also stands inside the file."""
    return b64encode(files("resayil_n8n").joinpath("samples", "receipt.png").read_bytes()).decode()


_UPLOAD = upload("When a photo arrives", "resayil-receipt")
_TRY = manual()
_SAMPLE = code("Take the sample photo", "sample_photo", PICTURE=sample_picture())
_CONFIG = common.config(
    [
        Field("least_confidence", 0.8, "number"),
        Field("points_per_unit", 10, "number"),
        Field("max_image_bytes", MAX_IMAGE_BYTES, "number"),
    ],
    model=common.VISION_MODEL,
)
_READ = code("Read the photo", "read_photo")
_IS_PICTURE = switch("Is it a picture?", "={{ $json.state }}", ("picture", "refused"))
_BODY = Body(
    [system(INSTRUCTIONS), user(slot("$json.caption"), image_from_url(SLOT_IMAGE))],
    image="$json.data_url",
    temperature=0,
)
_REQUEST = robust.request("Write the question", _BODY)
_ASK = robust.ask("Ask the vision model")
_CHECK = code("Check the receipt", "check_receipt")
_CLEAR = switch("Is it clear?", "={{ $json.state }}", ("clear", "unclear", "failed"))
_AWARD = code("Award the points", "award_points")
_QUESTION = code("Ask the customer", "ask_customer")
_REPLY = fields(
    "Reply",
    [
        common.OK,
        common.TEXT,
        Field("receipt", "={{ $json.receipt ?? null }}", "object"),
        Field("points", "={{ $json.points ?? 0 }}", "number"),
        Field("problems", "={{ $json.problems ?? [] }}", "array"),
        Field("credits_estimate", "={{ $json.credits_estimate ?? 0 }}", "number"),
        Field("error", "={{ $json.error ?? null }}", "object"),
    ],
)

WORKFLOW = Workflow(
    slug="04-receipt-by-photo",
    title="Read receipts from photos into checked figures in n8n with LLM Resayil",
    summary=(
        "A photo goes to a vision model; sums, three decimals and Arabic digits are checked; unclear "
        "ones are asked "
        "about; points are awarded by code."
    ),
    overview=common.overview(
        Note(
            "A photo arrives by webhook (form field `data`), a vision model reads it as JSON, and "
            "code checks it: "
            "Arabic digits, three decimals, items against the total, in thousandths. Unclear: the "
            "customer is asked. "
            "Clear: points are awarded by a function, never by the model.",
            "تصل صورة الإيصال عبر webhook، ويقرؤها نموذج يرى الصور، ثم يُتحقق من الأرقام العربية "
            "وثلاث منازل عشرية ومن "
            "المجموع. إن لم تكن واضحة يُسأل العميل، وإلا تُمنح النقاط.",
        ),
        Note(
            "`text` for the customer, `receipt` with amounts such as 3.750, `points` (37 for the "
            "sample), `problems`.",
            "`text` للعميل و`receipt` بالمبالغ و`points` (37 للعيّنة) و`problems`.",
        ),
    ),
    bands=(
        (
            Section(
                Note(
                    "### Photo\nPost a photo to the webhook, or take the sample. Published, it is "
                    "open to all who know its "
                    "address: choose an Authentication.",
                    "### الصورة\nأرسل صورة إلى العنوان أو خذ العيّنة. واختر مصادقة قبل النشر.",
                ),
                ((_UPLOAD, None), (_TRY, _SAMPLE)),
            ),
            Section(
                Note(
                    "### Reading\nPicture by its bytes, at most `max_image_bytes`; sent as a data URL.",
                    "### القراءة\nتُعرف الصورة من بياناتها وتُرسل مضمّنة في الطلب.",
                ),
                ((_CONFIG, _READ, _IS_PICTURE, _REQUEST, _ASK),),
            ),
            Section(
                Note(
                    "### Check and reply\nWrite your points system into **Award the points**.",
                    "### التحقق والرد\nاكتب نظام نقاطك في **Award the points**.",
                ),
                ((_CHECK, _CLEAR, _AWARD, _REPLY), (None, None, _QUESTION, None)),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(
        *chain(_UPLOAD, _CONFIG),
        *chain(_TRY, _SAMPLE, _CONFIG, _READ, _IS_PICTURE),
        *branch(_IS_PICTURE, _REQUEST, _QUESTION),
        *chain(_REQUEST, _ASK, _CHECK, _CLEAR),
        *branch(_CLEAR, _AWARD, _QUESTION, _QUESTION),
        *chain(_AWARD, _REPLY),
        *chain(_QUESTION, _REPLY),
        *robust.LINKS,
    ),
)
