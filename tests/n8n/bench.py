"""A bench for one test: the templates in the real n8n, before an emulator and with a key of its own."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from n8n.rest import Execution, Rest, until
from n8n.server import N8n

from resayil.emulator import Emulator
from resayil.emulator.server import Server

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = Path(__file__).parents[2] / "n8n" / "templates"
SLUGS = sorted(path.stem for path in TEMPLATES.glob("*.json"))
HEADERS = ("anthropic-version", "authorization", "content-type")
BUTTON = "Try with sample data"
OTHER_METHOD = "Did you mean to make a POST request?"
AMPLE = 1_000_000
CHAT_MODELS = {"@n8n/n8n-nodes-langchain.lmChatOpenAi": "openAiApi"}


def template(slug: str) -> dict[str, Any]:
    """A committed template."""
    found: dict[str, Any] = json.loads((TEMPLATES / f"{slug}.json").read_text("utf-8"))
    return found


def golden(slug: str) -> list[dict[str, Any]]:
    """The requests that a template's sample sends, read by a person."""
    found: list[dict[str, Any]] = json.loads((GOLDEN / f"{slug}.json").read_text("utf-8"))
    return found


def wanted_credential(node: Mapping[str, Any]) -> str | None:
    """The type of credential that a node asks its user for."""
    parameters = node["parameters"]
    if parameters.get("authentication") == "genericCredentialType":
        kind: str = parameters["genericAuthType"]
        return kind
    return CHAT_MODELS.get(node["type"])


def fields(workflow: Mapping[str, Any], node: str) -> dict[str, dict[str, Any]]:
    """What a node that sets fields sets, by name."""
    (found,) = (each for each in workflow["nodes"] if each["name"] == node)
    return {given["name"]: given for given in found["parameters"]["assignments"]["assignments"]}


def configured(
    workflow: Mapping[str, Any], settings: Mapping[str, Any], node: str = "Config"
) -> dict[str, Any]:
    """The workflow with other values in its Config node, or in another that sets fields.

    Raises:
        KeyError: The node sets no such field.
    """
    changed = copy.deepcopy(dict(workflow))
    given = fields(changed, node)
    for name, value in settings.items():
        given[name]["value"] = value
    return changed


def plain(title: str, nodes: Sequence[Mapping[str, Any]], **settings: Any) -> dict[str, Any]:
    """A workflow of a test's own: its nodes in one line."""
    names = [node["name"] for node in nodes]
    return {
        "name": title,
        "nodes": [
            {"id": str(place), "position": [200 * place, 0], "parameters": {}} | node
            for place, node in enumerate(nodes)
        ],
        "connections": {
            name: {"main": [[{"node": after, "type": "main", "index": 0}]]} for name, after in pairwise(names)
        },
        "settings": {"executionOrder": "v1"} | settings,
    }


def digested(value: Any) -> Any:
    """The same JSON with a digest in the place of every picture."""
    if isinstance(value, dict):
        return {name: digested(field) for name, field in value.items()}
    if isinstance(value, list):
        return [digested(item) for item in value]
    if isinstance(value, str) and value.startswith("data:"):
        head, _, encoded = value.partition(",")
        data = base64.b64decode(encoded, validate=True)
        return f"{head},({len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()})"
    return value


@contextmanager
def set_up(
    n8n: N8n,
    rest: Rest,
    emulator: Emulator | None = None,
    *,
    key: str | None = None,
    requests_per_minute: int = AMPLE,
) -> Iterator[Bench]:
    """A bench with an emulator of its own, cleared in the end."""
    with (emulator or Emulator()).serve() as service:
        name = uuid.uuid4().hex[:12]
        known = service.emulator.add_key(
            key or f"sk-{name}-secret", credits=AMPLE, requests_per_minute=requests_per_minute
        )
        made = Bench(n8n, rest, service, name, known)
        yield made
        made.clear()


class Bench:
    """Templates in one n8n, before one emulator.

    Attributes:
        key: A key that no other test uses, so that finding it anywhere is this test's own leak.
    """

    def __init__(self, n8n: N8n, rest: Rest, service: Server, name: str, key: str) -> None:
        self.n8n, self.rest, self.service, self.name, self.key = n8n, rest, service, name, key
        self.emulator = service.emulator
        self._workflows: list[dict[str, Any]] = []
        bearer = {"name": "Authorization", "value": f"Bearer {self.key}"}
        chat = {"apiKey": self.key, "url": service.base_url}
        self.credentials = {
            "httpHeaderAuth": rest.credential("httpHeaderAuth", f"{name} header", bearer),
            "openAiApi": rest.credential("openAiApi", f"{name} chat", chat),
        }
        gateway = {"name": "Authorization", "value": f"Bearer {self.emulator.whatsapp.key}"}
        self._gateway = rest.credential("httpHeaderAuth", f"{name} gateway", gateway)

    def prepared(self, slug: str, /, **settings: Any) -> dict[str, Any]:
        """A template whose Config node names this bench's emulator and gateway, where it names any."""
        places = {
            "base_url": self.service.base_url,
            "gateway_url": self.service.origin + self.emulator.whatsapp.path,
        }
        workflow = template(slug)
        known = {name: place for name, place in places.items() if name in fields(workflow, "Config")}
        return configured(workflow, known | settings)

    def add(self, slug: str, /, **settings: Any) -> dict[str, Any]:
        """Import a template, choose its credentials and set its Config node."""
        return self.add_workflow(self.prepared(slug, **settings))

    def add_workflow(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Import a workflow and choose its credentials."""
        for node in workflow["nodes"]:
            if kind := wanted_credential(node):
                of_gateway = "gateway_url" in str(node["parameters"].get("url"))
                node["credentials"] = {kind: self._gateway if of_gateway else self.credentials[kind]}
        added = self.rest.add(workflow)
        self._workflows.append(added)
        return added

    def run(self, slug: str, /, **settings: Any) -> Execution:
        """Import a template and press its button."""
        return self.rest.run(self.add(slug, **settings), BUTTON)

    def publish(self, slug: str, kind: str, /, **settings: Any) -> str:
        """Import a template and bring it to life; where its webhook, form or chat is, once it answers."""
        return self.live(self.add(slug, **settings), kind)

    def live(self, workflow: Mapping[str, Any], kind: str) -> str:
        """Publish a workflow; where its trigger of this kind is, once it answers."""
        self.rest.activate(workflow)
        address = self.address(workflow, kind)

        def answers() -> str | None:
            reply = httpx.get(address, timeout=60, trust_env=False)
            return address if reply.is_success or OTHER_METHOD in reply.text else None

        return until(answers, address)

    def address(self, workflow: Mapping[str, Any], kind: str) -> str:
        """Where a webhook, a form or a chat of a published workflow is reached."""
        (node,) = (node for node in workflow["nodes"] if node["type"].endswith(f".{kind}"))
        path = node["parameters"].get("path") or node["webhookId"]
        form = {"webhook": f"webhook/{path}", "formTrigger": f"form/{path}"}
        return f"{self.n8n.url}/{form.get(kind, f'webhook/{path}/chat')}"

    def post(self, address: str, **content: Any) -> httpx.Response:
        """Post to a published address."""
        return httpx.post(address, timeout=60, trust_env=False, **content)

    def asked(self) -> list[dict[str, Any]]:
        """What reached the emulator, as golden files keep it: method, path, headers that matter, body."""
        return [
            {
                "method": request.method,
                "path": request.path,
                "headers": {name: request.headers[name] for name in HEADERS if name in request.headers},
                "body": digested(request.body),
            }
            for request in self.emulator.requests
        ]

    def leaks(self) -> list[str]:
        """Where n8n kept or logged the key, or the gateway's, in plain text."""
        return self.n8n.holds(self.key) + self.n8n.holds(f"Bearer {self.emulator.whatsapp.key}")

    def clear(self) -> None:
        """Delete the imported workflows."""
        for workflow in self._workflows:
            self.rest.remove(workflow)
