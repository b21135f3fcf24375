"""Every way in which a server of this family is known to differ from the documents, each a switch.

`march` marks what the public server of March 2026 did: together they are the profile `march-2026`.  The
others are differences that the documents' own contradictions leave room for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Oddity:
    """One switch: its name, what it does, and whether the March server did it."""

    name: str
    summary: str
    march: bool = False


ODDITIES: dict[str, Oddity] = {
    row.name: row
    for row in (
        Oddity("tool-role-422", "role `tool` is refused with 422", march=True),
        Oddity("null-content-422", "`content: null` is refused with 422", march=True),
        Oddity("content-array-422", "content arrays are refused with 422", march=True),
        Oddity("tools-ignored", "tools are ignored without a word", march=True),
        Oddity("stop-ignored", "stop sequences are ignored without a word", march=True),
        Oddity("response-format-ignored", "response_format is ignored without a word", march=True),
        Oddity("int-error-code", "the error's code is the status as a number", march=True),
        Oddity("digit-code-429", "the code of a 429 is the status as text"),
        Oddity("string-error", "a refused key is told with `error` as a string", march=True),
        Oddity("message-only-error", "status 500 has a `message` and no `error`", march=True),
        Oddity("top-up-fields", "402 carries top_up_url and current_credits", march=True),
        Oddity("delta-array", "the last chunk of a stream has an array as its delta", march=True),
        Oddity("no-stream-usage", "streams never report usage", march=True),
        Oddity("escaped-arabic", r"Arabic arrives as \uXXXX", march=True),
        Oddity("bare-stream-429", "a 429 to a stream has neither retry_after nor headers", march=True),
        Oddity("limit-headers-on-429", "the limit's headers come with 429 only", march=True),
        Oddity("ollama-503", "a too long prompt and every upstream failure is 503", march=True),
        Oddity(
            "redirect-302", "a malformed body outside /api is answered with a redirect to a page", march=True
        ),
        Oddity("html-error", "server errors are HTML pages", march=False),
        Oddity("no-messages-api", "there is no Messages API", march=True),
        Oddity("no-count-tokens", "count_tokens is missing", march=True),
        Oddity("cloud-suffix", "ids work with and without their cloud ending", march=True),
        Oddity("no-x-api-key", "only Bearer is accepted", march=True),
        Oddity("fixed-minute", "the limit counts per UTC minute, not in a rolling one", march=True),
        Oddity("inactive-503", "an inactive model is 503 with its name, not 404", march=True),
        Oddity("empty-stream", "every stream is 200 with an empty body"),
        Oddity("no-done", "streams end without [DONE] or message_stop"),
        Oddity("system-role-422", "role `system` is refused with 422"),
        Oddity("token-count-field", "count_tokens answers `token_count`"),
        Oddity("total-tokens-field", "count_tokens answers `total_tokens`"),
        Oddity("tokens-field", "count_tokens answers `tokens`"),
        Oddity("usage-count-field", "count_tokens answers `usage.input_tokens`"),
        Oddity("wrapped-billing", 'billing answers are wrapped in {"status", "data"}'),
        Oddity("billing-404", "top-up packs and history are missing; only pricing/topups is there"),
        Oddity("think-tags", "reasoning comes as a leading <think> text"),
        Oddity("reasoning-field", "reasoning comes in `reasoning`"),
        Oddity("legacy-function-call", "a tool call comes as `function_call`"),
        Oddity("blind-400", "an image for a model that does not see is refused with 400"),
        Oddity("per-thousand", "a credit is taken per 1,000 tokens, not per token", march=True),
        Oddity("output-only", "credits are taken for the answer's tokens only"),
        Oddity("prompt-cache", "usage tells how much of the prompt was seen before"),
    )
}
PROFILES: dict[str, frozenset[str]] = {
    "documented": frozenset(),
    "march-2026": frozenset(row.name for row in ODDITIES.values() if row.march),
}


def chosen(profile: str, oddities: Iterable[str]) -> frozenset[str]:
    """The switches of a profile and of a list of names, all of them known.

    Raises:
        ValueError: The profile or a name is not in the table.
    """
    if profile not in PROFILES:
        known = ", ".join(PROFILES)
        message = f"There is no profile {profile!r}; the profiles are: {known}."
        raise ValueError(message)
    names = frozenset(oddities)
    if unknown := sorted(names - ODDITIES.keys()):
        message = f"Unknown oddities: {', '.join(unknown)}. Known are: {', '.join(ODDITIES)}."
        raise ValueError(message)
    return PROFILES[profile] | names
