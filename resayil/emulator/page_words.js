// The page's own words: English stands in the page, and this table turns it into Arabic.

const ARABIC = {
  "LLM Resayil emulator": "محاكي LLM Resayil",
  "Our reading of the documents, not the service.": "قراءتنا نحن للوثائق، لا الخدمة نفسها.",
  "Nothing it says is the service's word; tokens and credits are its own estimates.":
    "لا شيء مما يقوله قولُ الخدمة، ورموزه ورصيده تقديرُه هو.",
  Language: "اللغة",
  Requests: "الطلبات",
  "Connecting …": "جارٍ الاتصال…",
  "Connection lost; trying again …": "انقطع الاتصال؛ إعادة المحاولة…",
  "{count} requests, {running} running": "الطلبات: {count}، الجارية: {running}",
  Number: "الرقم",
  Time: "الوقت",
  Dialect: "اللهجة",
  Model: "النموذج",
  Stream: "بثّ",
  Status: "الرمز",
  Fault: "العطل",
  Tokens: "رموز",
  Credits: "رصيد",
  "In the minute": "في الدقيقة",
  "ms in all": "المدة (مث)",
  yes: "نعم",
  full: "ممتلئة",
  "Choose a request": "اختر طلبًا",
  "Request {number}": "الطلب {number}",
  Payload: "الحمولة",
  "Shortened here; the emulator read all of it.": "اختُصرت هنا؛ أما المحاكي فقرأها كلها.",
  "It is no longer kept.": "لم يعد محفوظًا.",
  Answer: "الجواب",
  Timeline: "التسلسل الزمني",
  Event: "الحدث",
  ms: "مث",
  When: "متى",
  Bytes: "بايت",
  Says: "يقول",
  "As sent": "كما أُرسل",
  "whole events": "الأحداث كاملة",
  "{count} events, {bytes} bytes": "الأحداث: {count}، البايتات: {bytes}",
  "; {bytes} bytes more were not kept": "؛ ولم يُحفظ {bytes} بايت غيرها",
  "; the connection was cut on purpose": "؛ وقُطع الاتصال عمدًا",
  "; the connection was reset on purpose": "؛ وأُعيد ضبط الاتصال عمدًا",
  "; the client left before the end": "؛ وغادر العميل قبل النهاية",
  "; relayed from an upstream server": "؛ منقولة عن خادم آخر",
  Faults: "الأعطال",
  "for the next requests": "للطلبات التالية",
  "seconds, if it waits": "ثوانٍ، إن كان انتظارًا",
  "after so many events": "بعد عدد من الأحداث",
  "{times} waiting": "تنتظر: {times}",
  Profile: "النمط",
  "No oddities: as documented.": "بلا غرائب: كما في الوثائق.",
  "Invalid or missing API key": "المفتاح غائب أو مرفوض",
  "Insufficient credits. Please top up your account.": "لا رصيد كافيًا",
  "The requested resource does not exist.": "لا وجود لما طُلب",
  "Rate limit exceeded.": "امتلأ حدّ الطلبات",
  "Server error.": "خطأ في الخادم",
  "Model service is temporarily unavailable. Please retry shortly.": "خدمة النموذج غير متاحة الآن",
  "The API is temporarily overloaded. Retry after a brief wait.": "الخدمة مزدحمة الآن",
  "the connection closes in mid-body": "يُغلق الاتصال في وسط الردّ",
  "the connection is reset in mid-body": "يُعاد ضبط الاتصال في وسط الردّ",
  "the connection closes before any byte of a reply": "يُغلق الاتصال قبل أي بايت من الردّ",
  "the body ends early, as if it were whole": "ينتهي الردّ مبكرًا كأنه كامل",
  "200 with an empty body": "200 بلا محتوى",
  "silence before the reply, or after so many events": "صمت قبل الردّ، أو بعد عدد من الأحداث",
  "one byte at a time": "بايت بعد بايت",
  "nothing but pings for a while": "نبضات فقط لبعض الوقت",
  "a stream of its last event alone": "بثّ من حدثه الأخير وحده",
  "a stream without its last event": "بثّ بلا حدثه الأخير",
  "an error inside the stream": "خطأ داخل البثّ",
  "an error's envelope under status 200": "غلاف خطأ تحت الرمز 200",
  "JSON that breaks off": "‏JSON مبتور",
  "bytes that are no UTF-8": "بايتات ليست UTF-8",
  "200 with a page, as a network's sign-in shows": "200 بصفحة، كصفحة دخول إلى شبكة",
  "502 with a proxy's page": "502 بصفحة وكيل",
  "302 to a page": "302 إلى صفحة",
  "307 to a page": "307 إلى صفحة",
  "a stream was asked for, the whole reply comes": "طُلب بثّ فجاء الردّ كاملًا",
};

const wanted = new URLSearchParams(location.search).get("lang") ?? navigator.language;
const arabic = wanted.startsWith("ar");

/** A text of the page in the reader's language, its values filled in. */
export function say(text, values = {}) {
  const told = (arabic && Object.hasOwn(ARABIC, text) && ARABIC[text]) || text;
  return told.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Puts the whole page into the reader's language and direction. */
export function translate() {
  document.documentElement.lang = arabic ? "ar" : "en";
  document.documentElement.dir = arabic ? "rtl" : "ltr";
  document.title = say(document.title);
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = say(element.textContent.trim());
  }
  for (const element of document.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", say(element.getAttribute("aria-label")));
  }
}
