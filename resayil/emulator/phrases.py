"""The sentences of unscripted answers, in both languages."""

from __future__ import annotations

from resayil.emulator.words import concepts

PHRASES: dict[str, dict[str, str]] = {
    "echo": {
        "ar": "هذا ردّ المحاكي لا ردّ نموذج حقيقي. طلبتَ من النموذج {model}: «{asked}». "
        "لو كان هذا الطلب موجّهًا إلى الخدمة نفسها لأجابك النموذج هنا.",
        "en": "This is the emulator answering, not a real model. You asked {model}: “{asked}”. "
        "Sent to the service itself, the model's own answer would stand here.",
    },
    "name": {
        "ar": "اسمك {name}، كما ذكرتَ قبل قليل. (هذا ردّ المحاكي.)",
        "en": "Your name is {name}, as you told me earlier. (This is the emulator answering.)",
    },
    "result": {
        "ar": "نتيجة الأداة {name}: {content}.",
        "en": "The tool {name} returned: {content}.",
    },
    "failed": {
        "ar": "لم تنجح الأداة {name}، وهذا ما قالته: {content}.",
        "en": "The tool {name} failed and said: {content}.",
    },
    "no-result": {
        "ar": "لم تُعِد الأداة {name} أي نص.",
        "en": "The tool {name} returned no text.",
    },
    "basis": {
        "ar": "حُسب ذلك على أساس: {arguments}.",
        "en": "That is based on: {arguments}.",
    },
    "receipt": {
        "ar": "المجموع في هذا الإيصال{title} هو {total}. قرأتُ ذلك من النص المحفوظ في ملف الصورة "
        "({kind}، {size} بكسل). ما رقم العضوية الذي تريد احتساب نقاط الولاء عليه؟",
        "en": "The total on this receipt{title} is {total}. I read it from the text stored in the image file "
        "({kind}, {size} pixels). Which membership number should the loyalty points go to?",
    },
    "image-text": {
        "ar": "الصورة بصيغة {kind} وحجمها {size} بكسل، وفي ملفها هذا النص:\n{text}",
        "en": "The image is a {kind} of {size} pixels, and its file carries this text:\n{text}",
    },
    "image": {
        "ar": "الصورة بصيغة {kind} وحجمها {size} بكسل، ولا يحمل ملفها نصًا. "
        "المحاكي لا ينظر إلى محتوى الصورة نفسه.",
        "en": "The image is a {kind} of {size} pixels and its file carries no text. "
        "The emulator does not look at the pixels.",
    },
    "not-fetched": {
        "ar": "لم يجلب المحاكي الصورة من {url}، فهو لا يفتح أي عنوان. أرسلها بترميز base64.",
        "en": "The emulator did not fetch the image at {url}: it opens no address. Send it as base64.",
    },
    "blind": {
        "ar": "النموذج {model} لا يرى الصور. اختر نموذجًا يراها مثل qwen3-vl:235b-instruct.",
        "en": "The model {model} does not see images. Choose one that does, such as qwen3-vl:235b-instruct.",
    },
    "thinking-tool": {
        "ar": "سأل المستخدم: «{asked}». الأداة المناسبة هي {names}، وما تحتاجه موجود في المحادثة، فلأستدعها.",
        "en": "The user asks: “{asked}”. The fitting tool is {names} and the conversation holds what it "
        "needs, so I call it.",
    },
    "thinking-text": {
        "ar": "سأل المستخدم: «{asked}». لا حاجة إلى أداة الآن، فلأجب مباشرة.",
        "en": "The user asks: “{asked}”. No tool is needed now, so I answer directly.",
    },
}

LABELS: dict[str, str] = {
    "point": "النقاط",
    "total": "المجموع",
    "loyalty": "الولاء",
    "status": "الحالة",
    "price": "السعر",
    "balance": "الرصيد",
    "temperature": "الحرارة",
    "weather": "الطقس",
    "name": "الاسم",
    "date": "التاريخ",
    "time": "الوقت",
    "currency": "العملة",
    "city": "المدينة",
    "customer": "العميل",
}
MEMBER_LABEL = "رقم العضوية"


def label(key: str, tongue: str) -> str:
    """A field's name for the reader: in Arabic where the table knows it, else as it is."""
    if tongue != "ar":
        return key
    about = concepts(key)
    if {"member", "id"} <= about:
        return MEMBER_LABEL
    return next((LABELS[word] for word in LABELS if word in about), key)
