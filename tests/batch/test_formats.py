"""The two formats: what a row asks, what its line of the output says, and what no row may do."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from batch.support import read_lines, run, write_lines
from core.support import Scripted, Told, data_url, png
from openai.types.chat import ChatCompletion

from resayil import ConfigurationError
from resayil.batch import JsonLines, Table
from resayil.batch.structured import fits, read_schema
from resayil.batch.values import Totals, pace
from resayil.codecs import CODECS
from resayil.emulator import Emulator
from resayil.jsontext import dump_bytes

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


def table_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def test_answers_are_chat_completions_that_read_back(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """Order is kept, bodies are OpenAI's own type, tool calls and reasoning included."""
    source = write_lines(tmp_path / "in.jsonl", 3)
    resayil_emulator.reply("أهلًا", reasoning="تفكير")
    resayil_emulator.call("pay", {"amount": "١٢٫٥"})
    resayil_emulator.reply("cut", finish_reason="length")
    summary = run(resayil_emulator, JsonLines(source), tmp_path / "out.jsonl", concurrency=1)
    assert (summary.so_far.done, summary.so_far.failed, summary.left, summary.stopped) == (3, 0, 0, None)
    lines = read_lines(tmp_path / "out.jsonl")
    assert [line["custom_id"] for line in lines] == ["row-0", "row-1", "row-2"]
    assert {line["error"] for line in lines} == {None}
    bodies = [line["response"]["body"] for line in lines]
    read = [ChatCompletion.model_validate(body, strict=True) for body in bodies]
    assert [choice.finish_reason for item in read for choice in item.choices] == [
        "stop",
        "tool_calls",
        "length",
    ]
    messages = [body["choices"][0]["message"] for body in bodies]
    (said,) = CODECS["chat"].read_request({"model": "m", "messages": messages[:1]}).messages
    assert (said.text, said.reasoning) == ("أهلًا", "تفكير")
    assert json.loads(messages[1]["tool_calls"][0]["function"]["arguments"]) == {"amount": "١٢٫٥"}
    assert "\\u" not in (tmp_path / "out.jsonl").read_text()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("not json", "not JSON"),
        ('["a list"]', "an object"),
        ('{"custom_id": "x", "url": "/v1/embeddings", "body": {}}', "by POST to"),
        ('{"custom_id": "x", "method": "GET", "body": {}}', "by POST to"),
        ('{"custom_id": "x"}', "body is an object"),
        ('{"custom_id": "x", "body": {}, "boddy": 1}', "boddy"),
        ('{"custom_id": "x", "body": {"model": "m", "messages": [{"role": "bad"}]}}', "role"),
        ('{"custom_id": "x", "body": {"model": "m", "messages": [], "n": 1}}', "at least one message"),
    ],
)
def test_a_line_that_cannot_be_asked_has_its_error(
    resayil_emulator: Emulator, tmp_path: Path, line: str, why: str
) -> None:
    """It costs no request, and the lines around it are answered."""
    source = write_lines(tmp_path / "in.jsonl", 1)
    source.write_text(f"\ufeff{line}\n\n{source.read_text()}")
    summary = run(resayil_emulator, JsonLines(source), tmp_path / "out.jsonl")
    broken, good = read_lines(tmp_path / "out.jsonl")
    assert why in broken["error"]["message"]
    assert broken["response"] is None
    assert good["error"] is None
    assert (summary.so_far.done, summary.so_far.failed) == (2, 1)
    assert len(resayil_emulator.requests) == 1


def test_a_refusal_stands_in_its_row(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """Status, body and typed error of the service's refusal; its request is not repeated by a second run."""
    source = write_lines(tmp_path / "in.jsonl", 2)
    resayil_emulator.fault(404)
    for _ in range(2):
        run(resayil_emulator, JsonLines(source), tmp_path / "out.jsonl", concurrency=1)
    refused, _ = read_lines(tmp_path / "out.jsonl")
    assert refused["response"]["status_code"] == 404
    assert refused["response"]["body"]["error"]["code"] == "not_found"
    assert refused["error"]["type"] == "NotFoundError"
    assert len(resayil_emulator.requests) == 2


def test_a_table_keeps_its_cells_and_gains_columns(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """Arabic, quotes, line breaks and the mark that Excel writes; one picture; columns never collide."""
    (tmp_path / "صورة.png").write_bytes(png())
    rows = [
        ["1", 'قال "نعم"\nثم مضى، {x}', "صورة.png", "قديم"],
        ["2", "=SUM(1)", "", ""],
        ["3", "x", "../out.png", ""],
    ]
    source = tmp_path / "in.csv"
    with source.open("w", newline="", encoding="utf-8-sig") as lines:
        csv.writer(lines).writerows([["id", "نص", "photo", "answer"], *rows, ["4", "too short"]])
    resayil_emulator.script(["الأول", "الثاني"])
    table = Table(
        source,
        model="qwen3-vl:235b-instruct",
        prompt="لخّص: {نص} {{{id}}}",
        system_prompt="باختصار",
        image="photo",
    )
    summary = run(resayil_emulator, table, tmp_path / "out.csv", concurrency=1)
    assert (tmp_path / "out.csv").read_text("utf-8").startswith("\ufeffid,")
    told = table_of(tmp_path / "out.csv")
    assert list(told[0]) == [
        "id", "نص", "photo", "answer", "answer_2", "error", "prompt_tokens", "output_tokens", "credits",
    ]  # fmt: skip
    assert [[row[name] for name in ("id", "نص", "photo", "answer")] for row in told[:3]] == rows
    assert [row["answer_2"] for row in told] == ["الأول", "الثاني", "", ""]
    assert "not beside the table" in told[2]["error"]
    assert "2 cells" in told[3]["error"]
    assert summary.so_far.failed == 2
    first, second = (request.body for request in resayil_emulator.requests)
    assert first["messages"][0] == {"role": "system", "content": "باختصار"}
    text, picture = first["messages"][1]["content"]
    assert text["text"] == 'لخّص: قال "نعم"\nثم مضى، {x} {1}'
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert second["messages"][1]["content"] == "لخّص: =SUM(1) {2}"
    assert sum(Decimal(row["credits"]) for row in told) == summary.so_far.credits > 0


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_headers(resayil_emulator: Emulator, tmp_path: Path, delimiter: str) -> None:
    """Commas, semicolons and tabs are read and written."""
    (tmp_path / "in.csv").write_text(f"a{delimiter}b\n1{delimiter}2\n", "utf-8")
    run(resayil_emulator, Table(tmp_path / "in.csv", model="mistral", prompt="{b}"), tmp_path / "out.csv")
    assert resayil_emulator.requests[0].body["messages"][0]["content"] == "2"
    assert (
        (tmp_path / "out.csv")
        .read_text("utf-8")
        .splitlines()[0]
        .startswith(f"a{delimiter}b{delimiter}answer")
    )


@pytest.mark.parametrize(
    ("content", "given", "why"),
    [
        (b"a,b\n", {"prompt": "{c}"}, "the columns are: a, b"),
        (b"a,b\n", {"prompt": "{a.__class__}"}, "a.__class__"),
        (b"a,b\n", {"prompt": "{a!r}"}, "names"),
        (b"a,b\n", {"prompt": "{a:>9}"}, "names"),
        (b"a,b\n", {"prompt": "{a"}, "cannot be read"),
        (b"a,b\n", {"prompt": "{}"}, "names"),
        (b"a,b\n", {"prompt": "x", "image": "c"}, "no column 'c'"),
        (b"", {"prompt": "x"}, "no header"),
        ("a,ب\n".encode("cp1256"), {"prompt": "x"}, "CSV in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_asked_stops_before_anything(
    tmp_path: Path, content: bytes, given: dict[str, str], why: str
) -> None:
    """A wrong template, column or encoding is told before the first request."""
    (tmp_path / "in.csv").write_bytes(content)
    with pytest.raises(ConfigurationError, match=why):
        Table(tmp_path / "in.csv", model="mistral", **given)


def test_answers_that_do_not_satisfy_the_schema_are_errors(
    resayil_emulator: Emulator, tmp_path: Path
) -> None:
    """The schema is asked for, the answer held to it; what was answered stands beside the error."""
    (tmp_path / "in.csv").write_text("a\n1\n2\n3\n", "utf-8")
    resayil_emulator.script(['{"total": 12.5}', '{"total": "كثير"}', "no JSON"])
    table = Table(tmp_path / "in.csv", model="mistral", prompt="{a}", schema=SCHEMA)
    run(resayil_emulator, table, tmp_path / "out.csv", concurrency=1, check=fits(SCHEMA))
    assert resayil_emulator.requests[0].body["response_format"]["json_schema"]["schema"] == SCHEMA
    good, wrong, none = table_of(tmp_path / "out.csv")
    assert (json.loads(good["answer"]), good["error"]) == ({"total": 12.5}, "")
    assert wrong["answer"] == '{"total": "كثير"}'
    assert "$.total" in wrong["error"]
    assert "does not satisfy" in none["error"]
    assert int(wrong["output_tokens"]) > 0


def test_a_lines_own_form_and_model_stand(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """The command's model and schema are for the lines that name none."""
    source, given = write_lines(tmp_path / "in.jsonl", 1), {"type": "json_object"}
    body = {"messages": [{"role": "user", "content": "x"}], "response_format": given}
    source.write_text(f"{source.read_text()}{json.dumps({'body': body})}\n")
    resayil_emulator.script(['{"total": 1}'] * 2)
    run(resayil_emulator, JsonLines(source, model="llama3.1", schema=SCHEMA), tmp_path / "o", concurrency=1)
    first, second = (request.body for request in resayil_emulator.requests)
    assert (first["model"], second["model"]) == ("mistral", "llama3.1")
    assert first["response_format"]["json_schema"]["schema"] == SCHEMA
    assert second["response_format"] == given


def test_a_page_in_place_of_a_refusal_stands_in_its_row(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """A body that is no JSON is told in the form that the service's refusals have."""
    source, page = write_lines(tmp_path / "in.jsonl", 1), Told(404, {}, (b"<html>Not here</html>",))
    run(resayil_emulator, JsonLines(source), tmp_path / "out.jsonl", transport=Scripted(page))
    (line,) = read_lines(tmp_path / "out.jsonl")
    assert line["response"]["status_code"] == 404
    assert line["response"]["body"]["error"]["message"] == line["error"]["message"]


def test_an_input_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A file that is not there, or a table that becomes unreadable below its header."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        list(JsonLines(tmp_path / "none.jsonl").records())
    (tmp_path / "in.csv").write_bytes(b"a\n" + b"1\n" * 100_000 + "ب\n".encode("cp1256"))
    table = Table(tmp_path / "in.csv", model="mistral", prompt="{a}")
    with pytest.raises(ConfigurationError, match="Save it as CSV in UTF-8"):
        list(table.records())


def test_pictures_of_a_table_may_be_addresses(resayil_emulator: Emulator, tmp_path: Path) -> None:
    """A cell that begins as an address is one; it is not looked for beside the table."""
    url = data_url(png())
    (tmp_path / "in.csv").write_text(f'a,photo\n1,"{url}"\n', "utf-8")
    table = Table(tmp_path / "in.csv", model="qwen3-vl:235b-instruct", prompt="{a}", image="photo")
    run(resayil_emulator, table, tmp_path / "out.csv")
    _, picture = resayil_emulator.requests[0].body["messages"][0]["content"]
    assert picture["image_url"]["url"] == url


@pytest.mark.parametrize(
    ("content", "why"),
    [("[]", "is an object, not list"), ("{", "cannot be read"), (None, "cannot be read: .*No such file")],
)
def test_a_schemas_file_holds_an_object(tmp_path: Path, content: str | None, why: str) -> None:
    """It is read as it is; what is none is told with the file's name."""
    (tmp_path / "good.json").write_bytes(dump_bytes(SCHEMA))
    assert read_schema(tmp_path / "good.json") == SCHEMA
    if content is not None:
        (tmp_path / "schema.json").write_text(content)
    with pytest.raises(ConfigurationError, match=rf"schema\.json.*{why}"):
        read_schema(tmp_path / "schema.json")


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "nonsense"}, "no JSON schema"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, "not in it"),
        ({"properties": {"a": {"$ref": "#/$defs/b"}}}, "not in it"),
    ],
)
def test_a_schema_is_whole_and_opens_nothing(schema: dict[str, Any], why: str) -> None:
    """A broken schema, or one that refers elsewhere, is told before anything is paid for."""
    with pytest.raises(ConfigurationError, match=why):
        fits(schema)
    assert fits({"$defs": {"b": {}}, "properties": {"a": {"$ref": "#/$defs/b"}}})


def test_the_pace_of_a_run() -> None:
    """Rate, time left and forecast follow from what is over; nothing is told before there is anything."""
    nothing = pace(100, Totals(), (0, 0.0))
    assert (nothing.rows_per_minute, nothing.eta, nothing.forecast) == (None, None, None)
    told = pace(100, Totals(done=20, credits=Decimal(50)), (10, 30.0))
    assert (told.rows_per_minute, told.eta, told.forecast) == (20.0, 240.0, Decimal(250))
