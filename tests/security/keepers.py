"""What keeps the words of a request: in use, each shows them where it keeps them, and never the key."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import httpx
from faults.replies import MODEL, Wire
from limits.conftest import RedisServer
from proxies import running_proxy
from redis import Redis
from security.canary import CANARY
from security.surfaces import ECHO, QUICK, Stage, answering, bad_plays, error_of, invoked, written

from litellm_provider.config import Plan, proxy_config
from resayil import Budget, Client, ResayilError
from resayil.emulator import Emulator
from resayil.emulator.page import FILES
from resayil.models import SNAPSHOT

Fixture = Callable[[str], Any]
AMPLE = {"credits": 1_000_000, "requests_per_minute": 1_000_000}


class Keeper(NamedTuple):
    """One that keeps words: asked them, well and badly, and everything that it has kept, by place."""

    ask: Callable[[str], Iterable[object]]
    kept: Callable[[], Mapping[str, bytes]]


@contextmanager
def batch(stage: Stage, _: Fixture) -> Iterator[Keeper]:
    """The journal and the output of a batch: rows that are answered, that fail, and that end the run."""
    folder, runs = stage.folder / "batch", count()
    folder.mkdir()
    refusal = {"error": {"code": "no", "message": ECHO}}

    def ask(words: str) -> Iterator[object]:
        rows, output = stage.folder / "rows.jsonl", folder / f"{next(runs)}.jsonl"
        body = {"model": MODEL, "messages": [{"role": "user", "content": words}]}
        row = {"method": "POST", "url": "/v1/chat/completions", "body": body}
        rows.write_text("".join(json.dumps({"custom_id": str(n), **row}) + "\n" for n in range(6)), "utf-8")
        for status, times, how in ((400, 2, "--json"), (401, 1, "--retry-failed")):
            service.emulator.fault(status, body=refusal, times=times, path="/chat")
            command = ["batch", str(rows), str(output), "--concurrency", "1", how]
            yield from invoked(service.base_url, stage.folder, command)

    def kept() -> Mapping[str, bytes]:
        places = {"journals": "*.journal", "outputs": "*.jsonl"}
        return {
            place: b"\n".join(path.read_bytes() for path in folder.glob(pattern))
            for place, pattern in places.items()
        }

    with Emulator().serve() as service:
        service.emulator.add_key(CANARY, **AMPLE)
        yield Keeper(ask, kept)


@contextmanager
def emulator(stage: Stage, _: Fixture) -> Iterator[Keeper]:
    """The emulator's page and what it asks for: rows, payloads and timelines of known and unknown keys."""
    del stage  # it needs no server

    def ask(words: str) -> Iterator[object]:
        for key in (CANARY, f"{CANARY}9"):
            with Client(key, service.base_url, **QUICK) as client:
                yield from answers(client, words)
            for name in ("x-api-key", "api-key", "cookie", "proxy-authorization"):
                yield page.post("/v1/messages", headers={name: key}, json={}).content

    def answers(client: Client, words: str) -> Iterator[object]:
        unknown = [partial(client.chat, words, words)]
        known = [partial(client.chat, MODEL, words, api=api) for api in ("chat", "messages")]
        read = [lambda api=api: list(client.stream(MODEL, words, api=api)) for api in ("chat", "messages")]
        for call in (*unknown, *known, *read):
            try:
                yield call()
            except ResayilError as error:
                yield error

    def kept() -> Mapping[str, bytes]:
        setting, changes = first_events(page)
        numbers = [row["number"] for row in json.loads(changes.partition(b"data:")[2])["rows"]]
        requests = [page.get(f"/_emulator/requests/{number}").content for number in numbers]
        timelines = [page.get(f"/_emulator/requests/{number}/timeline").content for number in numbers]
        files = [page.get("/").content, *(page.get(f"/_emulator/{name}").content for name in FILES)]
        return {
            "page and changes": b"\n".join([*files, setting, changes]),
            "requests": b"\n".join(requests),
            "timelines": b"\n".join(timelines),
        }

    with Emulator().serve() as service:
        service.emulator.add_key(CANARY, **AMPLE)
        html = {"accept": "text/html"}
        with httpx.Client(base_url=service.origin, headers=html, trust_env=False) as page:
            yield Keeper(ask, kept)


def first_events(page: httpx.Client) -> list[bytes]:
    """What the page is told when it opens: how the emulator is set, and every request that is kept."""
    told = b""
    with page.stream("GET", "/_emulator/changes") as reply:
        for part in reply.iter_raw():
            told += part
            if told.count(b"\n\n") >= 2:
                break
    return told.split(b"\n\n")[:2]


@contextmanager
def redis(stage: Stage, fixture: Fixture) -> Iterator[Keeper]:
    """The limit's and the budgets' entries in Redis, beside somebody else's that hold the words."""
    server: RedisServer = fixture("redis_server")

    def ask(words: str) -> Iterator[object]:
        look.hset("note", "words", words)
        look.zadd("notes", {words: 1.0})
        with Client(
            CANARY,
            stage.server.url(),
            requests_per_minute=50,
            limit_storage=server.url,
            budgets=[Budget(Decimal(10_000), per="run", run=words), Budget(Decimal(10_000), per="day")],
            **QUICK,
        ) as client:
            stage.server.answer_by(answering)
            yield client.chat(MODEL, "?")
            stage.server.play(Wire("chat", "chat").error(429, "rate_limit_error", ECHO, "retry-after-ms: 1"))
            yield error_of(lambda: client.chat(MODEL, "?"))
            yield client

    def kept() -> Mapping[str, bytes]:
        look.echo("seen")
        while b"ECHO" not in (command := monitor.connection.read_response()):
            commands.append(command)
        values: defaultdict[bytes, list[object]] = defaultdict(list)
        names = list(look.scan_iter())
        for name in names:
            kind = look.type(name)
            values[kind].append(read[kind](name))
        return {
            "names": b"\n".join(names),
            **{kind.decode(): repr(entries).encode() for kind, entries in values.items()},
            "commands": b"\n".join(commands),
        }

    commands: list[bytes] = []
    with Redis.from_url(server.url) as look, look.monitor() as monitor:
        read = {b"hash": look.hgetall, b"zset": lambda name: look.zrange(name, 0, -1)}
        yield Keeper(ask, kept)


@contextmanager
def proxy(stage: Stage, _: Fixture) -> Iterator[Keeper]:
    """LiteLLM's real proxy with its log at DEBUG, before a server that answers, fails and echoes the key."""
    config, chat, messages = stage.folder / "config.yaml", "/v1/chat/completions", "/v1/messages"
    plan = Plan(base_url=stage.server.url(), requests_per_minute=None)
    config.write_text(proxy_config(SNAPSHOT.values(), plan), "utf-8")

    def ask(words: str) -> Iterator[object]:
        said = {"messages": [{"role": "user", "content": words}], "max_tokens": 9, "num_retries": 0}
        stage.server.answer_by(answering)
        for path, stream in ((messages, False), (chat, False), (chat, True)):
            yield http.post(path, json={"model": f"resayil/{MODEL}", "stream": stream, **said}).content
        for model, play in zip(SNAPSHOT, bad_plays(Wire("chat", "chat")), strict=False):
            stage.server.play(play)
            yield http.post(chat, json={"model": f"resayil/{model}", **said}).content
        yield from (http.get(path).content for path in ("/model/info", "/v1/models", "/health"))

    with (
        running_proxy(config, {"LLM_RESAYIL_API_KEY": CANARY, "LITELLM_LOG": "DEBUG"}) as running,
        running.http() as http,
    ):
        yield Keeper(ask, lambda: {"log": running.log.read_bytes()})


@contextmanager
def n8n(_: Stage, fixture: Fixture) -> Iterator[Keeper]:
    """Executions of the robust call and of the agent in the real n8n, its database and its log."""
    server, rest = fixture("n8n"), fixture("rest")
    # Its Node is not in every environment.
    from n8n.bench import BUTTON, configured, set_up  # noqa: PLC0415

    samples = {
        "02-robust-call": ("Write the sample question", "question"),
        "03-arabic-assistant": ("Write the sample message", "chatInput"),
    }
    executions: list[str] = []

    def ask(words: str) -> Iterator[object]:
        for slug, (node, field) in samples.items():
            workflow = bench.add_workflow(configured(bench.prepared(slug), {field: words}, node))
            for fault in (None, 401, "reset"):
                if fault is not None:
                    bench.emulator.fault(fault)
                execution = bench.rest.run(workflow, BUTTON)
                executions.append(execution.raw)
                yield json.dumps(execution.last)

    def kept() -> Mapping[str, bytes]:
        data = (server.log.read_bytes(), *written(server.home / ".n8n"))  # the rest is the editor's own files
        return {"executions": "\n".join(executions).encode(), "database and log": b"\n".join(data)}

    with set_up(server, rest, key=CANARY) as bench:
        yield Keeper(ask, kept)


KEEPERS: Mapping[str, Callable[[Stage, Fixture], AbstractContextManager[Keeper]]] = {
    "batch": batch,
    "emulator's page": emulator,
    "Redis": redis,
    "LiteLLM's proxy": proxy,
    "n8n": n8n,
}
