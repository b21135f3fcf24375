"""Bulk rows, whatever holds the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from resayil.messages import system, user
from resayil_n8n import robust
from resayil_n8n.bodies import Body
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, Node, base, code, manual, wait, when


@dataclass(frozen=True, slots=True)
class Store:
    """Where rows that are done are kept.

    Attributes:
        place: The Config field that names it.
        read: Nodes that read it, in order.
        write: Nodes that write one row, in order.
        floor_en: What it needs of n8n.
        floor_ar: The same in Arabic.
    """

    place: Field
    read: tuple[Node, ...]
    write: tuple[Node, ...]
    floor_en: str
    floor_ar: str


TURN = "$('Config').first().json.window_seconds / $('Config').first().json.requests_per_minute"
"""Seconds between two requests: so no window ever holds more than the plan allows."""

_TRY = manual()
_SAMPLE = code("Take the sample rows", "sample_rows")
_LEAVE = code("Leave out what is done", "rows_left")
_LOOP = base("Take one row", "splitInBatches", {"batchSize": 1, "options": {}})
_BODY = Body([system(slot("$('Config').first().json.instructions")), user(slot("$json.input"))])
_ASK = robust.ask("Ask the model")
_RESULT = code("Write the row", "row_result")
_ON = when("May the next row go?", "={{ $('Write the row').first().json.go_on }}")
_WAIT = wait("Wait for the turn", f"={{{{ {TURN} }}}}")
_REPORT = code("Report", "rows_report")
_ROWS = Note(
    "### Rows\nPut your own trigger and rows here; each needs `row_id` and `input`.",
    "### الصفوف\nضع صفوفك هنا؛ لكل صف `row_id` و`input`.",
)


def _request() -> Node:
    written = robust.request("Write the request", _BODY)
    spaced = {
        "id": "99-least_wait_seconds",
        "name": "least_wait_seconds",
        "value": f"={{{{ {TURN} }}}}",
        "type": "number",
    }
    assignments = written.parameters["assignments"]["assignments"]
    return Node(
        written.name,
        written.type,
        {**written.parameters, "assignments": {"assignments": [*assignments, spaced]}},
        written.settings,
    )


def workflow(slug: str, title: str, store: Store) -> Workflow:
    """The template for one kind of checkpoint."""
    config = common.config(
        [
            Field("requests_per_minute", 10, "number"),
            Field("window_seconds", 60, "number"),
            Field("instructions", "صنّف رسالة العميل بكلمة واحدة: شكوى، سؤال، شكر."),
            store.place,
        ],
        max_tokens=64,
    )
    # Config stands before the rows, so that it runs once.
    request = _request()
    return Workflow(
        slug=slug,
        title=title,
        summary="One row at a time within requests per minute, a checkpoint per row, resumed by a "
        "second run.",
        overview=common.overview(
            Note(
                "Rows go out one at a time, so that no minute ever holds more than "
                "`requests_per_minute`, resends "
                "included. Each row is written down when it is answered; a second run asks only what "
                "is missing or "
                f"failed. No credits or a wrong key stops the run. {store.floor_en}",
                "تُرسل الصفوف واحدًا واحدًا ضمن حد الدقيقة، ويُكتب كل صف عند جوابه، والتشغيل الثاني يكمل الناقص "
                f"والفاشل فقط. {store.floor_ar}",
            ),
            Note(
                "A report: `asked`, `answered`, `failed`, `left`; the rows with `answer`, `status`, "
                "`error` in the "
                "checkpoint.",
                "تقرير بعدد ما سُئل وأُجيب وفشل وبقي، والصفوف في نقطة الحفظ.",
            ),
        ),
        bands=(
            (
                Section(_ROWS, ((_TRY, config, _SAMPLE),)),
                Section(
                    Note("### Resume\nWhat is done is left out.", "### الاستئناف\nيُترك ما أُنجز."),
                    ((*store.read, _LEAVE),),
                ),
            ),
            (
                Section(
                    Note(
                        "### One row at a time\nThe wait between two requests is window_seconds / "
                        "requests_per_minute. A killed run repeats at most the row in flight.",
                        "### صف بعد صف\nالانتظار بين طلبين هو window_seconds / requests_per_minute.",
                    ),
                    (
                        # The wait stands before the request, so that a run soon after another keeps to it.
                        (_LOOP, _WAIT, request, _ASK, _RESULT, *store.write, _ON),
                        (None, _REPORT),
                    ),
                ),
            ),
            (robust.SECTION,),
        ),
        links=(
            *chain(_TRY, config, _SAMPLE, *store.read, _LEAVE, _LOOP),
            *branch(_LOOP, _REPORT, _WAIT),
            *chain(_WAIT, request, _ASK, _RESULT, *store.write, _ON),
            *branch(_ON, _LOOP, _REPORT),
            *robust.LINKS,
        ),
    )
