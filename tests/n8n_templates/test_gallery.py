"""The gallery answers the editors it was told, over plain HTTP, and nobody else."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO

import httpx
import pytest
from typer.testing import CliRunner

from resayil.cli.app import app
from resayil.errors import ConfigurationError
from resayil_n8n import library
from resayil_n8n.gallery import Gallery, check_host, load, origin, other_name
from resayil_n8n.lint import check
from resayil_n8n.server import serving

EDITOR = "http://127.0.0.1:5678"
ASKING = {"origin": EDITOR}


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """The templates, for one editor."""
    return Gallery(load(library.workflows(), library.texts()), frozenset({EDITOR}))


def told(gallery: Gallery, path: str) -> dict[str, object]:
    """What a page says."""
    reply = gallery.answer("GET", f"/api{path}", ASKING)
    assert reply.status == 200
    return dict(json.loads(reply.body))


def test_the_list_is_searched_by_words_and_in_pages(gallery: Gallery) -> None:
    """Words of both languages; the whole list without any."""
    everything = told(gallery, "/templates/search?page=1&limit=20&search=&category=")
    assert everything["totalWorkflows"] == len(library.MODULES)
    found = told(gallery, "/templates/search?search=%D8%A5%D9%8A%D8%B5%D8%A7%D9%84&limit=20")
    assert [item["name"] for item in found["workflows"]] == [  # type: ignore[attr-defined] # decoded JSON
        "Read receipts from photos into checked figures in n8n with LLM Resayil"
    ]
    last = told(gallery, "/templates/search?page=3&limit=5")
    assert len(last["workflows"]) == len(library.MODULES) - 10  # type: ignore[arg-type] # decoded JSON
    assert told(gallery, "/templates/search?category=Sales")["totalWorkflows"] == 0


def test_a_template_is_shown_nested_and_imported_flat(gallery: Gallery) -> None:
    """The two shapes that the editor wants; what it imports keeps every rule."""
    shown = told(gallery, "/templates/workflows/102")["workflow"]
    assert isinstance(shown, dict)
    assert shown["workflow"]["nodes"]
    assert "### Setup" in shown["description"]
    assert all(node["iconData"] and node["displayName"] for node in shown["nodes"])
    imported = told(gallery, "/workflows/templates/102")
    assert imported["name"] == shown["name"]
    content = imported["workflow"]
    assert isinstance(content, dict)
    assert check(json.dumps(content, ensure_ascii=False)) == []


def test_the_small_pages_are_there_and_others_are_not(gallery: Gallery) -> None:
    """Health, categories, collections; 404 elsewhere."""
    assert told(gallery, "/health") == {"status": "OK"}
    assert told(gallery, "/templates/categories")["categories"]
    assert told(gallery, "/templates/collections?search=")["collections"] == []
    for path in ("/api/templates/workflows/999", "/api/nothing", "/health"):
        assert gallery.answer("GET", path, ASKING).status == 404
    assert gallery.answer("POST", "/api/health", ASKING).status == 405


@pytest.mark.parametrize("asking", [{}, {"origin": "http://127.0.0.1:5679"}, {"origin": "null"}])
def test_an_origin_that_was_not_named_learns_nothing(gallery: Gallery, asking: dict[str, str]) -> None:
    """No header of CORS either."""
    reply = gallery.answer("GET", "/api/health", asking)
    assert reply.status == 403
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_the_editors_session_is_turned_away(gallery: Gallery) -> None:
    """A library under the editor's own host name would be sent its cookie: it says so and answers nothing."""
    reply = gallery.answer("GET", "/api/health", {**ASKING, "cookie": "a=1; n8n-auth=secret"})
    assert reply.status == 400
    assert b"another host name" in reply.body
    assert b"secret" not in reply.body


@pytest.mark.parametrize("address", ["*", "http://*", "localhost:5678", "http://h/path", "file:///x", ""])
def test_what_is_no_origin_is_refused(address: str) -> None:
    """The wildcard above all, which an editor that sends credentials does not take."""
    with pytest.raises(ConfigurationError, match="origin is like"):
        origin(address)


def test_the_library_never_has_the_editors_name() -> None:
    """Cookies know no ports: the other name of this machine is taken, or one must be given."""
    assert other_name(["http://localhost:5678"]) == "127.0.0.1"
    assert other_name(["http://127.0.0.1:5678", "https://n8n.example.com"]) == "localhost"
    with pytest.raises(ConfigurationError, match="--public-host"):
        other_name(["http://localhost:1", "http://127.0.0.1:2"])
    with pytest.raises(ConfigurationError, match="session cookie"):
        check_host("LocalHost", ["http://localhost:5678"])


def test_it_answers_over_http_and_logs_nothing(gallery: Gallery, capfd: pytest.CaptureFixture[str]) -> None:
    """A preflight with the editor's own header, then the list; headers are never written anywhere."""
    with (
        serving(gallery, "127.0.0.1", 0) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}/api") as web,
    ):
        asked = {"Origin": EDITOR, "Access-Control-Request-Headers": "n8n-version"}
        before = web.options("/templates/search", headers=asked)
        assert before.status_code == 204
        assert before.headers["access-control-allow-origin"] == EDITOR
        assert before.headers["access-control-allow-credentials"] == "true"
        assert "n8n-version" in before.headers["access-control-allow-headers"]
        assert before.headers["vary"] == "Origin"
        answer = web.get("/templates/search", headers={"Origin": EDITOR, "Authorization": "Bearer sk-x"})
        assert answer.json()["totalWorkflows"] == len(library.MODULES)
        assert "السَّلامُ" in web.get("/workflows/templates/102", headers=ASKING).text
    assert capfd.readouterr() == ("", "")


@contextmanager
def served(*arguments: str) -> Generator[IO[str]]:
    """What ``resayil n8n serve`` prints, until Control-C ends it well."""
    command = [sys.executable, "-c", "from resayil.cli import main; main()", "n8n", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_serve_tells_the_address_for_n8n_and_ends_on_control_c() -> None:
    """One line of JSON; the host name is not the editor's."""
    with served("--json") as printed:
        told = json.loads(printed.readline())
        assert told["editors"] == ["http://localhost:5678"]
        assert told["templates_host"].startswith("http://127.0.0.1:")
        health = httpx.get(f"{told['templates_host']}/health", headers={"Origin": "http://localhost:5678"})
        assert health.json() == {"status": "OK"}


def test_serve_tells_a_person_how_to_start_n8n() -> None:
    """The two variables as they are set, and where the templates are then found."""
    with served("--editor", EDITOR) as printed:
        start, enabled, host, where = (printed.readline().strip() for _ in range(4))
        assert (start, enabled) == ("Start n8n with", "N8N_TEMPLATES_ENABLED=true")
        assert httpx.get(f"{host.removeprefix('N8N_TEMPLATES_HOST=')}/health", headers=ASKING).is_success
        assert EDITOR in where
        assert "Ctrl-C stops it." in where


def test_serve_says_when_its_port_is_taken(gallery: Gallery) -> None:
    """Exit code 1, with the system's reason."""
    with serving(gallery, "127.0.0.1", 0) as port:
        done = CliRunner().invoke(app, ["n8n", "serve", "--port", str(port)])
    assert done.exit_code == 1
    assert "did not start" in done.stderr


def test_serve_refuses_a_wildcard_and_the_editors_name() -> None:
    """Exit code 3, with the reason."""
    for arguments in (["--editor", "*"], ["--public-host", "localhost"]):
        done = subprocess.run(
            [sys.executable, "-c", "from resayil.cli import main; main()", "n8n", "serve", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3
        assert "did not start" in done.stderr
