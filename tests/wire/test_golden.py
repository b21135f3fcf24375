"""Every golden file, read by the client and compared with what any right client reads from it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from core.support import KEY, MODEL, WIRE, Scripted, Told, client_of, json_reply

from resayil import ChatResponse, Client, ResayilError, ResponseError, Tool, errors
from resayil.codecs import CODECS

DIALECTS = ("chat", "messages")
LOOSE = {"ResponseError": ResponseError, "ResayilError": ResayilError}


def _stem(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.sse').removesuffix('.json')}"


def _files(pattern: str, *folders: str) -> list[Path]:
    found = (path for folder in folders for path in sorted((WIRE / folder).glob(pattern)))
    return [path for path in found if ".expected." not in path.name]


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def _expected(path: Path) -> dict[str, Any]:
    name = _stem(path).split("/")[1]
    own = path.with_name(f"{name}.reply.expected.json")
    replies = path.suffix == ".json" and own.exists()
    return _load(own if replies else path.with_name(f"{name}.expected.json"))


STREAMS = _files("*.sse", *DIALECTS)
EXCHANGES = [path for path in _files("*.json", *DIALECTS) if "response" in _load(path)]
REQUESTS = [path for path in _files("*.json", *DIALECTS) if "request" in _load(path)]
COUNTS = [path for path in _files("*.json", "count_tokens") if "response" in _load(path)]
ERRORS = _files("*.json", "errors")


def _tools(expected: dict[str, Any]) -> list[Tool]:
    """Every tool that the reply calls: which ones were offered is not the golden file's matter."""
    kinds = ("tool_calls", "invalid_tool_calls", "partial_tool_calls")
    return [
        Tool(name) for name in sorted({call["name"] for kind in kinds for call in expected.get(kind) or ()})
    ]


def _check_answer(response: ChatResponse, expected: dict[str, Any]) -> None:
    calls = [(call.name, call.arguments) for call in response.tool_calls]
    assert response.text == expected["text"]
    assert response.reasoning == expected["reasoning"]
    assert calls == [(call["name"], call["arguments"]) for call in expected["tool_calls"]]
    invalid = [(call.name, call.arguments) for call in response.invalid_tool_calls]
    assert invalid == [(call["name"], call["raw"]) for call in expected["invalid_tool_calls"]]
    for call, wanted in zip(response.tool_calls, expected["tool_calls"], strict=True):
        assert call.id == wanted["id"] if wanted["id"] else call.id
    assert response.finish_reason == expected["finish_reason"]
    usage = response.usage
    if expected["usage"] is None:
        assert usage.estimated
    else:
        assert not usage.estimated
        figures = (usage.input_tokens, usage.output_tokens, usage.total_tokens)
        assert figures == tuple(
            expected["usage"][name] for name in ("input_tokens", "output_tokens", "total_tokens")
        )


def _check_error(error: ResayilError, wanted: dict[str, Any]) -> None:
    if wanted["class"] in LOOSE:
        assert isinstance(error, LOOSE[wanted["class"]])
    else:
        assert type(error) is getattr(errors, wanted["class"])
    if wanted["code"] is not None:
        assert error.code == wanted["code"]
    if wanted["message"] is not None:
        assert wanted["message"] in error.message


def _cuts(data: bytes, how: str) -> list[bytes]:
    if how == "whole":
        return [data]
    if how == "bytes":
        return [data[n : n + 1] for n in range(len(data))]
    dice = random.Random(how)  # noqa: S311 - cuts, not secrets
    places = sorted(dice.randrange(len(data) + 1) for _ in range(12))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


@pytest.mark.parametrize("how", ["whole", "bytes", "cuts 1", "cuts 2"])
@pytest.mark.parametrize("path", STREAMS, ids=_stem)
def test_stream(path: Path, how: str) -> None:
    """A golden stream gives its answer, or its typed error with everything that came before it."""
    expected = _expected(path)
    told = Told(200, {"content-type": "text/event-stream"}, _cuts(path.read_bytes(), how))
    client = client_of(Scripted(told), api=path.parent.name)
    if expected["error"] is None:
        stream = client.stream(MODEL, "سؤال", tools=_tools(expected))
        text = "".join(stream.text())
        assert text == expected["text"]
        assert stream.response().message.text == text
        _check_answer(stream.response(), expected)
        return
    with pytest.raises(ResayilError) as caught:
        list(client.stream(MODEL, "سؤال", tools=_tools(expected)))
    error = caught.value
    _check_error(error, expected["error"])
    assert error.partial_text == expected["partial_text"]
    partial = [{"id": call.id, "name": call.name, "raw": call.arguments} for call in error.partial_tool_calls]
    assert partial == (expected.get("partial_tool_calls") or [])


@pytest.mark.parametrize("path", EXCHANGES, ids=_stem)
def test_reply(path: Path) -> None:
    """A golden reply gives its answer."""
    golden, expected = _load(path), _expected(path)
    told = Told(golden["status"], golden["headers"], (json.dumps(golden["response"]).encode(),))
    client = client_of(Scripted(told), api=path.parent.name)
    _check_answer(client.chat(MODEL, "سؤال", tools=_tools(expected)), expected)


def _canonical(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what may be said in two ways.

    Beside tool calls, no content is null or empty text (the March 2026 server refused null); no stream is
    false or nothing.
    """
    turns = [{**turn, "content": turn["content"] or ""} for turn in body["messages"]]
    kept = {name: value for name, value in body.items() if name != "stream_options"}
    if not kept.get("stream"):
        kept.pop("stream", None)
    return {**kept, "messages": turns}


@pytest.mark.parametrize("path", REQUESTS, ids=_stem)
def test_request(path: Path) -> None:
    """A documented request, read and written again, is itself or what must go instead."""
    golden, dialect = _load(path)["request"], path.parent.name
    codec = CODECS[dialect]
    sent = codec.encode(codec.read_request(golden), stream=golden.get("stream", False))
    beside = path.with_name(f"{_stem(path).split('/')[1]}.expected.json")
    wanted = _load(beside).get("sent", golden) if beside.exists() else golden
    assert _canonical(sent) == _canonical(wanted)


@pytest.mark.parametrize("streamed", [False, True], ids=["call", "stream"])
@pytest.mark.parametrize("path", ERRORS, ids=_stem)
def test_error(path: Path, *, streamed: bool) -> None:
    """A golden error becomes its class, with code, words, hint, fields and raw body, called or streamed."""
    golden = _load(path)
    wanted = golden["expected"]
    content = golden["text"] if "text" in golden else json.dumps(golden["body"], ensure_ascii=False)
    transport = Scripted(Told(golden["status"], golden["headers"], (content.encode(),)))
    client = client_of(transport, api=golden["dialect"])
    with pytest.raises(ResayilError) as caught:
        _ask(client, streamed=streamed)
    error = caught.value
    _check_error(error, wanted)
    if golden["status"] != 200 or "error" in wanted["class"].lower():
        assert error.retry_after == wanted["retry_after"]
        assert dict(error.fields) == {name: tuple(texts) for name, texts in (wanted["fields"] or {}).items()}
    assert error.attempts == len(transport.requests) == 1
    assert error.response is not None
    for name, value in (wanted.get("extra") or {}).items():
        assert error.response.json()[name] == value
    assert KEY not in repr(error.response)


def _ask(client: Client, *, streamed: bool) -> None:
    if streamed:
        list(client.stream(MODEL, "سؤال"))
    else:
        client.chat(MODEL, "سؤال")


@pytest.mark.parametrize("path", _files("*.json", "models"), ids=_stem)
def test_models(path: Path) -> None:
    """A golden model list is read with every field it has and none it has not; inactive ones hide."""
    golden, expected = _load(path), _expected(path)
    client = client_of(Scripted(json_reply(golden["response"])))
    found = client.models(include_inactive=True)
    fields = ("id", "owned_by", "context_window", "credit_multiplier", "is_active", "category")
    assert [{name: getattr(info, name) for name in fields} for info in found] == expected["models"]
    shown = [info["id"] for info in expected["models"] if info["is_active"] is not False]
    assert [info.id for info in client.models()] == shown


@pytest.mark.parametrize("path", COUNTS, ids=_stem)
def test_count_tokens(path: Path) -> None:
    """A golden count is read whatever its field is called, and is no estimate."""
    golden = _load(path)
    transport = Scripted(json_reply(golden["response"]))
    request = CODECS["messages"].read_request({"max_tokens": 1, **golden["request"]})
    count = client_of(transport).count_tokens(request.model, request.messages, tools=request.tools)
    assert (count.tokens, count.estimated, count.source) == (
        _expected(path)["input_tokens"],
        False,
        "service",
    )
    assert transport.requests[0].url.path == f"/v1{golden['path']}"
    assert transport.bodies[0] == golden["request"]


@pytest.mark.parametrize("path", _files("subscription*.json", "billing"), ids=_stem)
def test_balance(path: Path) -> None:
    """A golden subscription is read, wrapped or not, fractions kept."""
    golden, expected = _load(path), _expected(path)
    transport = Scripted(json_reply(golden["response"]))
    balance = client_of(transport).balance()
    found = (balance.tier, balance.status, balance.expires_at, float(balance.credits or 0))
    assert found == tuple(expected[name] for name in ("tier", "status", "expires_at", "credits"))
    assert transport.requests[0].url.path == golden["path"]


@pytest.mark.parametrize("path", _files("*topup*.json", "billing"), ids=_stem)
def test_topups(path: Path) -> None:
    """Golden packs and past top-ups are read with the currency they have, or with none."""
    golden, expected = _load(path), _expected(path)
    reply = json_reply(golden["response"])
    missing = json_reply({"error": {"code": 404, "message": "Not found."}}, 404)
    asked_elsewhere = golden["path"] == "/pricing/topups"
    transport = Scripted(*([missing] if asked_elsewhere else []), reply)
    client = client_of(transport)
    found = client.topup_history(2) if "history" in path.name else client.topups()
    packs = [{"credits": pack.credits, "price": pack.price, "currency": pack.currency} for pack in found]
    assert packs == expected.get("packs", expected.get("items"))
    asked = transport.requests[-1].url
    assert asked.raw_path.decode() == ("/v1" if asked_elsewhere else "") + golden["path"]
