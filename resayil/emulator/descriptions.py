"""Schemas that a prompt describes in its own words, where a request asks for JSON and sends no schema."""

from __future__ import annotations

import json
import re

from resayil.emulator.values import JsonObject, Question

KEYS = re.compile(r"[\"'`«]([A-Za-z_][\w-]{0,40})[\"'`»]")


def described(question: Question) -> JsonObject:
    """The schema that the prompt's own words describe: printed whole, or by its keys."""
    spoken = [turn.text for turn in reversed(question.turns) if turn.role in ("user", "system")]
    for text in spoken:
        for found in _objects(text):
            return (
                found
                if "properties" in found
                else {"type": "object", "properties": _kinds(found), "required": [*found]}
            )
    for text in spoken:
        if keys := list(dict.fromkeys(KEYS.findall(text))):
            return {
                "type": "object",
                "properties": {key: {"type": "string"} for key in keys},
                "required": keys,
            }
    return {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def _objects(text: str) -> list[JsonObject]:
    found, at = [], text.find("{")
    while at >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            if value:
                found.append(value)
        at = text.find("{", end)
    return sorted(found, key=lambda value: "properties" not in value or "$defs" not in value)


def _kinds(example: JsonObject) -> JsonObject:
    names: dict[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {
        key: {"type": names[type(value)]} if type(value) in names else {} for key, value in example.items()
    }
