"""The surfaces on which a key could show: each is used, well and badly, and gives what it showed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import vcr  # type: ignore[import-untyped] # it has no types
from faults.outcome import KEY
from faults.replies import MODEL, SSE, Dialect, Wire, body, streamed
from faults.server import Close, FaultServer, Play, Reset, Seen
from pydantic import SecretStr
from security import programs
from security.canary import CANARY
from typer.testing import CliRunner

from langchain_resayil import ChatResayil
from resayil import AsyncClient, Budget, Client, Settings
from resayil.cli.app import app
from resayil.emulator import Emulator

ROOT = Path(__file__).parents[2]
ECHO = f"your key {CANARY} is not known here"
QUICK: Mapping[str, Any] = {"max_retries": 0, "read_timeout": 3.0, "unhinted_429": "backoff"}


@dataclass(frozen=True)
class Stage:
    """Where a surface is used: a server of its own, and a folder."""

    server: FaultServer
    folder: Path


def bad_plays(wire: Wire) -> Iterator[Play]:
    """Replies of a server that fails and repeats the key wherever it can."""
    yield wire.error(401, "unauthorized", ECHO)
    yield wire.error(429, "rate_limit_error", ECHO, "retry-after-ms: 1", other=True)
    yield [body(f"<html>{ECHO}</html>".encode(), 502, "text/html")]
    yield [body(f"<html>{ECHO}</html>".encode(), 200, "text/html")]
    yield [body(f'{{"choices": "{ECHO}"}}'.encode())]
    yield [body(f'{{"cut: {ECHO}'.encode(), 500)]
    yield [body(ECHO.encode(), 200, SSE)]
    yield [body(b"", 307, "text/html", "location: https://elsewhere.invalid/")]
    yield [Reset()]
    yield [b"no HTTP\r\n\r\n", Close()]
    tokens = wire.tokens("نعم ") if wire.verb == "stream" else []
    yield streamed(*tokens, wire.error_event("overloaded_error", ECHO))
    yield streamed(*tokens, b"data: {broken " + CANARY.encode() + b"\n\n")
    yield streamed(*tokens, then=[Reset()])


def bad_servers(stage: Stage) -> Iterator[Wire]:
    """The server, made to fail in each of these ways, for each dialect and verb."""
    for dialect in ("chat", "messages"):
        for verb in ("chat", "stream"):
            wire = Wire(dialect, verb)  # type: ignore[arg-type] # the two words of each
            for play in bad_plays(wire):
                stage.server.play(play)
                yield wire


def answering(seen: Seen) -> Play:
    """A right answer to whatever is asked."""
    if seen.method == "GET":
        return [body(b'{"data": []}')]
    dialect: Dialect = "messages" if b"/messages" in seen.head.split(b"\r\n")[0] else "chat"
    return Wire(dialect, "stream" if b'"stream":true' in seen.body else "chat").good()


def error_of(call: Callable[[], object]) -> BaseException:
    """What a call raises."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
        return error
    raise AssertionError("the call succeeded")


def clients(stage: Stage) -> Iterator[object]:
    """Clients, settings, streams and answers, before and after use."""
    stage.server.answer_by(answering)
    settings = Settings.load(api_key=CANARY, base_url=stage.server.url())
    yield from (settings, repr(dict(settings)))
    with Client(CANARY, stage.server.url()) as client:
        yield client
        for api in ("chat", "messages"):
            yield client.chat(MODEL, "?", api=api)
            stream = client.stream(MODEL, "?", api=api)
            yield from (stream, list(stream), stream.response())
        yield client
    awaited = AsyncClient(CANARY, stage.server.url())
    yield awaited
    yield asyncio.run(awaited.chat(MODEL, "?"))
    yield awaited


def refused(make: Callable[[str], object], key: str) -> BaseException:
    """What a key in clear raises; the frames that the caller's own code has are left out."""
    error = error_of(lambda: make(key))
    frames = error.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).is_relative_to(ROOT / "tests"):
        frames = frames.tb_next
    error.__traceback__ = frames
    return error


def refusals(_: Stage) -> Iterator[object]:
    """Keys, addresses and headers that no client takes; a key misplaced in the latter is the caller's own."""
    makers: tuple[Callable[[str], object], ...] = (
        Client,
        AsyncClient,
        lambda key: Settings.load(api_key=key),
        lambda key: ChatResayil(model=MODEL, api_key=key).invoke("?"),
    )
    for key in (f"{CANARY}\r\nx: 1", f"{CANARY}مفتاح", f"{CANARY} {CANARY}", f"{CANARY}\x00"):
        yield from (error_of(partial(make, SecretStr(key))) for make in makers)
        yield from (refused(make, key) for make in makers)
    for url in (f"https://user:{CANARY}@x.invalid", "http://x.invalid", f"https://x.invalid/?key={CANARY}"):
        yield repr(error_of(lambda url=url: Client(CANARY, url)))
    for headers in ({"x-a": f"{CANARY}\r\nx: 1"}, {"authorization": CANARY}, {"x-a": f"{CANARY}م"}):
        yield repr(error_of(lambda headers=headers: Client(CANARY, extra_headers=headers)))


def errors(stage: Stage) -> Iterator[object]:
    """Errors of calls and streams in threads."""
    with Client(CANARY, stage.server.url(), **QUICK) as client:
        for wire in bad_servers(stage):
            yield error_of(lambda wire=wire: ask(client, wire))


def ask(client: Client, wire: Wire) -> object:
    """Make a call, or read a stream to its end."""
    if wire.verb == "stream":
        return list(client.stream(MODEL, "?", api=wire.dialect))
    return client.chat(MODEL, "?", api=wire.dialect)


def awaited_errors(stage: Stage) -> Iterator[object]:
    """Errors of calls and streams on event loops."""
    client = AsyncClient(CANARY, stage.server.url(), **QUICK)

    async def aask(wire: Wire) -> object:
        if wire.verb == "stream":
            return [event async for event in await client.stream(MODEL, "?", api=wire.dialect)]
        return await client.chat(MODEL, "?", api=wire.dialect)

    for wire in bad_servers(stage):
        yield error_of(lambda wire=wire: asyncio.run(aask(wire)))


def other_calls(stage: Stage) -> Iterator[object]:
    """Models, credits and counting, refused."""
    stage.server.play(Wire("chat", "chat").error(401, "unauthorized", ECHO))
    with Client(CANARY, stage.server.url(), **QUICK) as client:
        calls = (client.models, client.balance, client.topups, client.topup_history)
        yield from map(error_of, calls)
        yield error_of(lambda: client.count_tokens(MODEL, "?"))


def langchain_errors(stage: Stage) -> Iterator[object]:
    """The chat model, and what it raises."""
    for wire in bad_servers(stage):
        model = ChatResayil(
            model=MODEL, api_key=CANARY, base_url=stage.server.url(), api=wire.dialect, max_retries=0
        )
        call = model.invoke if wire.verb == "chat" else model.stream
        yield error_of(lambda call=call: list(call("?")))
        yield model
        model.close()


def langsmith(stage: Stage, *, packed: bool = True) -> Iterator[object]:
    """What a program with tracing switched on posts to LangSmith's address, read back."""
    stage.server.answer_by(
        programs.two_right_then_wrong(answering, Wire("chat", "chat").error(401, "no", ECHO))
    )
    yield from programs.traced(stage.server.url(), packed=packed)


def langsmith_unpacked(stage: Stage) -> Iterator[object]:
    """The same without compression."""
    yield from langsmith(stage, packed=False)


def litellm(stage: Stage) -> Iterator[object]:
    """LiteLLM in its debug mode: its output, its callbacks' payload and its errors."""
    stage.server.answer_by(
        programs.two_right_then_wrong(answering, Wire("chat", "chat").error(401, "no", ECHO))
    )
    yield from programs.logged_by_litellm(stage.server.url())


def cassette(stage: Stage) -> Iterator[object]:
    """A cassette, recorded as this project records."""
    path = ROOT / "tests" / "langchain" / "conftest.py"
    spec = importlib.util.spec_from_file_location("cassette_rules", path)
    assert spec is not None
    assert spec.loader is not None
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    kept: dict[str, Any] = rules.vcr_config.__wrapped__()
    wanted = {name: kept[name] for name in ("before_record_request", "before_record_response")}
    file = stage.folder / "cassette.yaml"
    stage.server.answer_by(answering)
    with vcr.VCR(**wanted).use_cassette(str(file)), Client(CANARY, stage.server.url()) as client:
        client.chat(MODEL, "?")
    yield file.read_bytes()
    yield from (path.read_bytes() for path in (ROOT / "tests").glob("*/cassettes/*.gz"))


def emulator(stage: Stage) -> Iterator[object]:
    """What an emulator remembers of requests, and what it answers."""
    del stage  # it needs no server
    played = Emulator()
    played.add_key(CANARY)
    with Client(CANARY, played.base_url, transport=played.transport(), **QUICK) as client:
        yield client.chat(MODEL, "?")
        yield client.balance()
    with Client(f"{CANARY}9", played.base_url, transport=played.transport(), **QUICK) as client:
        yield error_of(lambda: client.chat(MODEL, "?"))
    yield from (played.requests, played.requests[0].headers, *played.requests)


def files(stage: Stage) -> Iterator[object]:
    """The ledger, and the file of limit and budgets."""
    stage.server.answer_by(answering)
    with Client(
        CANARY,
        stage.server.url(),
        requests_per_minute=50,
        limit_storage=f"file:{stage.folder / 'limit.json'}",
        ledger=str(stage.folder / "ledger.db"),
        budgets=[Budget(Decimal(10_000), per="day")],
        **QUICK,
    ) as client:
        client.chat(MODEL, "?", tag="a tag")
        stage.server.play(Wire("chat", "chat").error(401, "unauthorized", ECHO))
        yield error_of(lambda: client.chat(MODEL, "?"))
    yield from written(stage.folder)


def written(folder: Path) -> Iterator[bytes]:
    """Every file of a folder: its name and its bytes."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name.encode() + b"\n" + path.read_bytes()


def commands(stage: Stage) -> Iterator[object]:
    """Every command, in words and as JSON, on a server that answers and on one that echoes the key."""
    played = Emulator()
    played.add_key(CANARY)
    with played.serve() as good:
        yield from _commands(good.base_url, stage.folder)
    stage.server.play(Wire("chat", "chat").error(401, "unauthorized", ECHO))
    yield from _commands(stage.server.url(), stage.folder)
    yield from written(stage.folder)


def _commands(url: str, folder: Path) -> Iterator[object]:
    report, found = str(folder / "report.json"), str(folder / "capabilities.json")
    for command in (
        ["balance"],
        ["balance", "--json"],
        ["usage"],
        ["usage", "--json"],
        ["doctor", "--report", report, "--capabilities", found],
        ["doctor", "--json"],
        ["--help"],
    ):
        yield from invoked(url, folder, command)


def invoked(url: str, folder: Path, command: Sequence[str]) -> Iterator[object]:
    """What a command prints and raises, with the key in its environment."""
    environment = {
        "LLM_RESAYIL_API_KEY": CANARY,
        "RESAYIL_BASE_URL": url,
        "RESAYIL_LEDGER": str(folder / "ledger.db"),
        "COLUMNS": "200",
    }
    with patch.dict(os.environ, environment):
        result = CliRunner().invoke(app, command)
    yield from (result.output, result.exception)


def results(stage: Stage) -> Iterator[object]:
    """The documents that the fault contract's run writes, from runs whose errors show the key."""
    del stage
    from faults.report import Result, as_json, markdown  # noqa: PLC0415 - it needs every surface
    from faults.run import find  # noqa: PLC0415 - the same

    run = find("S01", "Client.stream", "chat")
    wrong = [Result(run, mark, (f"the key {KEY}", repr(f"x-api-key: {KEY}")), 0.1) for mark in "Sc✗"]
    yield from (text.replace(KEY, CANARY) for text in (markdown(wrong, [], []), as_json(wrong, [])))
    for name in ("fault-results.md", "fault-results.json"):
        yield (ROOT / "docs" / name).read_bytes().replace(KEY.encode(), CANARY.encode())


class Surface(NamedTuple):
    """A surface, and bytes that prove that it was used."""

    use: Callable[[Stage], Iterable[object]]
    sign: bytes


SURFACES: Mapping[str, Surface] = {
    "A04 clients": Surface(clients, b"ChatResponse"),
    "A02 refusals": Surface(refusals, b"ConfigurationError"),
    "A06 errors": Surface(errors, b"StreamInterruptedError"),
    "A06 awaited errors": Surface(awaited_errors, b"StreamInterruptedError"),
    "A06 other calls": Surface(other_calls, b"AuthenticationError"),
    "A07 LangChain": Surface(langchain_errors, b"ChatResayil"),
    "A07 LangSmith": Surface(langsmith, b"ChatResayil"),
    "A07 LangSmith, not compressed": Surface(langsmith_unpacked, b"ChatResayil"),
    "A08 LiteLLM": Surface(litellm, b"standard_logging_object"),
    "A09 cassettes": Surface(cassette, b"interactions:"),
    "A05 emulator's record": Surface(emulator, b"RecordedRequest"),
    "A05 files": Surface(files, b"SQLite format 3"),
    "A05 commands": Surface(commands, b"capabilities.json"),
    "A09 results": Surface(results, b"Results of the fault contract"),
}
"""All surfaces of the pack."""
