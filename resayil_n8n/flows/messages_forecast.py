"""06: the messages dialect, with a forecast of credits before anything is spent."""

from __future__ import annotations

from resayil.messages import system, user
from resayil.tokens import estimate_text
from resayil_n8n import robust
from resayil_n8n.bodies import Body, address
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain
from resayil_n8n.expressions import slot
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, code, fields, manual, when
from resayil_n8n.tables import prices

_SAMPLE_LENGTH = 1000
_COUNTED = {"arabic": "ا", "marks": "\u064b", "latin": "a", "digits": "1", "space": " ", "other": "—"}


def most_tokens() -> dict[str, float]:
    """At most so many tokens per character of each script, by the core's own estimate."""
    return {
        name: round(estimate_text(character * _SAMPLE_LENGTH).high / _SAMPLE_LENGTH, 3)
        for name, character in _COUNTED.items()
    }


_TRY = manual()
_SAMPLE = fields(
    "Write the sample question",
    [
        Field("question", "اكتب رسالة اعتذار قصيرة لعميل تأخّر طلبه يومين."),
        Field("instructions", "أنت كاتب خدمة عملاء. أسلوبك مهذّب وموجز."),
    ],
)
_CONFIG = common.config([Field("budget_credits", 5000, "number")], max_tokens=512)
_BODY = Body([system(slot("$json.instructions")), user(slot("$json.question"))], dialect="messages")
_COUNT = robust.call(
    "Write the count request",
    address("/messages/count_tokens"),
    body=_BODY.expression("model", "system", "messages", "tools"),
    headers=robust.ANTHROPIC_HEADERS,
    expect="json",
)
_ASK_COUNT = robust.ask("Count the tokens")
_FORECAST = code("Forecast the credits", "forecast", PRICES=prices(), MOST=most_tokens())
_WITHIN = when("Is it within the budget?", "={{ $json.within }}")
_BRING = fields(
    "Bring the question",
    [
        Field("question", "={{ $('Config').first().json.question }}"),
        Field("instructions", "={{ $('Config').first().json.instructions }}"),
    ],
)
_REQUEST = robust.request("Write the message", _BODY, "messages")
_ASK = robust.ask("Ask the model")
_STOP = fields(
    "Stop above the budget",
    [*common.NO_ANSWER, Field("credits_estimate", "={{ $json.most }}", "number"), common.ERROR],
)

WORKFLOW = Workflow(
    slug="06-messages-forecast",
    title="Forecast credits before a message is sent from n8n to LLM Resayil",
    summary="Counts the tokens of an Anthropic-style request, forecasts its credits, and stops above "
    "your budget.",
    overview=common.overview(
        Note(
            "Counts the prompt's tokens, reckons with the longest answer that `max_tokens` allows, "
            "and sends the "
            "request to `/messages` only where that stays within `budget_credits`. A proxy without "
            "count_tokens: the count is estimated from the letters, from above.",
            "يعدّ رموز النص ويحسب أطول جواب يسمح به `max_tokens`، ولا يرسل الطلب إلى `/messages` إلا "
            "إذا بقي ضمن "
            "`budget_credits`.",
        ),
        Note(
            "The answer in `text` with `usage` and `credits_estimate`; above the budget `ok` false, "
            "BudgetExceededError, and no request.",
            "الجواب في `text`؛ وفوق الميزانية `ok` = false ولا يُرسل شيء.",
        ),
    ),
    bands=(
        (
            Section(
                Note("### Question\n`budget_credits` stands in Config.", "### السؤال\nالميزانية في Config."),
                ((_TRY, _SAMPLE, _CONFIG),),
            ),
            Section(
                Note(
                    "### Forecast\nAll credits are estimates. Where the service cannot count, letters "
                    "are counted.",
                    "### التوقع\nكل أرقام الرصيد تقديرية.",
                ),
                ((_COUNT, _ASK_COUNT, _FORECAST, _WITHIN),),
            ),
            Section(
                Note(
                    "### Message\nAnthropic's form: system at the top, max_tokens always sent.",
                    "### الرسالة\nصيغة Anthropic: التعليمات في الأعلى، وmax_tokens يُرسل دائمًا.",
                ),
                ((_BRING, _REQUEST, _ASK), (_STOP,)),
            ),
        ),
        (robust.SECTION,),
    ),
    links=(
        *chain(_TRY, _SAMPLE, _CONFIG, _COUNT, _ASK_COUNT, _FORECAST, _WITHIN),
        *branch(_WITHIN, _BRING, _STOP),
        *chain(_BRING, _REQUEST, _ASK),
        *robust.LINKS,
    ),
)
