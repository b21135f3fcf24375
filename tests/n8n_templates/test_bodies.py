"""What the templates send, evaluated as n8n does, against bodies that were read by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from n8n_templates.javascript import evaluated

from resayil.codecs import CODECS
from resayil_n8n import library
from resayil_n8n.canvas import render

GOLDEN = Path(__file__).with_name("golden")
TRICKY = 'قالَ: "لا"\n\tand then }} {{ 👋 \\ \u200f'
CONFIG = {
    "base_url": "http://127.0.0.1:4000/v1/",
    "model": "model:1",
    "language": "ar",
    "max_tokens": 64,
    "fallback_model": "other",
    "max_attempts": 3,
    "retry_budget_seconds": 120,
    "credits_per_token": 0,
    "requests_per_minute": 10,
    "window_seconds": 60,
    "instructions": f"system {TRICKY}",
    "part_instructions": f"part {TRICKY}",
    "whole_instructions": f"whole {TRICKY}",
}
ITEM = {
    "question": TRICKY,
    "instructions": f"system {TRICKY}",
    "input": TRICKY,
    "chunk": TRICKY,
    "parts": TRICKY,
    "text": TRICKY,
    "caption": TRICKY,
    "data_url": "data:image/png;base64,iVBORw0KGgo=",
    "messages": [{"role": "user", "content": TRICKY}],
    "turns_before": [{"role": "user", "content": "before"}, {"role": "assistant", "content": "then"}],
}
STEPS = {"Config": [CONFIG], "Write the sample question": [ITEM], "Take one row": [ITEM]}


def _requests() -> list[tuple[str, str, dict[str, Any]]]:
    """Each node of each template that writes what a call sends."""
    return [
        (
            workflow.slug,
            node["name"],
            {each["name"]: each["value"] for each in node["parameters"]["assignments"]["assignments"]},
        )
        for workflow in library.workflows()
        for node in render(workflow)["nodes"]
        if node["type"] == "n8n-nodes-base.set"
        and {"url", "method"}
        <= {each["name"] for each in node["parameters"].get("assignments", {}).get("assignments", ())}
    ]


REQUESTS = _requests()
WITH_BODY = [each for each in REQUESTS if "body" in each[2]]


@pytest.mark.parametrize(
    ("slug", "node", "fields"), WITH_BODY, ids=[f"{slug}-{node}" for slug, node, _ in WITH_BODY]
)
def test_a_body_is_its_golden_file(slug: str, node: str, fields: dict[str, Any]) -> None:
    """Field for field, with a text that breaks bodies written by hand; its codec reads it back."""
    golden = json.loads((GOLDEN / f"{slug}.{node.replace(' ', '-')}.json").read_text("utf-8"))
    url, body = evaluated([fields["url"], fields["body"]], STEPS, ITEM)
    assert url == golden["url"]
    assert json.loads(fields["headers"]) == golden["headers"]
    assert json.dumps(body, ensure_ascii=False) == json.dumps(golden["body"], ensure_ascii=False)
    dialect = "messages" if url.partition("/v1")[2].startswith("/messages") else "chat"
    if not url.endswith("/count_tokens"):
        codec = CODECS[dialect]
        assert codec.encode(codec.read_request(body)) == body


def test_no_golden_file_is_left_over() -> None:
    """Every golden body belongs to a node."""
    names = {f"{slug}.{node.replace(' ', '-')}.json" for slug, node, _ in WITH_BODY}
    assert {path.name for path in GOLDEN.iterdir()} == names


def test_calls_without_a_body_are_gets() -> None:
    """The model list and the balance, each at its own address."""
    gets = [(node, fields["method"], fields["url"]) for _, node, fields in REQUESTS if "body" not in fields]
    urls = evaluated([url for _, _, url in gets], STEPS, ITEM)
    found = {node: (method, url) for (node, method, _), url in zip(gets, urls, strict=True)}
    assert found == {
        "Write the list request": ("GET", "http://127.0.0.1:4000/v1/models"),
        "Write the balance request": ("GET", "http://127.0.0.1:4000/api/billing/subscription"),
    }


def test_a_call_takes_its_settings_along() -> None:
    """What a called workflow cannot see of its caller travels with the call."""
    names = ("fallback_model", "max_attempts", "retry_budget_seconds", "credits_per_token", "language")
    asked = [fields[name] for _, _, fields in REQUESTS for name in names]
    assert evaluated(asked, STEPS, ITEM) == [CONFIG[name] for name in names] * len(REQUESTS)
