"""The words that matching knows: what carries no meaning, and what Arabic and English call the same thing."""

from __future__ import annotations

import re

STOPWORDS = frozenset(
    re.findall(
        r"\S+",
        "a an the of to in on at by for from with and or is are was were be been do does did i me my we "
        "our you your it its this that these those what which who whom how when where why can could will "
        "would should please tell give show get set use using used tool tools function functions call "
        "value values return returns returned result results one two some any all about into as if not "
        "no yes let us want need like make made takes take given string integer number's s t re ve don "
        "json object input output ما من في علي الي عن هل هو هي هذا هذه ذلك كم كيف متي اين لماذا ان او ثم "
        "مع يا لي لك له قد لا نعم اريد اعطني قل اخبرني استخدم اداه الاداه التي الذي انا انت كان سوف عند "
        "كل بعد قبل "
        "الحال حالك حالكم حالكي احوالك",
    )
)

# Each row: the one name for a thing, then the words that mean it.
CONCEPTS: dict[str, tuple[str, ...]] = {
    "weather": ("طقس", "الجو", "weather", "forecast"),
    "temperature": ("حرارة", "temperature"),
    "point": ("نقطة", "نقاط", "point", "points"),
    "loyalty": ("ولاء", "الولاء", "loyalty", "reward", "rewards"),
    "member": ("عضوية", "عضو", "member", "membership"),
    "id": ("رقم", "معرف", "id", "number", "no", "code", "identifier"),
    "total": ("مجموع", "إجمالي", "total", "amount", "sum", "مبلغ"),
    "kwd": ("دينار", "دك", "kwd", "kd", "dinar", "dinars"),
    "receipt": ("إيصال", "receipt"),
    "invoice": ("فاتورة", "فواتير", "invoice", "bill"),
    "order": ("طلب", "طلبي", "طلبية", "order"),
    "status": ("حالة", "status"),
    "price": ("سعر", "أسعار", "ثمن", "price", "cost"),
    "time": ("وقت", "ساعة", "time"),
    "date": ("تاريخ", "date"),
    "search": ("بحث", "ابحث", "search", "find", "lookup"),
    "calculate": ("احسب", "حساب", "calculate", "calculator", "compute"),
    "add": ("اجمع", "جمع", "أضف", "add", "adder", "plus"),
    "multiply": ("اضرب", "ضرب", "multiply", "times"),
    "customer": ("عميل", "عملاء", "زبون", "customer", "client"),
    "name": ("اسم", "name"),
    "email": ("بريد", "إيميل", "email"),
    "city": ("مدينة", "city", "location", "place"),
    "country": ("دولة", "بلد", "country"),
    "currency": ("عملة", "currency"),
    "exchange": ("صرف", "exchange", "rate"),
    "convert": ("حول", "تحويل", "convert", "conversion"),
    "send": ("أرسل", "إرسال", "send"),
    "message": ("رسالة", "رسائل", "message"),
    "book": ("احجز", "حجز", "book", "booking", "reservation", "reserve"),
    "flight": ("رحلة", "رحلات", "طيران", "flight"),
    "hotel": ("فندق", "فنادق", "hotel"),
    "balance": ("رصيد", "balance", "credits"),
    "translate": ("ترجم", "ترجمة", "translate", "translation"),
    "ship": ("شحن", "شحنة", "shipping", "shipment", "delivery", "توصيل"),
    "product": ("منتج", "منتجات", "product"),
    "stock": ("مخزون", "stock", "inventory"),
    "appointment": ("موعد", "مواعيد", "appointment"),
    "phone": ("هاتف", "جوال", "موبايل", "phone", "mobile"),
    "address": ("عنوان", "address"),
    "file": ("ملف", "file"),
    "news": ("أخبار", "خبر", "news"),
    "traffic": ("مرور", "زحمة", "traffic"),
    "prayer": ("صلاة", "prayer"),
    "unit": ("وحدة", "unit"),
}
