from __future__ import annotations

import copy
import logging
import pickle
import re
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.outcome import KEY
from faults.replies import MODEL, TEXT, Wire
from faults.server import Close, served
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.load import dumpd, dumps
from pydantic import SecretStr

from langchain_resayil import ChatResayil
from resayil import AsyncClient, AuthenticationError, Client, ConfigurationError, ResayilError, Settings

CHAT = Wire("chat", "chat")
KINDS: dict[str, Callable[..., Any]] = {
    "Client": Client,
    "AsyncClient": AsyncClient,
    "Settings": Settings.load,
}
QUESTION = "سؤال لا يراه أحد"


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Something that is built from a key."""
    return KINDS[request.param]


def shows_key(*values: object) -> bool:
    """Whether the key stands in any of these, as text."""
    return any(KEY in str(value) or KEY in repr(value) for value in values)


def reachable(value: object, depth: int = 6) -> Iterator[object]:
    """Everything that ``vars()`` leads to, down to the holder that masks the key."""
    if isinstance(value, SecretStr):
        return
    yield value
    if depth and hasattr(value, "__dict__"):
        for inner in vars(value).values():
            yield from reachable(inner, depth - 1)


@pytest.mark.parametrize("around", [f"{KEY}\n", f" {KEY} ", f"\t{KEY}\r\n", f"Bearer {KEY}"])
def test_a01_white_space_around_a_key_is_dropped(around: str) -> None:
    """A pasted key reaches the server without what was pasted around it."""
    with served(CHAT.good()) as server, Client(api_key=around, base_url=server.url()) as client:
        assert client.chat(MODEL, "?").text == TEXT
        assert server.log.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "key",
    [
        f"{KEY}مفتاح",
        f"{KEY[:9]}\r\nx-evil: 1{KEY[9:]}",
        f"{KEY[:9]}\n{KEY[9:]}",
        f"{KEY}\x00",
        f"{KEY} {KEY}",
    ],
    ids=["A02-arabic", "A03-crlf", "A03-lf", "A03-nul", "A03-two"],
)
def test_a02_a03_a_key_that_no_header_can_hold_is_refused(make: Callable[..., Any], key: str) -> None:
    """At construction, at once, and without showing it."""
    began = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        make(api_key=key, base_url="http://127.0.0.1:9")
    assert time.monotonic() - began < 0.1
    shown = f"{caught.value} {caught.value!r} {caught.value.args} {caught.getrepr(style='native')}"
    assert KEY[:12] not in shown.replace(__file__, "")


@pytest.mark.parametrize(
    "headers",
    [{"x-a": "1\r\nx-evil: 2"}, {"x-a\r\nx-evil": "2"}, {"x-a": "قيمة"}, {"authorization": f"Bearer {KEY}"}],
)
def test_a03_a_header_that_breaks_out_is_refused(make: Callable[..., Any], headers: dict[str, str]) -> None:
    """At construction; the value is not shown."""
    with pytest.raises(ConfigurationError) as caught:
        make(api_key=KEY, base_url="http://127.0.0.1:9", extra_headers=headers)
    assert not shows_key(caught.value)


def test_a03_a_header_of_a_call_that_breaks_out_is_refused() -> None:
    """Before anything is sent."""
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        with pytest.raises(ResayilError):
            client.chat(MODEL, "?", extra_headers={"x-a": "1\r\nx-evil: 2"})
        assert not server.log.links


@pytest.mark.parametrize("model", ["m\r\nx-evil: 1", "m\n", "m\x00", ""])
def test_a03_a_model_with_control_characters_is_refused(model: str) -> None:
    """Before anything is sent."""
    with served(CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        with pytest.raises(ResayilError):
            client.chat(model, "?")
        assert not server.log.links


def test_a04_nothing_that_is_shown_holds_the_key(make: Callable[..., Any]) -> None:
    """Repr, str, vars to any depth, copies and model_dump."""
    thing = make(api_key=KEY, base_url="http://127.0.0.1:9")
    for value in reachable(thing):
        assert not shows_key(value, getattr(value, "__dict__", None))
    assert not shows_key(copy.copy(thing))
    settings = thing if isinstance(thing, Settings) else thing.settings
    assert not shows_key(
        settings.model_dump(), settings.model_dump_json(), settings.model_copy(), dict(settings)
    )


def test_a04_a_pickle_holds_no_key(make: Callable[..., Any]) -> None:
    """Pickling refuses, or leaves the key out."""
    thing = make(api_key=KEY, base_url="http://127.0.0.1:9")
    try:
        data = pickle.dumps(thing)
    except (TypeError, pickle.PicklingError, ConfigurationError):
        return
    assert KEY.encode() not in data


def test_a04_a_used_client_and_its_error_hold_no_key() -> None:
    """After a call that failed and echoed the key, over pickle and copy too."""
    refusal = CHAT.error(401, "unauthorized", f"no: {KEY}", f"x-echo: {KEY}")
    with served(refusal) as server, Client(api_key=KEY, base_url=server.url()) as client:
        with pytest.raises(AuthenticationError) as caught:
            client.chat(MODEL, "?")
        error = caught.value
        for value in (error, pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
            assert isinstance(value, AuthenticationError)
            assert value.message == error.message
            assert not shows_key(value, value.args, vars(value), value.response)
            assert value.response is not None
            assert KEY.encode() not in value.response.content
        assert KEY.encode() not in pickle.dumps(error)
        for value in reachable(client):
            assert not shows_key(value)


def test_a04_what_httpx_quotes_of_a_reply_is_masked() -> None:
    """The cause of an error, which shows bytes that are no HTTP, shows no key either."""
    strange = [f"no HTTP: {KEY}\r\n\r\n".encode(), Close()]
    with (
        served(strange) as server,
        Client(api_key=KEY, base_url=server.url(), max_retries=0) as client,
        pytest.raises(ResayilError) as caught,
    ):
        client.chat(MODEL, "?")
    assert "no HTTP" in str(caught.value.__cause__)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a05_debug_logs_hold_no_key_and_no_prompt(caplog: pytest.LogCaptureFixture) -> None:
    """With every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    refusal = CHAT.error(429, "rate_limit_error", f"slow {KEY}", "retry-after-ms: 10")
    headers = {"x-tenant": "متجر".encode().hex()}
    with served(refusal, CHAT.good()) as server, Client(api_key=KEY, base_url=server.url()) as client:
        client.chat(MODEL, QUESTION, extra_headers=headers)
    told = "\n".join(f"{record.getMessage()} {record.args} {record.__dict__}" for record in caplog.records)
    assert told
    assert KEY not in told
    assert QUESTION not in told


class Recorder(BaseCallbackHandler):
    """Keeps everything that LangChain tells a tracer."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        """Every hook is the same one."""
        if name.startswith("on_"):
            return lambda *given, **more: self.told.append(f"{given!r} {more!r}")
        return super().__getattribute__(name)


def test_a07_langchain_tells_its_tracers_no_key() -> None:
    """Serialised form, metadata, invocation parameters and errors."""
    recorder = Recorder()
    with served(CHAT.good(), CHAT.error(401, "unauthorized", f"no {KEY}")) as server:
        model = ChatResayil(model=MODEL, api_key=KEY, base_url=server.url())
        model.invoke("?", config={"callbacks": [recorder]})
        with pytest.raises(ResayilError):
            model.invoke("?", config={"callbacks": [recorder]})
        model.close()
    told = "\n".join([*recorder.told, dumps(model), str(dumpd(model)), repr(model)])
    assert "deepseek" in told
    assert KEY not in told


def test_a09_no_file_of_the_tree_holds_a_key() -> None:
    """Cassettes, templates, documents and code: nothing that looks like a real key."""
    root = Path(__file__).parents[2]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    looks_real = re.compile(rb"\bsk-[A-Za-z0-9_-]{20,}|\bBearer [A-Za-z0-9_.-]{40,}")
    made_up = re.compile(rb"canary|example|emulator|test|demo|fake|local|xxxx|0000|1234|\.\.\.")
    found = [
        (name.decode(), hit)
        for name in listed.split(b"\0")
        if name and (root / name.decode()).is_file()
        for hit in looks_real.findall((root / name.decode()).read_bytes())
        if re.search(rb"\d", hit) and not made_up.search(hit.lower())
    ]
    assert not found


@pytest.mark.parametrize(
    "url",
    [
        "http://llmapi.resayil.io/v1",
        "http://192.0.2.7:8080",
        f"https://user:{KEY}@llmapi.resayil.io/v1",
        f"https://user:{KEY}/1@llmapi.resayil.io/v1",
        "https://user@llmapi.resayil.io",
        "ftp://llmapi.resayil.io",
        "https://",
        "https://llmapi.resayil.io/v1?key=1",
        "https://llmapi.resayil.io\r\nx: 1/v1",
    ],
)
def test_n34_an_address_that_would_show_the_key_is_refused(make: Callable[..., Any], url: str) -> None:
    """At construction, before any byte."""
    with pytest.raises(ConfigurationError) as caught:
        make(api_key=KEY, base_url=url)
    assert not shows_key(caught.value)


def test_n34_a_proxy_of_the_environment_gets_no_key_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loopback address is called directly, whatever proxy the environment names."""
    with served(CHAT.good()) as proxy, served(CHAT.good()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        with Client(api_key=KEY, base_url=server.url()) as client:
            client.chat(MODEL, "?")
        assert not proxy.log.links
