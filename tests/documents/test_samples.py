"""The samples of the service's documents, transcribed in `samples/`, run against the emulator.

Only the host and the key of a sample are replaced; paths, headers and bodies stay as printed.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import httpx
import openai
import pytest

from resayil.emulator import Emulator

SAMPLES = Path(__file__).parent / "samples"
DEAD = "article-dead"
# The article leaves out `max_tokens`, which the document of the Messages API requires (contradiction C10).
REFUSED = "article-messages"
COMMANDS = sorted(path.stem for path in SAMPLES.glob("*.sh") if path.stem != REFUSED)
PROGRAMS = sorted(path.stem for path in SAMPLES.glob("*.py") if path.stem != DEAD)
# What the documents promise of the answer, by the path's end.
ANSWERS = {
    "/chat/completions": "choices",
    "/messages": "content",
    "/messages/count_tokens": "input_tokens",
    "/models": "data",
}
Send = Callable[[list[str]], str]


@dataclass(frozen=True)
class Service:
    """A running emulator, as the samples need it."""

    origin: str
    key: str

    def fill(self, name: str) -> str:
        """Read a sample, with its host and key replaced."""
        text = re.sub(r"https://\w+\.resayil\.io", self.origin, (SAMPLES / name).read_text(encoding="utf-8"))
        return text.replace("YOUR_API_KEY", self.key)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One emulator on a socket for all samples."""
    emulator = Emulator()
    with emulator.serve() as server:
        yield Service(server.base_url.removesuffix("/v1"), emulator.key)


def words(command: str) -> list[str]:
    """Split a command as the shell would."""
    return shlex.split(command.replace("\\\n", " "))


def send_with_curl(command: list[str]) -> str:
    """Run the command itself."""
    options = ["--silent", "--show-error", "--noproxy", "*", "--max-time", "20"]
    done = subprocess.run(
        ["curl", *options, *command[1:]], capture_output=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def send_with_httpx(command: list[str]) -> str:
    """Send what the command would, where curl is missing and where it is not."""
    options = list(pairwise(command))
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    body = next((value.encode() for option, value in options if option == "-d"), None)
    url = next(word for word in command if word.startswith("http"))
    return httpx.request("POST" if body else "GET", url, headers=headers, content=body, trust_env=False).text


SENDERS = [
    pytest.param(
        send_with_curl,
        marks=pytest.mark.skipif(
            shutil.which("curl") is None, reason="curl is missing: httpx sends the samples"
        ),
        id="curl",
    ),
    pytest.param(send_with_httpx, id="httpx"),
]


@pytest.mark.parametrize("send", SENDERS)
@pytest.mark.parametrize("name", COMMANDS)
def test_curl_samples_are_answered(service: Service, name: str, send: Send) -> None:
    """Every printed curl command gets the answer that its path promises."""
    command = words(service.fill(f"{name}.sh"))
    answer = send(command)
    if '"stream": true' in command[-1]:
        assert re.search(r"^data: ", answer, re.MULTILINE)
    else:
        path = next(word for word in command if word.startswith("http")).split("/v1")[1]
        assert ANSWERS[path] in json.loads(answer), answer


@pytest.mark.parametrize("send", SENDERS)
def test_the_incomplete_sample_is_refused(service: Service, send: Send) -> None:
    """C10: the article's Messages command is refused, in words that tell what to add."""
    answer = json.loads(send(words(service.fill(f"{REFUSED}.sh"))))
    assert answer["error"] == {"type": "invalid_request_error", "message": "max_tokens: field required"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_samples_run(
    service: Service, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every printed Python program but the dead one runs and prints the answer's text."""
    monkeypatch.setenv("LLM_RESAYIL_API_KEY", service.key)
    exec(compile(service.fill(f"{name}.py"), name, "exec"), {})  # noqa: S102 - the samples are the subject
    assert capsys.readouterr().out.strip()


def test_the_dead_sample_fails(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that calls `openai.ChatCompletion` fails in today's SDK, before any request."""
    monkeypatch.setattr(openai, "api_key", None)
    monkeypatch.setattr(openai, "base_url", None)
    with pytest.raises(openai.OpenAIError, match="no longer supported"):
        exec(compile(service.fill(f"{DEAD}.py"), DEAD, "exec"), {})  # noqa: S102 - the samples are the subject
