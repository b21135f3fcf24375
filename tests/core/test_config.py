"""Settings: what is refused before the first byte, and where values come from."""

from __future__ import annotations

import time
import warnings
from typing import Any

import pytest
from core.support import KEY, MODEL, Scripted, answer, client_of, json_reply
from pydantic import SecretStr

from resayil import Client, ConfigurationError, OverloadedError, RequestError, Settings
from resayil.config import ResayilWarning, check_headers, clean_key, is_loopback

OTHER = "sk-other-0123456789"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LLM_RESAYIL_API_KEY", "RESAYIL_API_KEY", "RESAYIL_BASE_URL", "RESAYIL_ALLOW_HTTP"):
        monkeypatch.delenv(name, raising=False)


def test_a_key_is_needed() -> None:
    """Without one the error says which variable to set and where keys are made."""
    with pytest.raises(ConfigurationError, match=r"LLM_RESAYIL_API_KEY.*api-keys"):
        Client()


def test_the_key_comes_from_either_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the two documented names does."""
    monkeypatch.setenv("RESAYIL_API_KEY", OTHER)
    assert Settings.load().secret == OTHER
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", OTHER)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Settings.load().secret == OTHER
    assert Settings.load(api_key=KEY).secret == KEY


def test_two_different_keys_in_the_environment_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first variable wins, and one warning says so without showing either value."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", KEY)
    monkeypatch.setenv("RESAYIL_API_KEY", OTHER)
    with pytest.warns(ResayilWarning, match="both set") as caught:
        assert Settings.load().secret == KEY
    assert len(caught) == 1
    assert KEY not in str(caught[0].message)
    assert OTHER not in str(caught[0].message)


def test_the_base_url_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins over it, it over the default."""
    monkeypatch.setenv("RESAYIL_BASE_URL", "https://llmdev.resayil.io")
    assert Settings.load(api_key=KEY).base_url == "https://llmdev.resayil.io/v1"
    assert Settings.load(api_key=KEY, base_url="https://a.example").base_url == "https://a.example/v1"


@pytest.mark.parametrize("value", ["1", "true"])
def test_clear_text_is_refused_unless_allowed(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``http://`` goes to this machine only, unless an argument or a variable says otherwise."""
    with pytest.raises(ConfigurationError, match="clear text"):
        Client(KEY, "http://gateway.example/v1")
    assert (
        Client(KEY, "http://gateway.example", allow_http=True).settings.base_url
        == "http://gateway.example/v1"
    )
    monkeypatch.setenv("RESAYIL_ALLOW_HTTP", value)
    assert Client(KEY, "http://gateway.example").settings.allow_http


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_clear_text_is_not_allowed_by_no(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that says no is a no."""
    monkeypatch.setenv("RESAYIL_ALLOW_HTTP", value)
    with pytest.raises(ConfigurationError):
        Client(KEY, "http://gateway.example")


@pytest.mark.parametrize(
    "given",
    [
        "ftp://a.example", "https://", "https://user@a.example", "https://user:pw@a.example", "https://a.example/v1?x=1",
        "https://a.example/#x", "https://a.example:port", "https://[::1", "https://a b.example", "https://a\x00.example",
        "http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://0.0.0.0",
    ],
)  # fmt: skip
def test_n34_unusable_addresses_are_refused(given: str) -> None:
    """At construction, before any byte, without showing a password."""
    with pytest.raises(ConfigurationError) as caught:
        Client(KEY, given)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("x.localhost", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("a", False),
    ],
)
def test_what_this_machine_is(host: str, *, expected: bool) -> None:
    """Loopback addresses and names, nothing else."""
    assert is_loopback(host) is expected


BAD_KEYS = ("sk-مفتاح", "sk-a\r\nx: y", "sk a", "", "\n", "sk-\u202e")


@pytest.mark.parametrize("given", BAD_KEYS)
@pytest.mark.parametrize("wrapped", [False, True], ids=["text", "secret"])
def test_a01_a02_a03_bad_keys_are_refused_fast(given: str, *, wrapped: bool) -> None:
    """In under 0.1 s, at construction, without a request and without the key in the error."""
    began = time.perf_counter()
    with pytest.raises(ConfigurationError) as caught:
        Settings.load(api_key=SecretStr(given) if wrapped else given)
    assert time.perf_counter() - began < 0.1
    assert "sk-" not in f"{caught.value!r}{caught.value.args}"


def test_a_secret_is_taken_as_it_is() -> None:
    """A key that its owner already wraps stays wrapped."""
    assert clean_key(SecretStr(f" {KEY} ")) == SecretStr(KEY)


def _send_headers(transport: Scripted, headers: Any, where: str) -> None:
    if where == "client":
        client_of(transport, extra_headers=headers)
    else:
        client_of(transport).chat("m", "س", extra_headers=headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "x"}, {"X-API-Key": "x"}, {"Host": "x"}, {"Content-Length": "1"},
        {"x": "a\r\nb: c"}, {"x\r\ny": "a"}, {"": "a"}, {"x y": "a"}, {"x": "عربي"}, {"x": 1},
        {"x": "a\x00"}, {"x": "a\x7f"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["client", "call"])
def test_a03_headers_that_break_out_are_refused(headers: Any, where: str) -> None:
    """Own headers cannot be replaced, and no header can end its line; nothing is sent."""
    transport = Scripted(json_reply(answer()))
    with pytest.raises(ConfigurationError) as caught:
        _send_headers(transport, headers, where)
    assert not transport.requests
    assert "عربي" not in str(caught.value)


def test_extra_headers_are_sent() -> None:
    """Those of the client on every call, those of a call on that one, and the later one wins."""
    transport = Scripted(json_reply(answer()))
    client = client_of(transport, extra_headers={"x-team": "a", "x-app": "1"})
    client.chat("m", "س", extra_headers={"x-app": "2"})
    client.chat("m", "س")
    sent = [(request.headers["x-team"], request.headers["x-app"]) for request in transport.requests]
    assert sent == [("a", "2"), ("a", "1")]
    assert check_headers({}) == {}


def test_a_header_takes_the_place_of_ours_however_it_is_written() -> None:
    """A name in another case is the same header: it is sent once, as it was given."""
    transport = Scripted(json_reply(answer()))
    given = {"User-Agent": "shop/1", "Accept-Encoding": "identity"}
    client_of(transport, extra_headers={"x-team": "a"}).chat("m", "س", extra_headers={"X-Team": "b", **given})
    (sent,) = transport.requests
    for name, value in {**given, "x-team": "b"}.items():
        assert sent.headers.get_list(name) == [value]


@pytest.mark.parametrize("model", ["m\r\nx: y", "m\x00", "", "\u202em"])
def test_a03_a_model_id_cannot_break_out(model: str) -> None:
    """An id with control characters raises before it is sent."""
    transport = Scripted(json_reply(answer()))
    with pytest.raises(RequestError):
        client_of(transport).chat(model, "س")
    assert not transport.requests


@pytest.mark.parametrize(
    "settings",
    [
        {"max_retries": -1},
        {"read_timeout": 0},
        {"read_timeout": float("nan")},
        {"deadline": -1},
        {"api": "anthropic"},
        {"history_images": "drop"},
        {"max_image_bytes": 0},
        {"typo": 1},
    ],
)
def test_unusable_settings_are_named(settings: dict[str, Any]) -> None:
    """The error names the setting, and never shows the key."""
    with pytest.raises(ConfigurationError, match=next(iter(settings))) as caught:
        Client(KEY, **settings)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("client", "call", "attempts"), [(0, 1, 2), (5, 0, 1), (1, None, 2)])
def test_a_calls_own_retries_stand_above_the_clients(client: int, call: int | None, attempts: int) -> None:
    """In both directions; a call that names none has the client's."""
    transport = Scripted(json_reply({}, 503, **{"retry-after-ms": "1"}))
    with pytest.raises(OverloadedError):
        client_of(transport, max_retries=client).chat(MODEL, "س", max_retries=call)
    assert len(transport.requests) == attempts


def test_settings_cannot_be_changed() -> None:
    """A client's settings are a value."""
    with pytest.raises(ValueError, match="frozen"):
        Settings.load(api_key=KEY).max_retries = 5  # type: ignore[misc] # frozen, as the test shows
