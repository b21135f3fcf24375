"""A template library for n8n's editor: what it asks, and what it is told.

The editor sends credentials with each request, so it refuses an answer for every origin; only the origins
that were named are answered. Cookies know no ports: were the library served under the editor's own host
name, each request would carry the editor's session. So another name is demanded, and a request that brings
such a cookie all the same is turned away. Nothing of a request's headers is ever logged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from resayil.errors import ConfigurationError
from resayil.jsontext import dump_bytes
from resayil_n8n.canvas import Workflow
from resayil_n8n.sheet import STICKY

PREFIX = "/api"
FIRST_ID = 101
CREATED = "2026-11-20T00:00:00.000Z"
SESSION_COOKIE = "n8n-auth"

OK, NO_CONTENT, BAD, FORBIDDEN, MISSING, WRONG_METHOD = 200, 204, 400, 403, 404, 405

_CATEGORY = {"id": 1, "name": "AI"}
_ICONS = {
    "agent": ("AI Agent", "robot"),
    "chatTrigger": ("Chat Trigger", "comments"),
    "code": ("Code", "code"),
    "convertToFile": ("Convert to File", "file-export"),
    "dataTable": ("Data table", "table"),
    "errorTrigger": ("Error Trigger", "bug"),
    "executeWorkflow": ("Execute Workflow", "sign-in-alt"),
    "executeWorkflowTrigger": ("When Executed by Another Workflow", "sign-out-alt"),
    "extractFromFile": ("Extract from File", "file-import"),
    "httpRequest": ("HTTP Request", "globe"),
    "if": ("If", "map-signs"),
    "lmChatOpenAi": ("OpenAI Chat Model", "comment"),
    "manualTrigger": ("Manual Trigger", "mouse-pointer"),
    "memoryBufferWindow": ("Simple Memory", "database"),
    "readWriteFile": ("Read/Write Files from Disk", "file"),
    "scheduleTrigger": ("Schedule Trigger", "clock"),
    "set": ("Edit Fields (Set)", "pen"),
    "splitInBatches": ("Loop Over Items", "sync"),
    "switch": ("Switch", "map-signs"),
    "toolCalculator": ("Calculator", "calculator"),
    "toolCode": ("Code Tool", "code"),
    "wait": ("Wait", "pause-circle"),
    "webhook": ("Webhook", "bolt"),
}
"""n8n's own words for a node type, and the picture that stands for it in the gallery."""


class Template(NamedTuple):
    """A template as the library shows it."""

    workflow: Workflow
    content: Mapping[str, Any]


class Reply(NamedTuple):
    """A response: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def origin(address: str) -> str:
    """An editor's origin, as a browser names it.

    Raises:
        ConfigurationError: it is none.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or "*" in address:
        raise ConfigurationError(
            f"An editor's origin is like http://localhost:5678, not {address!r:.80}; * is not "
            f"possible, since the "
            "editor sends credentials."
        )
    return f"{parts.scheme}://{parts.netloc}".lower()


def other_name(origins: Sequence[str]) -> str:
    """A name of this machine that no editor uses.

    Raises:
        ConfigurationError: the editors use all of them.
    """
    used = {urlsplit(address).hostname for address in origins}
    free = [name for name in ("localhost", "127.0.0.1") if name not in used]
    if not free:
        raise ConfigurationError(
            "The editors use both localhost and 127.0.0.1: name another host of this machine with "
            "--public-host, "
            "so that n8n's session cookie is not sent here."
        )
    return free[0]


def check_host(host: str, origins: Sequence[str]) -> str:
    """The host's name, if no editor has it.

    Raises:
        ConfigurationError: an editor has it.
    """
    if host.lower() in {urlsplit(address).hostname for address in origins}:
        raise ConfigurationError(
            f"{host} is the editor's own host name: its session cookie would be sent here. Take another name."
        )
    return host


@dataclass(frozen=True)
class Gallery:
    """The library.

    Attributes:
        templates: What it holds, in order.
        origins: Editors that are answered.
    """

    templates: Sequence[Template]
    origins: frozenset[str]

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Reply:
        """The response to a request; header names are in lower case."""
        asking = headers.get("origin", "").lower()
        if asking not in self.origins:
            return _json(FORBIDDEN, {"message": "This origin was not named with --editor."})
        allowed = _cors(asking)
        if f"{SESSION_COOKIE}=" in headers.get("cookie", ""):
            message = "The editor's session cookie came along: serve the library under another host name."
            return _json(BAD, {"message": message}, allowed)
        if method == "OPTIONS":
            return Reply(NO_CONTENT, allowed, b"")
        if method != "GET":
            return _json(WRONG_METHOD, {"message": "Only GET."}, allowed)
        parts = urlsplit(target)
        if not parts.path.startswith(f"{PREFIX}/"):
            return _json(MISSING, {"message": f"The library stands under {PREFIX}."}, allowed)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        found = self._found(tuple(parts.path.removeprefix(PREFIX).strip("/").split("/")), query)
        if found is None:
            return _json(MISSING, {"message": "There is no such page."}, allowed)
        return _json(OK, found, allowed)

    def _found(self, path: tuple[str, ...], query: Mapping[str, str]) -> object:
        match path:
            case ("health",):
                return {"status": "OK"}
            case ("templates", "categories"):
                return {"categories": [_CATEGORY]}
            case ("templates", "collections"):
                return {"collections": []}
            case ("templates", "search"):
                return self._search(query)
            case ("templates", "workflows", number) if number in self._by_id:
                n, template = self._by_id[number]
                shown = {**_meta(n, template), "categories": [_CATEGORY], "image": []}
                content = {name: template.content[name] for name in _CONTENT}
                text = template.workflow.overview.text
                return {"workflow": {**shown, "description": text, "workflow": content}}
            case ("workflows", "templates", number) if number in self._by_id:
                n, template = self._by_id[number]
                content = {name: template.content[name] for name in _CONTENT}
                return {"id": n, "name": template.workflow.title, "workflow": content}
        return None

    @cached_property
    def _by_id(self) -> dict[str, tuple[int, Template]]:
        return {str(n): (n, template) for n, template in enumerate(self.templates, FIRST_ID)}

    def _search(self, query: Mapping[str, str]) -> dict[str, object]:
        words = query.get("search", "").lower().split()
        category = query.get("category", "")
        wanted = [
            _meta(n, template)
            for n, template in self._by_id.values()
            if all(word in _words(template) for word in words) and category in {"", _CATEGORY["name"]}
        ]
        page, limit = _number(query.get("page"), 1), _number(query.get("limit") or query.get("rows"), 20)
        shown = wanted[(page - 1) * limit : page * limit]
        return {"totalWorkflows": len(wanted), "workflows": shown, "filters": []}


_CONTENT = ("nodes", "connections", "settings", "pinData")


def load(workflows: Sequence[Workflow], texts: Mapping[str, str]) -> list[Template]:
    """Templates from the generator's values and the files' texts."""
    return [Template(workflow, json.loads(texts[f"{workflow.slug}.json"])) for workflow in workflows]


def _words(template: Template) -> str:
    workflow = template.workflow
    return f"{workflow.title} {workflow.summary} {workflow.overview.text}".lower()


def _number(given: str | None, otherwise: int) -> int:
    return max(1, int(given)) if given and given.isdigit() else otherwise


def _meta(n: int, template: Template) -> dict[str, object]:
    types = dict.fromkeys(
        node["type"].split(".")[-1] for node in template.content["nodes"] if node["type"] != STICKY
    )
    full = {node["type"].split(".")[-1]: node["type"] for node in template.content["nodes"]}
    return {
        "id": n,
        "name": template.workflow.title,
        "totalViews": 0,
        "createdAt": CREATED,
        "user": {"username": "resayil", "name": "LLM Resayil integration pack", "verified": False},
        "nodes": [_node(i, short, full[short]) for i, short in enumerate(types, 1)],
    }


def _node(n: int, short: str, kind: str) -> dict[str, object]:
    title, icon = _ICONS.get(short, (short, "cube"))
    return {
        "id": n,
        "name": kind,
        "displayName": title,
        "icon": f"fa:{icon}:{short}",
        "group": '["transform"]',
        "defaults": {"name": title},
        "iconData": {"type": "icon", "icon": icon},
        "typeVersion": 1,
        "nodeCategories": [_CATEGORY],
    }


def _cors(asking: str) -> dict[str, str]:
    return {
        "access-control-allow-origin": asking,
        "access-control-allow-credentials": "true",
        "access-control-allow-headers": "n8n-version, content-type",
        "access-control-allow-methods": "GET, OPTIONS",
        "vary": "Origin",
    }


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    kinds = {"content-type": "application/json; charset=utf-8", "cache-control": "no-store", "vary": "Origin"}
    return Reply(status, {**kinds, **(headers or {})}, dump_bytes(value))
