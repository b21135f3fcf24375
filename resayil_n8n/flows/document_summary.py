"""09: a document, cut at sentence ends, summed up part by part and then as a whole."""

from __future__ import annotations

from resayil.messages import system, user
from resayil_n8n import robust
from resayil_n8n.bodies import Body
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, base, code, fields, manual, switch, upload, when

_PART = "لخّص هذا الجزء من وثيقة في ثلاث جمل على الأكثر، بلغته، دون إضافة."
_WHOLE = (
    "هذه ملخصات أجزاء وثيقة واحدة بالترتيب. "
    "اكتب منها ملخصًا واحدًا متماسكًا بلغة الوثيقة، في خمس جمل على الأكثر."
)

_UPLOAD = upload("When a document arrives", "resayil-summary")
_TRY = manual()
_SAMPLE = code("Take the sample document", "sample_document")
_CONFIG = common.config(
    [
        Field("chunk_characters", 4000, "number"),
        Field("most_chunks", 20, "number"),
        Field("part_instructions", _PART),
        Field("whole_instructions", _WHOLE),
    ],
    max_tokens=512,
)
_KIND = switch(
    "Sort by kind",
    "={{ Object.values($binary)[0].mimeType === 'application/pdf' ? 'pdf' : 'text' }}",
    ("text", "pdf"),
)
_FILE = "={{ Object.keys($binary)[0] }}"
_TEXT = base(
    "Read the text",
    "extractFromFile",
    {
        "operation": "text",
        "binaryPropertyName": _FILE,
        "destinationKey": "text",
        "options": {"encoding": "utf8"},
    },
)
_PDF = base("Read the PDF", "extractFromFile", {"operation": "pdf", "binaryPropertyName": _FILE})
_CUT = code("Cut at sentence ends", "chunks")
_MAP = robust.request(
    "Write the part's request",
    Body([system(slot("$('Config').first().json.part_instructions")), user(slot("$json.chunk"))]),
)
_ASK_PART = robust.ask("Sum up each part")
_JOIN = code("Join the parts", "join_parts")
_GOOD = when("Are all parts there?", "={{ $json.ok }}")
_REDUCE = robust.request(
    "Write the whole's request",
    Body([system(slot("$('Config').first().json.whole_instructions")), user(slot("$json.parts"))]),
)
_ASK_WHOLE = robust.ask("Sum up the whole")
_REPLY = fields(
    "Reply",
    [
        common.OK,
        common.TEXT,
        Field("chunks", "={{ $('Join the parts').first().json.chunks }}", "number"),
        Field(
            "credits_estimate",
            "={{ ($json.credits_estimate || 0) + $('Join the parts').first().json.credits_estimate }}",
            "number",
        ),
        common.ERROR,
    ],
)
_FAIL = fields(
    "Name what failed",
    [*common.NO_ANSWER, Field("chunks", "={{ $json.chunks }}", "number"), common.CREDITS, common.ERROR],
)

WORKFLOW = Workflow(
    slug="09-document-summary",
    title="Sum up documents in Arabic or English in n8n with LLM Resayil",
    summary="Text or PDF in, cut at Arabic and Latin sentence ends, summed up part by part, then as a whole.",
    overview=common.overview(
        Note(
            "A text or PDF file arrives by webhook (form field `data`), is cut at sentence ends, "
            "Arabic marks "
            "included, into parts of at most `chunk_characters`; each part is summed up, then the "
            "whole. Above "
            "`most_chunks` nothing is sent.",
            "يصل ملف نصي أو PDF عبر webhook، ويُقطع عند نهايات الجمل العربية واللاتينية، ويُلخّص كل "
            "جزء ثم الكل. ولا "
            "يُرسل شيء إن زادت الأجزاء على `most_chunks`.",
        ),
        Note(
            "`text`: the summary, `chunks`, `credits_estimate`. If one part fails, `error` names it.",
            "`text`: الملخص، مع عدد الأجزاء وتقدير الرصيد.",
        ),
    ),
    bands=(
        (
            Section(
                Note(
                    "### Document\nPost a file, or take the sample. Published, it is open to all who "
                    "know its address: "
                    "choose an Authentication.",
                    "### الوثيقة\nأرسل ملفًا أو خذ العيّنة. واختر مصادقة قبل النشر.",
                ),
                ((_UPLOAD, None), (_TRY, _SAMPLE)),
            ),
            Section(
                Note(
                    "### Text and parts\nA sentence longer than a part is cut at a space; no "
                    "character is lost.",
                    "### النص والأجزاء\nلا يضيع حرف عند القطع.",
                ),
                ((_CONFIG, _KIND, _TEXT, _CUT), (None, None, _PDF, None)),
            ),
        ),
        (
            Section(
                Note("### Each part\nOne call per part.", "### كل جزء\nنداء لكل جزء."),
                ((_MAP, _ASK_PART, _JOIN, _GOOD),),
            ),
            Section(
                Note("### The whole\nFrom the parts' summaries.", "### الكل\nمن ملخصات الأجزاء."),
                ((_REDUCE, _ASK_WHOLE, _REPLY), (_FAIL,)),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(
        *chain(_UPLOAD, _CONFIG),
        *chain(_TRY, _SAMPLE, _CONFIG, _KIND),
        *branch(_KIND, _TEXT, _PDF),
        *chain(_TEXT, _CUT),
        *chain(_PDF, _CUT, _MAP, _ASK_PART, _JOIN, _GOOD),
        *branch(_GOOD, _REDUCE, _FAIL),
        *chain(_REDUCE, _ASK_WHOLE, _REPLY),
        *robust.LINKS,
    ),
)
