"""Rules of requests: bodies that survive any text, statuses that are read, keys that stay where they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resayil_n8n.sheet import HTTP, SET, Sheet, parameters, strings

_WHOLE = re.compile(
    r"\$json(?![\w.\[?(])|\$json\.error(?![\w.\[?(])|\.error\??\.(?:options|config|request|context)\b"
    r"|JSON\.stringify\(\s*\$(?:json|input)|\$input\.(?:all|first|item)\(?\)?(?:\.json)?(?![\w.(])"
)
_PICKED_TEXT = re.compile(
    r"typeof \$json\.error === 'string' \? \$json\.error|['\"]\s*\+\s*\$json\.error(?=\s*\}\})"
)
_BARE_CATCH = re.compile(r"\bcatch\s*\{")
_LITERAL_URL = re.compile(r"https?://")


def _bodies(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.of_type(HTTP):
        body = parameters(node).get("jsonBody")
        if isinstance(body, str) and "{{" in body and not re.match(r"=\s*\{\{\s*JSON\.stringify\(", body):
            yield (
                _name(node),
                "a quote or line break in a text breaks this body: use {{ JSON.stringify(…) }}.",
            )


def _statuses(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.of_type(HTTP):
        options = parameters(node).get("options") or {}
        reply = (options.get("response") or {}).get("response") or {}
        if not (reply.get("neverError") and reply.get("fullResponse")):
            yield (
                _name(node),
                "switch on Never Error and Include Response Headers and Status, and read statusCode.",
            )
        if node.get("retryOnFail"):
            yield _name(node), "Retry On Fail sends a 402 again too and ignores retry_after: read the status."


def _failures(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.of_type(HTTP):
        after = sheet.targets(_name(node), 1)
        if node.get("onError") != "continueErrorOutput" or not after:
            yield _name(node), "a failed connection ends the run: wire its error output."
        for target in after:
            yield from _picked(_name(node), target, sheet.by_name.get(target, {}))


def _picked(source: str, name: str, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The item on an error output holds the request's headers, and so the key."""
    set_in = parameters(node)
    if node.get("type") != SET or set_in.get("includeOtherFields") or set_in.get("mode") == "raw":
        yield name, f"what fails in {source} holds the key: pick single fields of it in a Set node first."
        return
    for text in strings(set_in):
        if _WHOLE.search(_PICKED_TEXT.sub("", text)):
            yield (
                name,
                "it passes the whole failed item on, which holds the key: pick error.message and error.code.",
            )
            return


def _expressions(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        for text in strings(parameters(node)):
            if not text.startswith("="):
                continue
            if _braces_meet(text):
                yield (
                    _name(node),
                    "two braces meet inside an expression, which ends it there: put a space between.",
                )
            if _BARE_CATCH.search(text):
                yield _name(node), "n8n cannot read catch without a variable: write catch (e)."


def _braces_meet(text: str) -> bool:
    """Whether an expression ends before its brackets are closed."""
    for part in text.split("{{")[1:]:
        code = part.split("}}")[0]
        if code.count("{") > code.count("}"):
            return True
    return False


def _addresses(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.of_type(HTTP):
        if _LITERAL_URL.search(str(parameters(node).get("url", ""))):
            yield _name(node), "the address stands in the node: take it from Config."


def _name(node: Mapping[str, Any]) -> str:
    return str(node.get("name"))


RULES = {
    "bodies": _bodies,
    "statuses": _statuses,
    "failures": _failures,
    "expressions": _expressions,
    "addresses": _addresses,
}
