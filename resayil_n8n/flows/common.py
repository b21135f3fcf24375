"""What the templates share: the Config node, the sample, and words that stand in every overview."""

from __future__ import annotations

from collections.abc import Sequence

from resayil.codecs.anthropic import DEFAULT_MAX_TOKENS
from resayil.config import DEFAULT_BASE_URL
from resayil_n8n.canvas import Note
from resayil_n8n.nodes import Field, Node, fields
from resayil_n8n.robust import settings_fields

MODEL = "deepseek-v4-flash"
VISION_MODEL = "qwen3-vl:235b-instruct"
LANGUAGE = "ar"

OK = Field("ok", "={{ $json.ok }}", "boolean")
TEXT = Field("text", "={{ $json.text }}")
CREDITS = Field("credits_estimate", "={{ $json.credits_estimate }}", "number")
ERROR = Field("error", "={{ $json.error }}", "object")
"""Fields of a template's result, as the robust call gave them."""

NO_ANSWER = (Field("ok", value=False, kind="boolean"), Field("text", ""))
"""The first of these fields where there is no answer."""

_STEPS = Note(
    """1. Credentials > new > **Header Auth**: name `Authorization`, value `Bearer ` and your key.
2. Open **Send the request** and choose it.
3. Look at **Config**, save, and run **Try with sample data**.""",
    """1. أنشئ بيانات اعتماد من نوع **Header Auth**: الاسم `Authorization` والقيمة `Bearer ` ثم مفتاحك.
2. افتح **Send the request** واخترها.
3. راجع **Config** ثم احفظ وشغّل **Try with sample data**.""",
)
_PROXY = Note(
    "Through a LiteLLM proxy: put its address (`http://localhost:4000/v1`) and its model name into "
    "Config, and its "
    "key into the credential.",
    "عبر وكيل LiteLLM: ضع عنوانه واسم نموذجه في Config ومفتاحه في بيانات الاعتماد.",
)


def setup(steps: Note = _STEPS, more: Note | None = None, proxy: Note = _PROXY) -> Note:
    """How a template is set up: the steps, more of them, and what a proxy changes."""
    written = [steps] if more is None else [steps, more]
    return Note(
        "\n".join(["### Setup", *(note.en for note in written), "", proxy.en]),
        "\n".join(["### الإعداد", *(note.ar for note in written), "", proxy.ar]),
    )


SETUP = setup()


def config(extra: Sequence[Field] = (), *, model: str = MODEL, max_tokens: int = DEFAULT_MAX_TOKENS) -> Node:
    """The one node of settings; what came in passes through it."""
    given = [
        Field("base_url", DEFAULT_BASE_URL),
        Field("model", model),
        Field("language", LANGUAGE),
        Field("max_tokens", max_tokens, "number"),
        *settings_fields(),
        *extra,
    ]
    return fields("Config", given, keep=True)


def sent(more: Field) -> Node:
    """Whether a message was taken, after the node that posted it."""
    taken = "={{ $json.statusCode >= 200 && $json.statusCode < 300 }}"
    status = Field("status", "={{ $json.statusCode }}", "number")
    return fields("Say what was sent", [Field("sent", taken, "boolean"), status, more])


def overview(how: Note, expected: Note, setup: Note = SETUP) -> Note:
    """The yellow note: what it does, how it is set up, and what the sample gives."""
    return Note(
        f"### How it works\n{how.en}\n\n{setup.en}\n\n### Expected output\n{expected.en}",
        f"### كيف يعمل\n{how.ar}\n\n{setup.ar}\n\n### الناتج المتوقع\n{expected.ar}",
    )
