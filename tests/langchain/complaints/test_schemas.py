"""Schemas of answers and tools: complaints 20, 22 and 23."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from complaints.support import QUESTION
from fixture_types import MakeModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_resayil import ChatResayil
from resayil.emulator import Call, Emulator, Reply


class Receipt(BaseModel):
    """A receipt."""

    total: float


def test_complaint_20_no_serializer_warnings(either: ChatResayil) -> None:
    """Complaint 20: answers hold plain values, and are dumped without a warning."""
    answer: Any = either.with_structured_output(Receipt, include_raw=True).invoke("المجموع ١٢")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AIMessage.model_validate(answer["raw"].model_dump()) == answer["raw"]
        answer["raw"].model_dump_json()


@pytest.mark.parametrize("refusals", [1, 2])
def test_complaint_22_a_refused_schema(make_model: MakeModel, emulator: Emulator, refusals: int) -> None:
    """Complaint 22: a JSON schema becomes a forced call, then JSON mode; the answer says which."""
    for what in ("response_format is unavailable", "tools are unavailable")[:refusals]:
        emulator.fault(400, body={"error": {"message": what}})
    emulator.script(
        [Call("json_response_Receipt", {"total": 12.5}) if refusals == 1 else Reply('{"total": 12.5}')]
    )
    asking = make_model().with_structured_output(Receipt, method="json_schema", include_raw=True)
    answer: Any = asking.invoke("المجموع ١٢٫٥")
    assert answer["parsed"] == Receipt(total=12.5)
    how = ("forced tool call", "beside JSON mode")[refusals - 1]
    assert how in answer["raw"].response_metadata["adaptations"][0]


class Branch(BaseModel):
    """A branch with branches."""

    name: str
    below: list[Branch] = []


def open_branch(branch: Branch) -> str:
    """Open a branch."""
    return branch.name


class Company(BaseModel):
    """Two fields of one type, which pydantic writes as references."""

    first: Receipt
    second: Receipt


@pytest.mark.parametrize("strict", [None, True])
def test_complaint_23_references_in_schemas(either: ChatResayil, emulator: Emulator, *, strict: Any) -> None:
    """Complaint 23: references are written out; a type that holds itself stays a definition."""
    either.bind_tools([Company, Branch, tool(open_branch), open_branch], strict=strict).invoke(QUESTION)
    tools = [offered.get("function", offered) for offered in emulator.requests[-1].body["tools"]]
    flat, *recursive = (offered.get("parameters", offered.get("input_schema")) for offered in tools)
    assert "$ref" not in json.dumps(flat)
    assert flat["properties"]["second"]["properties"]["total"]["type"] == "number"
    for schema in recursive:
        assert "#/$defs/Branch" in json.dumps(schema["properties"])
        assert schema["$defs"]["Branch"]["properties"]["below"]["items"] == {"$ref": "#/$defs/Branch"}
        assert schema.get("additionalProperties") is (False if strict else None)
    emulator.reply('{"name": "حولي", "below": [{"name": "أ"}]}')
    if either.api == "chat":
        found: Any = either.with_structured_output(Branch, method="json_schema").invoke(QUESTION)
        assert found.below[0].name == "أ"
        asked = emulator.requests[-1].body["response_format"]["json_schema"]["schema"]
        assert "Branch" in asked["$defs"]
