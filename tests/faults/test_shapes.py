"""Every node of an answer replaced by every kind of value: typed or an answer, never a bare exception."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from faults.outcome import KEY
from faults.replies import MODEL, SSE, Dialect, Verb, Wire, to_json

from resayil import Client, ResayilError

VALUES: tuple[Any, ...] = (
    None, True, 7, -1, 1.5, 10**30, "", "نص", [], [7], ["a"], [None], [[]], [{}], {}, {"a": 1}, {"type": "x"},
)  # fmt: skip
CALL = ("call_1", "get_weather", '{"city":"الكويت"}')


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every node of a JSON value is."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from paths(inner, (*path, place))


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at this path."""
    if not path:
        return new
    changed = copy.deepcopy(value)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return changed


def answers(wire: Wire) -> Iterator[list[Any]]:
    """Answers as the payloads they come in: one, or those of a stream."""
    if wire.verb == "chat":
        yield [wire.answer()]
        yield [wire.calling(CALL)]
        return
    finish = wire.finish_payloads()
    yield [*wire.start_payloads(), wire.token_payload("نص"), *finish]
    if wire.dialect == "chat":
        function = {"name": CALL[1], "arguments": CALL[2]}
        call = {"index": 0, "id": CALL[0], "type": "function", "function": function}
        yield [
            wire.opening_payload(),
            wire.delta({"tool_calls": [call]}),
            *wire.finish_payloads("tool_calls"),
        ]
    else:
        block = {"type": "tool_use", "id": CALL[0], "name": CALL[1], "input": {}}
        delta = {"type": "input_json_delta", "partial_json": CALL[2]}
        yield [
            wire.opening_payload(),
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            *wire.finish_payloads("tool_calls"),
        ]


def mutants(wire: Wire) -> Iterator[tuple[str, bytes]]:
    """Every answer with one node replaced, as bytes, and what was replaced."""
    for payloads in answers(wire):
        for place, payload in enumerate(payloads):
            for path in paths(payload):
                for value in VALUES:
                    changed = [*payloads[:place], put(payload, path, value), *payloads[place + 1 :]]
                    told = f"{place}{path} = {value!r}"
                    if wire.verb == "chat":
                        yield told, to_json(changed[0])
                    else:
                        events = b"".join(b"data: " + to_json(one) + b"\n\n" for one in changed)
                        yield told, events + wire.done()


def untyped(wire: Wire) -> Iterator[str]:
    """The replacements that a client answers with a bare exception."""
    current = b""

    def reply(_: httpx.Request) -> httpx.Response:
        kind = SSE if wire.verb == "stream" else "application/json"
        return httpx.Response(200, headers={"content-type": kind}, stream=httpx.ByteStream(current))

    client = Client(
        api_key=KEY,
        base_url="http://127.0.0.1:9",
        api=wire.dialect,
        max_retries=0,
        transport=httpx.MockTransport(reply),
    )
    for told, data in mutants(wire):
        current = data
        try:
            if wire.verb == "chat":
                client.chat(MODEL, "?")
            else:
                stream = client.stream(MODEL, "?")
                list(stream)
                stream.response()
        except ResayilError:
            continue
        except Exception as error:  # noqa: BLE001 - any other is what this looks for
            yield f"{told}: {type(error).__name__}: {error!s:.100}"


@pytest.mark.parametrize("verb", ["chat", "stream"])
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_h25_any_shape_is_typed_or_an_answer(dialect: Dialect, verb: Verb) -> None:
    """No replacement of a node by a value of another kind leaves the tree of errors."""
    assert not list(untyped(Wire(dialect, verb)))
