"""What goes wrong, each once in the real n8n; all cases run at once, since one waits for the next minute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from n8n.bench import BUTTON, Bench, configured, plain, set_up, template
from n8n.rest import Rest
from n8n.server import N8n

from resayil.emulator import Emulator, RecordedRequest

pytestmark = pytest.mark.slow
ROBUST = "02-robust-call"
QUESTION = "Write the sample question"
ANSWER = "وعليكم السلام."
SECONDS, MINUTE = 3, 60
TOO_MANY = {
    "error": {"code": "rate_limit_exceeded", "message": "Rate limit exceeded."},
    "retry_after": SECONDS,
}
INVALID = {"message": "Validation failed.", "errors": {"messages": ["The messages field is required."]}}
HARD_TEXT = (
    'He said: "it\'s {{ $json.no }}"\n\tC:\\temp\\new — `${x}` </script> %s \u2028 '
    "قالَ: «السَّلامُ عليكُم» 👩‍👩‍👧 ١٢٫٥٠٠ د.ك\r\n\u200fنهاية"
)


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: how it is queued, what comes out, how many requests it takes."""

    fault: Callable[[Emulator], None]
    error: Mapping[str, Any] | None = None
    requests: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)


CASES = {
    "429 that says how long": Case(lambda emu: emu.fault(429, body=TOO_MANY), requests=2),
    "429 that does not": Case(lambda emu: emu.fault(429), requests=2),
    "503, then an answer": Case(lambda emu: emu.fault(503), requests=2),
    "529, then an answer": Case(lambda emu: emu.fault(529), requests=2),
    "402": Case(
        lambda emu: emu.fault(402),
        {
            "kind": "InsufficientCreditsError",
            "status": 402,
            "code": "insufficient_credits",
            "message": "Insufficient credits. Please top up your account.",
        },
    ),
    "401": Case(lambda emu: emu.fault(401), {"kind": "AuthenticationError", "status": 401}),
    "422": Case(
        lambda emu: emu.fault(422, body=INVALID),
        {
            "kind": "BadRequestError",
            "status": 422,
            "message": "Validation failed. messages: The messages field is required.",
        },
    ),
    "404": Case(lambda emu: emu.fault(404), {"kind": "NotFoundError", "status": 404}),
    "404 with another model": Case(
        lambda emu: emu.fault(404), requests=2, settings={"fallback_model": "mistral"}
    ),
    "500 every time": Case(
        lambda emu: emu.fault(500, times=9),
        {"kind": "InternalServerError", "status": 500},
        requests=3,
        settings={"max_attempts": 5},
    ),
    "a page": Case(lambda emu: emu.fault("html"), {"kind": "UnexpectedContentError", "status": 200}),
    "a redirect": Case(lambda emu: emu.fault("redirect"), {"kind": "UnexpectedContentError", "status": 302}),
    "an empty body": Case(lambda emu: emu.fault("empty"), {"kind": "EmptyResponseError", "status": 200}),
    "an empty answer": Case(lambda emu: emu.reply(""), {"kind": "EmptyResponseError", "status": 200}),
    "half a body": Case(lambda emu: emu.fault("eof"), {"kind": "MalformedResponseError", "status": 200}),
    "an error under 200": Case(lambda emu: emu.fault("error-200"), requests=2),
    "closed before a byte": Case(lambda emu: emu.fault("refused"), requests=2),
    "broken off in the body": Case(lambda emu: emu.fault("reset"), {"kind": "APIConnectionError"}),
}


@dataclass(frozen=True, slots=True)
class Started:
    """A case that runs: its bench, and what to ask n8n about."""

    bench: Bench
    workflow: Mapping[str, Any]
    execution: str


@pytest.fixture(scope="module")
def started(n8n: N8n, rest: Rest) -> Iterator[Mapping[str, Started]]:
    """Every case, begun."""
    with ExitStack() as benches:
        begun = {}
        for name, case in CASES.items():
            bench = benches.enter_context(set_up(n8n, rest))
            case.fault(bench.emulator)
            bench.emulator.script([ANSWER] * 3)
            workflow = bench.add(ROBUST, **case.settings)
            begun[name] = Started(bench, workflow, rest.start(workflow, BUTTON))
        yield begun


@pytest.mark.parametrize("name", CASES)
def test_a_fault_ends_well(started: Mapping[str, Started], name: str) -> None:
    """An answer, or one clear error; never a request too many; the key in no output, log or stored run."""
    case, run = CASES[name], started[name]
    execution = run.bench.rest.finished(run.execution)
    assert execution.status == "success", execution.error
    (given,) = execution.last
    assert (given["ok"], given["text"]) == (case.error is None, ANSWER if case.error is None else "")
    assert (given["error"] is None) == (case.error is None)
    assert {part: given["error"][part] for part in case.error or {}} == (case.error or {})
    assert given["error"] is None or given["error"]["hint"]
    assert given["attempts"] == len(run.bench.emulator.requests) == case.requests
    assert run.bench.leaks() == []


def times(run: Started) -> list[float]:
    """When each request arrived, once all have."""
    run.bench.rest.finished(run.execution)
    return [request.at for request in run.bench.emulator.requests]


def test_a_429_is_waited_for_as_long_as_it_says(started: Mapping[str, Started]) -> None:
    """The second request comes after `retry_after`, and well before the next minute has passed."""
    first, second = times(started["429 that says how long"])
    assert SECONDS <= second - first < SECONDS + MINUTE / 2


def test_a_429_without_a_hint_waits_for_the_next_minute(started: Mapping[str, Started]) -> None:
    """The second request comes in the next UTC minute, in which a fixed window is open again."""
    first, second = times(started["429 that does not"])
    assert second // MINUTE == first // MINUTE + 1


def test_the_other_model_is_asked_the_same(started: Mapping[str, Started]) -> None:
    """After a 404 only the model's name differs."""
    run = started["404 with another model"]
    times(run)
    first, second = (request.body for request in run.bench.emulator.requests)
    assert second == first | {"model": "mistral"}


def asked(requests: list[RecordedRequest]) -> str:
    """The user's text of the last request."""
    text: str = requests[-1].body["messages"][-1]["content"]
    return text


def test_no_text_breaks_the_body(bench: Bench) -> None:
    """Quotes, backslashes, newlines, n8n's own braces, emoji and Arabic with marks arrive as written."""
    workflow = configured(template(ROBUST), {"question": HARD_TEXT}, QUESTION)
    bench.emulator.reply(HARD_TEXT)
    added = bench.add_workflow(configured(workflow, {"base_url": bench.service.base_url}))
    (given,) = bench.rest.run(added, BUTTON).last
    assert asked(bench.emulator.requests) == HARD_TEXT
    assert given["text"] == HARD_TEXT


def test_a_wrong_key_is_told_from_a_dead_address(bench: Bench) -> None:
    """Nothing listens there: three attempts, and an error that says so."""
    (given,) = bench.run(ROBUST, base_url="http://127.0.0.1:9/v1").last
    assert (given["error"]["kind"], given["error"]["code"]) == ("APIConnectionError", "ECONNREFUSED")
    assert given["attempts"] == 3
    assert bench.leaks() == []


UNSAVED = {
    "saveDataErrorExecution": "none",
    "saveDataSuccessExecution": "none",
    "saveManualExecutions": False,
}


@pytest.mark.parametrize(("settings", "stored"), [({}, True), (UNSAVED, False)])
def test_what_n8n_itself_keeps_of_a_broken_reply(
    bench: Bench, settings: dict[str, Any], *, stored: bool
) -> None:
    """A plain HTTP node stores the key when a reply breaks off, unless executions are not saved."""
    ask = {
        "name": "Ask",
        "type": "n8n-nodes-base.httpRequest",
        "typeVersion": 4.2,
        "parameters": {
            "url": f"{bench.service.base_url}/models",
            "authentication": "genericCredentialType",
            "genericAuthType": "httpHeaderAuth",
            "options": {},
        },
    }
    press = {"name": BUTTON, "type": "n8n-nodes-base.manualTrigger", "typeVersion": 1}
    bench.emulator.fault("reset")
    workflow = bench.add_workflow(plain("Plain HTTP request", (press, ask), **settings))
    bench.rest.ended(bench.rest.start(workflow, BUTTON))
    assert len(bench.emulator.requests) == 1
    assert bool(bench.leaks()) == stored
