"""Nodes as values, and the versions of theirs that work on older n8n too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal

from resayil.jsontext import dumps
from resayil_n8n.expressions import javascript

VERSIONS: Mapping[str, float] = {
    "n8n-nodes-base.aggregate": 1,
    "n8n-nodes-base.code": 2,
    "n8n-nodes-base.convertToFile": 1.1,
    "n8n-nodes-base.dataTable": 1,
    "n8n-nodes-base.errorTrigger": 1,
    "n8n-nodes-base.executeWorkflow": 1.2,
    "n8n-nodes-base.executeWorkflowTrigger": 1.1,
    "n8n-nodes-base.extractFromFile": 1,
    "n8n-nodes-base.formTrigger": 2.2,
    "n8n-nodes-base.httpRequest": 4.2,
    "n8n-nodes-base.if": 2.2,
    "n8n-nodes-base.manualTrigger": 1,
    "n8n-nodes-base.readWriteFile": 1,
    "n8n-nodes-base.respondToWebhook": 1.4,
    "n8n-nodes-base.scheduleTrigger": 1.2,
    "n8n-nodes-base.set": 3.4,
    "n8n-nodes-base.splitInBatches": 3,
    "n8n-nodes-base.splitOut": 1,
    "n8n-nodes-base.stickyNote": 1,
    "n8n-nodes-base.switch": 3.2,
    "n8n-nodes-base.wait": 1.1,
    "n8n-nodes-base.webhook": 2,
    "@n8n/n8n-nodes-langchain.agent": 2.2,
    "@n8n/n8n-nodes-langchain.chainLlm": 1.7,
    "@n8n/n8n-nodes-langchain.chatTrigger": 1.1,
    "@n8n/n8n-nodes-langchain.lmChatOpenAi": 1.2,
    "@n8n/n8n-nodes-langchain.memoryBufferWindow": 1.3,
    "@n8n/n8n-nodes-langchain.toolCalculator": 1,
    "@n8n/n8n-nodes-langchain.toolCode": 1.1,
}
"""Newest version of each node type that a template uses; a newer one fails at run time on an older n8n."""

WITH_WEBHOOK = frozenset({
    "n8n-nodes-base.formTrigger",
    "n8n-nodes-base.wait",
    "n8n-nodes-base.webhook",
    "@n8n/n8n-nodes-langchain.chatTrigger",
})  # fmt: skip
"""Types whose address in n8n is a node's own id."""

Kind = Literal["string", "number", "boolean", "object", "array"]


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        name: A verb and what it acts on; links and expressions use it.
        type: Its type, with the package.
        parameters: What is set in it.
        settings: What stands beside the parameters: ``onError``, ``alwaysOutputData``, ``executeOnce``.
    """

    name: str
    type: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def base(name: str, kind: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> Node:
    """A node of n8n's own set."""
    return Node(name, f"n8n-nodes-base.{kind}", parameters or {}, settings)


def ai(name: str, kind: str, parameters: Mapping[str, Any] | None = None, **settings: Any) -> Node:
    """A node of n8n's LangChain set."""
    return Node(name, f"@n8n/n8n-nodes-langchain.{kind}", parameters or {}, settings)


HEADER_AUTH = {"authentication": "genericCredentialType", "genericAuthType": "httpHeaderAuth"}
"""A key that the user chooses in the editor."""

WHOLE_REPLY = {
    "redirect": {"redirect": {"followRedirects": False}},
    "response": {
        "response": {
            "fullResponse": True,
            "neverError": True,
            "responseFormat": "text",
            "outputPropertyName": "text",
        }
    },
}
"""Options of a request: every status is a reply, its body is text, and no redirect is followed."""


def http(
    name: str, method: str, url: str, parameters: Mapping[str, Any], options: Mapping[str, Any] = WHOLE_REPLY
) -> Node:
    """An HTTP Request node; where no reply came, it goes on at its second output."""
    asked = {"method": method, "url": url, **parameters, "options": options}
    return base(name, "httpRequest", asked, onError="continueErrorOutput")


def json_body(expression: str) -> dict[str, Any]:
    """The parameters of a request that sends this JSON."""
    return {"sendBody": True, "contentType": "json", "specifyBody": "json", "jsonBody": expression}


def upload(name: str, path: str) -> Node:
    """A webhook that takes a file, in the form field `data`, and answers with the last node's item."""
    return base(
        name,
        "webhook",
        {
            "httpMethod": "POST",
            "path": path,
            "responseMode": "lastNode",
            "options": {"binaryPropertyName": "data"},
        },
    )


def manual(name: str = "Try with sample data") -> Node:
    """The button in the editor."""
    return base(name, "manualTrigger")


@dataclass(frozen=True, slots=True)
class Field:
    """One field that a Set node writes: a fixed value, or an expression that begins with ``=``."""

    name: str
    value: Any
    kind: Kind = "string"


def fields(name: str, given: Sequence[Field], *, keep: bool = False) -> Node:
    """A Set node; ``keep`` leaves the fields that came in."""
    assignments = [
        {
            "id": f"{n:02}-{given_field.name}",
            "name": given_field.name,
            "value": _fixed(given_field),
            "type": given_field.kind,
        }
        for n, given_field in enumerate(given, 1)
    ]
    parameters: dict[str, Any] = {"assignments": {"assignments": assignments}, "options": {}}
    if keep:
        parameters["includeOtherFields"] = True
    return base(name, "set", parameters)


def _fixed(given: Field) -> Any:
    """Objects and lists are written as JSON text, as the editor does."""
    return dumps(given.value) if isinstance(given.value, dict | list) else given.value


def code(name: str, script: str, **constants: object) -> Node:
    """A Code node that runs ``scripts/<script>.js`` once over all items, after its constants."""
    return base(name, "code", {"jsCode": source(script, **constants)})


def source(script: str, **constants: object) -> str:
    """The text of a script, its constants written before it."""
    text = files("resayil_n8n").joinpath("scripts", f"{script}.js").read_text("utf-8")
    head = "".join(f"const {name} = {javascript(value)};\n" for name, value in constants.items())
    return f"{head}\n{text}" if head else text


def condition(left: str, right: object = None, operation: str = "equals") -> dict[str, Any]:
    """The conditions of an If node or of one rule of a Switch: one comparison.

    Args:
        left: An expression.
        right: What it is compared with; its type is the comparison's.
        operation: n8n's word: ``equals``, ``gt``, ``lte`` …, or ``true`` for a yes.
    """
    kind = "number" if isinstance(right, int | float) and not isinstance(right, bool) else "string"
    operator: dict[str, Any] = {"type": kind, "operation": operation}
    if operation == "true":
        operator = {"type": "boolean", "operation": "true", "singleValue": True}
    compared = {"id": "compare", "leftValue": left, "rightValue": right, "operator": operator}
    if right is None:
        compared["rightValue"] = ""
    return {
        "options": {"caseSensitive": True, "leftValue": "", "typeValidation": "loose", "version": 2},
        "combinator": "and",
        "conditions": [compared],
    }


def when(name: str, left: str, right: object = None, operation: str = "true") -> Node:
    """An If node: output 0 where the comparison holds, else output 1."""
    return base(
        name,
        "if",
        {"conditions": condition(left, right, operation), "looseTypeValidation": True, "options": {}},
    )


def switch(name: str, left: str, words: Sequence[str]) -> Node:
    """A Switch node with one named output per word."""
    rules = [{"conditions": condition(left, word), "renameOutput": True, "outputKey": word} for word in words]
    return base(name, "switch", {"rules": {"values": rules}, "options": {}})


def wait(name: str, seconds: str) -> Node:
    """A Wait node; ``seconds`` is an expression."""
    return base(name, "wait", {"amount": seconds, "unit": "seconds"})
