"""Law 7: `Client` and `AsyncClient` say the same in the same words, and answer the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from core.support import (
    ARABIC,
    MODEL,
    TEXT_STREAM,
    WEATHER,
    Scripted,
    Told,
    answer,
    async_client_of,
    chunk,
    client_of,
    emulator_of,
    json_reply,
    png,
    sse_reply,
)

from resayil import (
    AsyncChatStream,
    AsyncClient,
    Budget,
    ChatResponse,
    ChatStream,
    Client,
    ImagePart,
    ResayilError,
    user,
)
from resayil.emulator import Emulator

TWINS = ((Client, AsyncClient), (ChatStream, AsyncChatStream))
RENAMED = {"close": "aclose", "__enter__": "__aenter__", "__exit__": "__aexit__", "__iter__": "__aiter__"}


def _public(kind: type) -> dict[str, Any]:
    names = {name for name in vars(kind) if not name.startswith("_")} | {*RENAMED}
    if kind is Client:
        names.add("__init__")
    found = {name: vars(kind)[name] for name in names if name in vars(kind)}
    readers = {name: value.fget if isinstance(value, property) else value for name, value in found.items()}
    return {name: value for name, value in readers.items() if callable(value)}


def _twin_name(name: str) -> str:
    return RENAMED.get(name, name)


@pytest.mark.parametrize("twins", TWINS, ids=["client", "stream"])
def test_methods_and_signatures_are_the_same(twins: tuple[type, type]) -> None:
    """Whoever knows one client knows the other: same methods, parameters, defaults and types."""
    sync, asynchronous = twins
    methods = _public(sync)
    others = {name for name in vars(asynchronous) if not name.startswith("_")}
    assert others == {_twin_name(name) for name in methods if not name.startswith("_")}
    for name, method in methods.items():
        twin = getattr(asynchronous, _twin_name(name))
        ours, theirs = (
            inspect.signature(found) for found in (method, twin.fget if isinstance(twin, property) else twin)
        )
        pairs = zip(ours.parameters.values(), theirs.parameters.values(), strict=True)
        for one, other in pairs:
            assert (one.name, one.kind, one.default) == (other.name, other.kind, other.default)
            assert _in_sync(other.annotation) == _in_sync(one.annotation)
        assert _in_sync(theirs.return_annotation) == _in_sync(ours.return_annotation)


def _in_sync(annotation: object) -> str:
    text = str(annotation).replace("AsyncBaseTransport", "BaseTransport").replace("AsyncChat", "Chat")
    return text.replace("AsyncGenerator[StreamEvent, None]", "Iterator[StreamEvent]").replace(
        "AsyncGenerator[str, None]", "Iterator[str]"
    )


@dataclass(frozen=True)
class Scenario:
    """A call, what it meets, and what a caller sees of it."""

    method: str
    arguments: dict[str, Any] = field(default_factory=dict)
    meets: Callable[[Emulator], None] | tuple[Any, ...] | None = None
    oddities: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    sees: Callable[[Any], bool] = bool
    raises: str = ""
    requests: int = 1


def _asked(**options: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": "ما حال الطقس؟", **options}


def _says(text: str) -> Callable[[Emulator], None]:
    return lambda emulator: emulator.reply(text)


def _fails(kind: str | int, **more: Any) -> Callable[[Emulator], None]:
    return lambda emulator: emulator.fault(kind, **more)


TEXT = {"text": ARABIC}
VISION = {"model": "qwen3-vl:235b-instruct", "messages": [user("ما هذا؟", ImagePart(png()))]}
QUICK = {"max_retries": 2, "unhinted_429": "backoff"}
SCENARIOS: dict[str, Scenario] = {
    "chat": Scenario("chat", _asked(), _says(ARABIC), sees=lambda r: r.text == ARABIC),
    "chat on messages": Scenario(
        "chat", _asked(api="messages"), _says(ARABIC), sees=lambda r: r.text == ARABIC
    ),
    "stream": Scenario("stream", _asked(), _says(ARABIC), sees=lambda r: r.text == ARABIC),
    "stream on messages": Scenario(
        "stream", _asked(api="messages"), _says(ARABIC), sees=lambda r: r.text == ARABIC
    ),
    "tool call": Scenario(
        "chat",
        _asked(tools=[WEATHER]),
        lambda emulator: emulator.call("get_weather", {"city": "الكويت"}),
        sees=lambda r: r.tool_calls[0].arguments == {"city": "الكويت"},
    ),
    "streamed tool call": Scenario(
        "stream",
        _asked(tools=[WEATHER]),
        lambda emulator: emulator.call("get_weather", {"city": "الكويت"}),
        sees=lambda r: r.tool_calls[0].arguments == {"city": "الكويت"},
    ),
    "broken tool call": Scenario(
        "chat",
        _asked(tools=[WEATHER]),
        lambda emulator: emulator.call("get_weather", '{"city": '),
        sees=lambda r: r.invalid_tool_calls[0].arguments == '{"city": ',
    ),
    "tool not offered": Scenario(
        "stream",
        _asked(tools=[WEATHER]),
        lambda emulator: emulator.call("rm", {}),
        sees=lambda r: r.invalid_tool_calls[0].name == "rm" and not r.tool_calls,
    ),
    "image": Scenario("chat", VISION, sees=lambda r: "2" in r.text),
    "image on messages": Scenario(
        "chat", {**VISION, "api": "messages"}, raises="UnsupportedError", requests=0
    ),
    "reasoning": Scenario(
        "stream",
        _asked(),
        lambda emulator: emulator.reply("نعم", reasoning="أفكر"),
        sees=lambda r: (r.reasoning, r.text) == ("أفكر", "نعم"),
    ),
    "json": Scenario(
        "chat", _asked(response_format="json", api="messages"), sees=lambda r: bool(r.adaptations)
    ),
    "cut at max_tokens": Scenario("chat", _asked(max_tokens=1), _says(ARABIC), sees=lambda r: r.truncated),
    "models": Scenario(
        "models", {"category": "vision"}, sees=lambda r: {info.category for info in r} == {"vision"}
    ),
    "count_tokens": Scenario("count_tokens", _asked(), sees=lambda r: not r.estimated and r.tokens > 0),
    "count_tokens missing": Scenario(
        "count_tokens",
        _asked(),
        oddities=("no-count-tokens",),
        sees=lambda r: r.estimated and r.source == "local",
    ),
    "forecast": Scenario("forecast", _asked(), sees=lambda r: 0 < r.low < r.credits < r.high),
    "budget exceeded": Scenario(
        "chat", _asked(), settings={"budgets": [Budget(Decimal(1))]}, raises="BudgetExceededError"
    ),
    "within the budget": Scenario(
        "stream",
        _asked(),
        settings={"budgets": [Budget(Decimal(10**6))], "limit_max_wait": 0.0},
        sees=lambda r: r.text,
        requests=2,
    ),
    "balance": Scenario("balance", sees=lambda r: r.credits > 0),
    "topups": Scenario("topups"),
    "topups elsewhere": Scenario("topups", oddities=("billing-404",), requests=2),
    "topup_history": Scenario("topup_history", {"page": 2}, sees=lambda r: isinstance(r, list)),
    "401": Scenario("chat", _asked(), _fails(401), raises="AuthenticationError"),
    "402": Scenario("stream", _asked(), _fails(402), raises="InsufficientCreditsError"),
    "404": Scenario("chat", _asked(), _fails(404), raises="NotFoundError"),
    "500 then well": Scenario(
        "chat",
        _asked(),
        _fails(500, headers={"retry-after-ms": "10"}),
        settings=QUICK,
        sees=lambda r: r.attempts == 2,
        requests=2,
    ),
    "closed then well": Scenario(
        "stream", _asked(), _fails("refused"), settings=QUICK, sees=lambda r: r.attempts == 2, requests=2
    ),
    "429 then well": Scenario(
        "chat",
        _asked(),
        _fails(429, headers={"retry-after-ms": "10"}),
        settings=QUICK,
        sees=lambda r: r.attempts == 2,
        requests=2,
    ),
    "cut stream": Scenario(
        "stream", _asked(), _fails("cut", after_events=2), raises="StreamInterruptedError"
    ),
    "ended stream": Scenario(
        "stream", _asked(), _fails("eof", after_events=2), raises="StreamInterruptedError"
    ),
    "empty stream": Scenario("stream", _asked(), _fails("empty"), raises="EmptyResponseError"),
    "error in stream": Scenario(
        "stream", _asked(), _fails("error-event", after_events=3), settings=QUICK, raises="OverloadedError"
    ),
    "cut reply": Scenario("chat", _asked(), _fails("cut"), settings=QUICK, raises="APIConnectionError"),
    "silence": Scenario(
        "chat",
        _asked(),
        _fails("stall", seconds=5),
        settings={"read_timeout": 0.05},
        raises="APITimeoutError",
    ),
    "silence in stream": Scenario(
        "stream",
        _asked(),
        _fails("stall", seconds=5, after_events=2),
        settings={"read_timeout": 0.05},
        raises="APITimeoutError",
    ),
    "page": Scenario("chat", _asked(), _fails("html"), raises="UnexpectedContentError"),
    "page for a stream": Scenario("stream", _asked(), _fails("html"), raises="UnexpectedContentError"),
    "redirect": Scenario("stream", _asked(), _fails("redirect-307"), raises="UnexpectedContentError"),
    "reply without a stream": Scenario("stream", _asked(), _fails("unstreamed"), sees=lambda r: bool(r.text)),
    "broken JSON": Scenario("chat", _asked(), _fails("broken-json"), raises="MalformedResponseError"),
    "no UTF-8": Scenario(
        "stream", _asked(), _fails("bad-utf8", after_events=3), raises="MalformedResponseError"
    ),
    "bad temperature": Scenario("chat", _asked(temperature=3), raises="UnsupportedError", requests=0),
    "bad header": Scenario(
        "stream", _asked(extra_headers={"authorization": "x"}), raises="ConfigurationError", requests=0
    ),
    "unknown argument": Scenario("chat", _asked(tepmerature=1), raises="RequestError", requests=0),
    "gap of content": Scenario(
        "stream",
        _asked(),
        _fails("pings", seconds=1, after_events=3),
        settings={"gap_timeout": 0.12},
        raises="APITimeoutError",
    ),
    "deadline in a dribble": Scenario(
        "chat",
        _asked(),
        _fails("dribble", seconds=0.02),
        settings={"deadline": 0.2},
        raises="APITimeoutError",
    ),
    "gzip that is none": Scenario(
        "chat",
        _asked(),
        (Told(200, {"content-type": "application/json", "content-encoding": "gzip"}, (b"not gzip",)),),
        raises="MalformedResponseError",
    ),
    "connection refused": Scenario(
        "models", {}, (httpx.ConnectError("refused"),), raises="APIConnectionError"
    ),
    "event too large": Scenario(
        "stream",
        _asked(),
        (sse_reply(chunk({"content": "م"}), b"data: " + b"x" * 3000),),
        settings={"max_event_bytes": 2000},
        raises="ResponseTooLargeError",
    ),
    "reply too large": Scenario(
        "chat",
        _asked(),
        (json_reply(answer("م" * 3000)),),
        settings={"max_body_bytes": 2000},
        raises="ResponseTooLargeError",
    ),
    "stream without a media type": Scenario(
        "stream", _asked(), (Told(200, {}, TEXT_STREAM),), sees=lambda r: r.text == "مرحبا"
    ),
}


def _transport(scenario: Scenario) -> tuple[Any, Callable[[], int]]:
    if isinstance(scenario.meets, tuple):
        scripted = Scripted(*scenario.meets)
        return (scripted, scripted), lambda: len(scripted.requests)
    emulator = emulator_of(*scenario.oddities, clock=lambda: 1_760_000_000.0)  # both are asked in one second
    if scenario.meets is not None:
        scenario.meets(emulator)
    return (emulator.transport(), emulator.async_transport()), lambda: len(emulator.requests)


def _called(scenario: Scenario) -> tuple[Any, int]:
    (transport, _), count = _transport(scenario)
    client = client_of(transport, **scenario.settings)
    try:
        result = getattr(client, scenario.method)(**scenario.arguments)
        if isinstance(result, ChatStream):
            _assert_whole(list(result), result.response())
            result = result.response()
    except ResayilError as error:
        result = error
    finally:
        client.close()
    return result, count()


async def _called_async(scenario: Scenario) -> tuple[Any, int]:
    (_, transport), count = _transport(scenario)
    client = async_client_of(transport, **scenario.settings)
    try:
        result = await getattr(client, scenario.method)(**scenario.arguments)
        if isinstance(result, AsyncChatStream):
            _assert_whole([event async for event in result], result.response())
            result = result.response()
    except ResayilError as error:
        result = error
    finally:
        await client.aclose()
    return result, count()


def _assert_whole(events: list[Any], response: ChatResponse) -> None:
    assert events[0].type == "message_start"
    assert events[-1].type == "message_end"
    assert "".join(event.text for event in events if event.type == "text_delta") == response.text


def _told(result: Any) -> Any:
    """What a caller sees, without what no two calls share."""
    if isinstance(result, ResayilError):
        told = {name: value for name, value in vars(result).items() if name != "response"}
        return type(result), {**told, "args": result.args, "said": str(result)}
    if isinstance(result, ChatResponse):
        return replace(result, headers={}, created=None)
    return result


@pytest.mark.parametrize("name", SCENARIOS)
async def test_both_clients_behave_alike(name: str, recwarn: pytest.WarningsRecorder) -> None:
    """One scenario: both clients give what the table says, and the same as each other."""
    scenario = SCENARIOS[name]
    result, requests = _called(scenario)
    async_result, async_requests = await _called_async(scenario)
    recwarn.clear()
    if scenario.raises:
        assert type(result).__name__ == scenario.raises
    else:
        assert not isinstance(result, ResayilError), result
        assert scenario.sees(result)
    assert requests == async_requests == scenario.requests
    assert _told(async_result) == _told(result)
