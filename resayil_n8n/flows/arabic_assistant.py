"""03: an assistant with memory and tools, made of n8n's own chat-model nodes."""

from __future__ import annotations

from resayil_n8n.bodies import config
from resayil_n8n.canvas import Note, Section, Workflow, branch, chain, sub
from resayil_n8n.flows import common
from resayil_n8n.nodes import Field, ai, fields, manual, source

INSTRUCTIONS = (
    "أنت مساعد متجر في الكويت. أجب باللغة التي كتب بها العميل، بأدب وإيجاز. "
    "استعمل الآلة الحاسبة لكل حساب، واسأل عن أوقات العمل بالأداة."
)
SETUP = Note(
    """### Setup
1. Credentials > new > **OpenAI**: your key, and as Base URL \
`https://llmapi.resayil.io/v1`; this node takes its address from there alone.
2. Open **Ask the model** and choose it.
3. Save, and run **Try with sample data**, or open the chat.

Through a LiteLLM proxy: its address and key in that credential, its model name in Config.""",
    """### الإعداد
1. أنشئ بيانات اعتماد **OpenAI** بمفتاحك، وضع في Base URL العنوان `https://llmapi.resayil.io/v1`.
2. افتح **Ask the model** واخترها.
3. احفظ وشغّل **Try with sample data** أو افتح المحادثة.

عبر وكيل LiteLLM: عنوانه ومفتاحه في بيانات الاعتماد، واسم نموذجه في Config.""",
)

_CHAT = ai(
    "When a message arrives",
    "chatTrigger",
    {"public": True, "mode": "hostedChat", "options": {"responseMode": "streaming"}},
)
_TRY = manual()
_SAMPLE = fields(
    "Write the sample message",
    [
        Field("chatInput", "السَّلامُ عليكم! اشتريتُ ٣ علب بسعر ١٫٢٥٠ د.ك للعلبة، كم المجموع؟ ومتى تفتحون غدًا؟"),
        Field("sessionId", "sample-session"),
    ],
)
_CONFIG = fields(
    "Config",
    [
        Field("model", common.MODEL),
        Field("language", common.LANGUAGE),
        Field("max_tokens", 1024, "number"),
        Field("remembered_turns", 10, "number"),
        Field("instructions", INSTRUCTIONS),
    ],
    keep=True,
)
_AGENT = ai(
    "Answer the customer",
    "agent",
    {
        "promptType": "define",
        "text": "={{ $json.chatInput }}",
        "options": {
            "systemMessage": "={{ $json.instructions }}",
            "maxIterations": 6,
            "enableStreaming": True,
        },
    },
    onError="continueErrorOutput",
)
_MODEL = ai(
    "Ask the model",
    "lmChatOpenAi",
    {
        "model": {"__rl": True, "mode": "id", "value": f"={{{{ {config('model')} }}}}"},
        "options": {"maxTokens": f"={{{{ {config('max_tokens')} }}}}"},
    },
)
_MEMORY = ai(
    "Remember the session",
    "memoryBufferWindow",
    {
        "sessionIdType": "customKey",
        "sessionKey": "={{ $json.sessionId }}",
        "contextWindowLength": f"={{{{ {config('remembered_turns')} }}}}",
    },
)
_CALCULATE = ai("Calculate", "toolCalculator")
_HOURS = ai(
    "Look up opening hours",
    "toolCode",
    {
        "name": "opening_hours",
        "description": "Opening hours of the shop. Input: a day in Arabic or English, or nothing for "
        "all days.",
        "jsCode": source("opening_hours"),
    },
)
_EXPLAIN = fields(
    "Explain the failure",
    [
        Field(
            "output",
            "تعذّر الجواب الآن، فأعد المحاولة بعد دقيقة. / No answer just now; try again in a minute.",
        ),
        Field("error", "={{ typeof $json.error === 'string' ? $json.error : $json.error.message }}"),
    ],
)

WORKFLOW = Workflow(
    slug="03-arabic-assistant",
    title="Answer customers in Arabic in n8n's chat with LLM Resayil",
    summary="A chat assistant with memory per session, two tools and streaming, on n8n's own AI Agent.",
    overview=common.overview(
        Note(
            "The chat hands each message to an agent that remembers its session, calculates with a "
            "calculator, "
            "and knows the opening hours. The answer streams. Node versions are held where the agent and the "
            "model speak chat completions.",
            "تصل الرسالة إلى وكيل يتذكر الجلسة، ويحسب بالآلة الحاسبة، ويعرف أوقات العمل، ويصل الجواب "
            "متتابعًا.",
        ),
        Note(
            "`output`: the answer in the customer's language. The same `sessionId` is one conversation.",
            "`output`: الجواب بلغة العميل؛ والرقم نفسه في `sessionId` محادثة واحدة.",
        ),
        SETUP,
    ),
    bands=(
        (
            Section(
                Note(
                    "### Message\nThe chat, or a sample without one. Published, its page is open to "
                    "all who know its "
                    "address: choose an Authentication.",
                    "### الرسالة\nالمحادثة أو عيّنة دونها. واختر مصادقة قبل النشر.",
                ),
                ((_CHAT, None), (_TRY, _SAMPLE)),
            ),
            Section(
                Note(
                    "### Assistant\nWrite your shop into `instructions`, your hours into the code "
                    "tool. n8n builds "
                    "the requests here; it does not wait for a full minute's limit.",
                    "### المساعد\nاكتب متجرك في `instructions` وأوقاتك في أداة الكود.",
                ),
                ((_CONFIG, None, _AGENT, None, _EXPLAIN), (None, _MODEL, _MEMORY, _CALCULATE, _HOURS)),
            ),
        ),
    ),
    links=(
        *chain(_CHAT, _CONFIG),
        *chain(_TRY, _SAMPLE, _CONFIG, _AGENT),
        *branch(_AGENT, None, _EXPLAIN),
        *sub(_AGENT, "ai_languageModel", _MODEL),
        *sub(_AGENT, "ai_memory", _MEMORY),
        *sub(_AGENT, "ai_tool", _CALCULATE, _HOURS),
    ),
)
