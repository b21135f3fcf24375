"""The core's tables as the scripts read them, so that n8n decides as the core does."""

from __future__ import annotations

from typing import Any

from resayil.codecs.envelopes import CODE_STATUS
from resayil.credits import CLOUD_MULTIPLIER, LOCAL_MULTIPLIER
from resayil.errors import NotFoundError, OverloadedError, error_class
from resayil.models import SNAPSHOT
from resayil.retry import MAX_DELAY, PAID_ATTEMPTS, RESENT, RetryPolicy, may_be_billed

_POLICY = RetryPolicy()
MAX_ATTEMPTS = _POLICY.max_retries + 1
RETRY_BUDGET_SECONDS = int(_POLICY.budget)

_HINTS: dict[int, tuple[str, str]] = {
    400: (
        "The request is not acceptable as it stands; the message names what is wrong.",
        "الطلب غير مقبول بصورته هذه؛ والرسالة تذكر موضع الخطأ.",
    ),
    401: (
        "The key is missing, wrong or revoked: the credential's value is Bearer, one space, and your key.",
        "المفتاح ناقص أو خاطئ أو ملغى: افتح بيانات الاعتماد؛ قيمتها كلمة Bearer ثم مسافة واحدة ثم مفتاحك.",
    ),
    402: (
        "The balance does not cover the request; top up on the billing page. Nothing was sent again.",
        "الرصيد لا يكفي لهذا الطلب. اشحن رصيدك من صفحة الفوترة؛ ولم يُرسَل الطلب مرة أخرى.",
    ),
    403: ("This key may not do this.", "هذا المفتاح لا يملك صلاحية هذا الطلب."),
    404: (
        "No such model or path: compare the model in Config with the service's list of models.",
        "لا يوجد نموذج أو مسار بهذا الاسم: قارن النموذج في عقدة Config بقائمة النماذج.",
    ),
    413: (
        "The request is too large: send a smaller image or text.",
        "الطلب كبير جدًا: أرسل صورة أو نصًا أصغر.",
    ),
    422: (
        "The service does not accept a field of the request; the message names it.",
        "الخدمة لا تقبل أحد حقول الطلب؛ والرسالة تسمّيه.",
    ),
    429: (
        "More requests than the plan allows in a minute: wait, or send fewer.",
        "طلبات أكثر مما تسمح به الباقة في الدقيقة: انتظر أو أرسل أقل.",
    ),
    500: ("The service failed; this attempt may have been charged.", "تعطلت الخدمة؛ وقد تُحتسب هذه المحاولة."),
    502: ("A gateway failed; this attempt may have been charged.", "تعطلت بوابة؛ وقد تُحتسب هذه المحاولة."),
    503: ("The model or the service is not available now.", "النموذج أو الخدمة غير متاح الآن."),
    504: (
        "A gateway gave up; this attempt may have been charged.",
        "انتهت مهلة بوابة؛ وقد تُحتسب هذه المحاولة.",
    ),
    529: ("The service is overloaded now.", "الخدمة مثقلة بالطلبات الآن."),
}


def status_rules() -> dict[str, dict[str, Any]]:
    """By status: the error's name, whether to send again, whether it may be charged, and what to do."""
    rules: dict[str, dict[str, Any]] = {}
    for status, (english, arabic) in _HINTS.items():
        kind = error_class(status)
        rules[str(status)] = {
            "kind": kind.__name__,
            "resend": status in RESENT,
            "charged": may_be_billed(kind("", status_code=status)),
            "other_model": issubclass(kind, NotFoundError | OverloadedError),
            "hint": {"en": english, "ar": arabic},
        }
    return rules


def retry_rules() -> dict[str, Any]:
    """What the robust call's script decides by."""
    return {
        "statuses": status_rules(),
        "codes": dict(CODE_STATUS),
        "charged_attempts": PAID_ATTEMPTS,
        "longest_wait": MAX_DELAY,
        **prices(),
    }


def prices() -> dict[str, Any]:
    """Credits per token: of models whose price the documents name, of cloud ids, of all others."""
    return {
        "multipliers": {
            name: float(info.credit_multiplier)
            for name, info in SNAPSHOT.items()
            if info.credit_multiplier is not None
        },
        "cloud": float(CLOUD_MULTIPLIER),
        "local": float(LOCAL_MULTIPLIER),
    }
