"""Rules of import: what must not travel with a file, and what must be in it to run elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from resayil_n8n.nodes import VERSIONS, WITH_WEBHOOK
from resayil_n8n.sheet import MANUAL, SET, TRIGGERS, Sheet, parameters, strings

_PRIVATE = (
    "id", "shared", "createdAt", "updatedAt", "versionId", "activeVersionId", "activeVersion",
    "versionCounter", "triggerCount", "versionMetadata", "sourceWorkflowId", "staticData", "isArchived",
    "active", "nodeGroups", "homeProject", "usedCredentials", "scopes", "parentFolder", "tags",
)  # fmt: skip
_SECRET = re.compile(
    r"\bsk-[A-Za-z0-9_-]{8,}|\bBearer\s+(?!and\b)[A-Za-z0-9._~+/=-]{12,}|\beyJ[\w-]{10,}\.[\w-]{10,}"
    r"|\b(?:ghp|gho|xox[abp]|AKIA|AIza)[-_A-Za-z0-9]{10,}"
)
_PERSON = re.compile(r"\b[\w.+-]+@(?!example\.|c\.us\b|n8n\b)[\w-]+\.[a-z]{2,}\b", re.IGNORECASE)
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u06[0-9a-fA-F]{2}")
_NAMED = re.compile(r"\$\((['\"])(.+?)\1\)")
_SETTINGS = ("model", "language")
_LIMIT = re.compile(r"max_tokens|max_|requests_per_minute|budget", re.IGNORECASE)
_OPEN_MODEL = "@n8n/n8n-nodes-langchain.lmChatOpenAi"
_ADDRESS_IN_CREDENTIAL = frozenset({_OPEN_MODEL, "@n8n/n8n-nodes-langchain.lmChatAnthropic"})


def _private(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for name in _PRIVATE:
        if name in sheet.workflow:
            yield "", f"{name} belongs to the n8n it came from: leave it out."
    meta = sheet.workflow.get("meta")
    if isinstance(meta, Mapping) and "instanceId" in meta:
        yield "", "meta.instanceId names the n8n it came from: leave it out."


def _credentials(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        if node.get("credentials"):
            yield (
                str(node.get("name")),
                "credentials of another n8n break the import: leave them to be chosen.",
            )


def _pinned(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for name in sheet.workflow.get("pinData") or {}:
        yield str(name), "pinned data travels with the file: put a made-up sample into a node instead."


def _secret(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.everything:
        found = list(strings(node.get("parameters")))
        if any(_SECRET.search(text) for text in found):
            yield str(node.get("name")), "this looks like a key: put it into a credential, and revoke it."
        if any(_PERSON.search(text) for text in found):
            yield str(node.get("name")), "this is somebody's address: use one at example.com."


def _escaped(sheet: Sheet) -> Iterator[tuple[str, str]]:
    if _ESCAPED.search(sheet.text):
        yield "", "Arabic stands escaped: write it as it is, so that people can read the file."


def _versions(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.everything:
        highest, version = VERSIONS.get(str(node.get("type"))), node.get("typeVersion")
        if not isinstance(version, int | float):
            yield str(node.get("name")), "typeVersion is missing."
        elif highest is not None and version > highest:
            yield str(node.get("name")), f"version {version} fails on an older n8n: use {highest:g} at most."


def _chat_completions(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        version = node.get("typeVersion") or 0
        responses = parameters(node).get("responsesApiEnabled", version >= 1.3)  # noqa: PLR2004 - n8n's own change
        if node.get("type") == _OPEN_MODEL and version >= 1.3 and responses:  # noqa: PLR2004 - the same
            yield str(node.get("name")), "this version calls /responses: switch that off, or use 1.2."
        if node.get("type") == "@n8n/n8n-nodes-langchain.openAi" and version >= 2:  # noqa: PLR2004 - the same
            yield str(node.get("name")), "this node always calls /responses: use a chat model."


def _webhooks(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        if node.get("type") in WITH_WEBHOOK and not node.get("webhookId"):
            yield str(node.get("name")), "webhookId is missing: without it the address is not registered."


def _links(sheet: Sheet) -> Iterator[tuple[str, str]]:
    names = [str(node.get("name")) for node in sheet.everything]
    for name in {name for name in names if names.count(name) > 1}:
        yield name, "two nodes have this name."
    for wire in sheet.wires:
        for end in {wire.source, wire.target} - sheet.by_name.keys():
            yield end, f"a wire between {wire.source} and {wire.target} names a node that is not there."
    for node in sheet.nodes:
        asked = {match[2] for text in strings(node.get("parameters")) for match in _NAMED.finditer(text)}
        for name in sorted(asked - sheet.by_name.keys()):
            yield str(node.get("name")), f"an expression asks $('{name}'), which is not there."


def _config(sheet: Sheet) -> Iterator[tuple[str, str]]:
    found = [node for node in sheet.of_type(SET) if node.get("name") == "Config"]
    if len(found) != 1:
        yield "", f"there are {len(found)} Set nodes named Config: gather every setting in one."
        return
    names = set(_assigned(found[0]))
    wanted = list(_SETTINGS)
    if not any(node.get("type") in _ADDRESS_IN_CREDENTIAL for node in sheet.nodes):
        wanted.insert(0, "base_url")
    missing = [name for name in wanted if name not in names]
    if not any(_LIMIT.search(name) for name in names):
        missing.append("a limit such as max_tokens")
    if missing:
        yield "Config", f"Config lacks {', '.join(missing)}."


def _assigned(node: Mapping[str, Any]) -> list[str]:
    held = parameters(node).get("assignments") or {}
    return [str(item.get("name")) for item in held.get("assignments") or ()]


def _environment(sheet: Sheet) -> Iterator[tuple[str, str]]:
    for node in sheet.nodes:
        if any("$env" in text or "process.env" in text for text in strings(node.get("parameters"))):
            yield str(node.get("name")), "$env is refused by default: put the setting into Config."


def _sample(sheet: Sheet) -> Iterator[tuple[str, str]]:
    if not sheet.of_type(MANUAL):
        yield "", "there is no manual trigger: add one with sample data, to try it without a phone or a form."
    if not any(TRIGGERS.search(str(node.get("type"))) for node in sheet.nodes):
        yield "", "there is no trigger at all."


def _order(sheet: Sheet) -> Iterator[tuple[str, str]]:
    if (sheet.workflow.get("settings") or {}).get("executionOrder") != "v1":
        yield "", "settings.executionOrder is not v1: branches run in another order on each n8n."


RULES = {
    "private": _private,
    "credentials": _credentials,
    "pinned": _pinned,
    "secret": _secret,
    "escaped": _escaped,
    "versions": _versions,
    "chat-completions": _chat_completions,
    "webhook-id": _webhooks,
    "links": _links,
    "config": _config,
    "environment": _environment,
    "sample": _sample,
    "order": _order,
}
