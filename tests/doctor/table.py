"""The doctor's table as it must read of each server: status, observed and hint of every row."""

from __future__ import annotations

from typing import NamedTuple


class Found(NamedTuple):
    """One row: its status, and patterns that observation and hint match as a whole; no hint by default."""

    status: str
    observed: str
    hint: str = ""


SAID = {
    "base URL": ("three families", "refuses the WhatsApp gateway"),
    "key": ("Authorization: Bearer", "masks the key everywhere"),
    "models": ("GET /models", "hides inactive ones"),
    "chat": ("POST /chat/completions", "estimates missing usage"),
    "stream": ("[DONE]", "EOF without one is an error"),
    "tools": ("tool_choice", "reads calls of every form"),
    "tool results": ("role tool", "else plain text"),
    "vision": ("base64 pictures", "sends data URLs"),
    "JSON schema": ("not documented", "else JSON mode"),
    "messages": ("POST /messages", "api='messages'"),
    "count_tokens": ("POST /messages/count_tokens", "local estimate"),
    "rate limit": ("X-RateLimit-*", "at most N in any rolling minute"),
    "billing": ("GET /api/billing/subscription", "never buys"),
    "clock": ("UTC minute or rolling", "monotonic clock"),
}
"""What is documented, and what the client does: words of each row, the same whatever is found."""

CHAT_MODEL, VISION_MODEL = "deepseek-v4-flash", "qwen3-vl:235b-instruct"
_STREAM = r"first event after \d+\.\d s, usage, \d+ events"
_NO_PICTURE = Found(
    "failed",
    rf"{VISION_MODEL} refused a picture: .*The service answered 422.*",
    r"Ask the service which model takes images\.",
)
_COPES = r"Nothing to do; the client copes\."

HEALTHY = {
    "base URL": Found("ok", r"https://emulator\.test/v1 answers"),
    "key": Found("ok", "accepted"),
    "models": Found("ok", r"14 models, 1 inactive, 1 that see, 14 with a multiplier"),
    "chat": Found("ok", rf"answered by {CHAT_MODEL}: \d+ tokens"),
    "stream": Found("ok", _STREAM),
    "tools": Found("ok", "called add_numbers"),
    "tool results": Found("ok", "understood natively"),
    "vision": Found("ok", f"{VISION_MODEL} took a picture"),
    "JSON schema": Found("ok", "kept to the schema"),
    "messages": Found("ok", f"answered by {CHAT_MODEL}"),
    "count_tokens": Found("ok", r"\d+ tokens"),
    "rate limit": Found("ok", r"limit 60, remaining 5\d, reset \d+"),
    "billing": Found("ok", r"\d+ credits, plan enterprise"),
    "clock": Found("note", "the server tells no time"),
}


def _nothing_after(row: str, found: Found, why: str) -> dict[str, Found]:
    """Rows as of a whole server up to one, which stops everything behind it."""
    before = list(HEALTHY)[: list(HEALTHY).index(row)]
    skipped = dict.fromkeys(HEALTHY, Found("skipped", why))
    return {**skipped, **{name: HEALTHY[name] for name in before}, row: found}


def _without_credits() -> dict[str, Found]:
    refused = Found(
        "failed", r"The service answered 402 insufficient_credits: .*", r"Buy credits at https://llm\.\S+"
    )
    generated = ("stream", "tools", "tool results", "vision", "JSON schema", "messages")
    return {
        **HEALTHY,
        **dict.fromkeys(generated, Found("skipped", "no credits are left")),
        "chat": refused,
        "billing": Found("ok", "0 credits, plan enterprise"),
    }


ROWS: dict[str, dict[str, Found]] = {
    "documented": HEALTHY,
    "march-2026": {
        **HEALTHY,
        "stream": Found(
            "note", r"first event after \d+\.\d s, no usage, last delta is \[\], \d+ events", _COPES
        ),
        "tools": Found("note", "tools are ignored without a word", r"Bind tools by text .*"),
        "tool results": Found(
            "note", "refused natively, understood as plain text", r".*the client remembers it\."
        ),
        "vision": _NO_PICTURE,
        "JSON schema": Found("note", "the schema is ignored", r".*method='json_mode'.*"),
        "messages": Found("note", "there is none", r"Leave api='auto'.*"),
        "count_tokens": Found("note", "the service does not count", r".*estimates, which usage corrects\."),
        "rate limit": Found("note", "no headers until a 429", r"Set requests_per_minute or RESAYIL_PLAN.*"),
        "billing": Found("ok", r"9999\.\d+ credits, plan enterprise"),  # it charged per 1,000 tokens
    },
    "wrong path": {
        **HEALTHY,
        "base URL": Found(
            "failed",
            r"https://emulator\.test/wrong/place does not answer \(404\), https://emulator\.test/v1 does",
            r"Set RESAYIL_BASE_URL=https://emulator\.test/v1",
        ),
    },
    "a page": _nothing_after(
        "base URL",
        Found("failed", r"https://emulator\.test/v1: The reply is text/html.*", r"A web page answers: .*"),
        "nothing answers there",
    ),
    "dead TLS": _nothing_after(
        "base URL",
        Found(
            "failed", r".*certificate is not trusted, so nothing was sent.*", r"The certificate .* proxy.*"
        ),
        "nothing answers there",
    ),
    "no stream": {
        **HEALTHY,
        "stream": Found(
            "failed", r"The stream ended without a single event\.", r"Streams are broken there: use chat.*"
        ),
    },
    "no usage": {
        **HEALTHY,
        "stream": Found("note", r"first event after \d+\.\d s, no usage, \d+ events", _COPES),
    },
    "no vision": {**HEALTHY, "vision": _NO_PICTURE},
    "401": _nothing_after(
        "key",
        Found("failed", r"The service answered 401 unauthorized: .*", r"Make a new key at https://\S+ .*"),
        "the key is refused",
    ),
    "402": _without_credits(),
    "slow": {
        **HEALTHY,
        "stream": Found("note", _STREAM, r"The server is slow to begin: raise read_timeout.*"),
    },
    "WhatsApp": _nothing_after(
        "base URL",
        Found("failed", "not usable", r"api\.resayil\.io is the WhatsApp gateway.*"),
        "not looked at",
    ),
}
"""The rows of each server of `SERVERS`."""
