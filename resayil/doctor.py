"""The doctor: what the documents say, what a server does, and what the client makes of it.

It finds the address that answers, goes through the table of `doctor_checks`, and stays within what it may
spend: requests and tokens are counted before they are sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from resayil.adapt import Style
from resayil.capabilities import Capability
from resayil.config import DEFAULT_BASE_URL, Settings
from resayil.doctor_checks import CHECKS, Check, Line
from resayil.doctor_patient import Patient, Row, hint_of
from resayil.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    InsufficientCreditsError,
    PermissionDeniedError,
    RateLimitError,
    ResayilError,
)
from resayil.limiters import OnWait
from resayil.redaction import redact

MAX_REQUESTS, MAX_TOKENS = 20, 4_000
"""What the doctor spends at most unless it is allowed more."""

SLOW = 10.0
"""Seconds until the first event above which a server is called slow; cold connections take one to three."""

FAMILIES = (DEFAULT_BASE_URL, "https://llm.resayil.io/v1", "https://llm.resayil.io/api/v1")

_SERVICE = "resayil.io"


@dataclass(slots=True)
class Report:
    """What the doctor found; it never holds the key.

    Attributes:
        base_url: The base URL that was used in the end.
        model: The model that was asked.
        rows: The table.
        requests: Requests that were sent.
        tokens: Tokens that they cost.
        capabilities: What was found of each model, for the capabilities file.
    """

    base_url: str
    model: str = ""
    rows: list[Row] = field(default_factory=list)
    requests: int = 0
    tokens: int = 0
    capabilities: dict[str, Capability] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether nothing stands in the way of work."""
        return not any(row.status == "failed" for row in self.rows)

    def told(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


ADDRESS = Line(
    "base URL",
    "three families: llmapi…/v1, llm…/v1, llm…/api/v1",
    "normalises any form; refuses the WhatsApp gateway",
    1,
    0,
)
"""The table's first row, for each of three addresses at most."""

_LINES: tuple[Line, ...] = (ADDRESS, ADDRESS, ADDRESS, *CHECKS)


@dataclass(slots=True)
class Spending:
    """What may be spent, and who is asked for more, once.

    Attributes:
        requests: Requests in all.
        tokens: Tokens in all, about.
        allow: Asked whether more may be spent, with the reason.
        lifted: What was answered; ``None`` before anybody was asked.
    """

    requests: int
    tokens: int
    allow: Callable[[str], bool]
    lifted: bool | None = None

    def allows(self, patient: Patient, line: Line) -> bool:
        """Whether a row may be looked at: within the bounds, or by leave for all that follows."""
        few = not line.requests or patient.requests + line.requests <= self.requests
        if few and (not line.tokens or patient.tokens + line.tokens <= self.tokens):
            return True
        if self.lifted is None:
            rest = _LINES[_LINES.index(line) :]
            requests, tokens = sum(one.requests for one in rest), sum(one.tokens for one in rest)
            self.lifted = self.allow(f"From {line.name} on: up to {requests} requests, about {tokens} tokens")
        return self.lifted

    @property
    def refusal(self) -> str:
        """Why something was not looked at."""
        return f"it would take more than {self.requests} requests or {self.tokens} tokens"


def families(base_url: str, origin: str) -> Iterator[str]:
    """Where else the API may be: the other addresses of the service, or other paths of the same host."""
    host = origin.partition("://")[2].partition(":")[0]
    service = host == _SERVICE or host.endswith(f".{_SERVICE}")
    found = FAMILIES if service else (f"{origin}/v1", f"{origin}/api/v1")
    yield from (url for url in found if url != base_url)


def examine(
    api_key: str | None = None,
    base_url: str | None = None,
    *,
    model: str | None = None,
    max_requests: int = MAX_REQUESTS,
    max_tokens: int = MAX_TOKENS,
    slow: float = SLOW,
    allow: Callable[[str], bool] = lambda _: False,
    tell: Callable[[str], None] = lambda _: None,
    transport: Any = None,
    on_wait: OnWait | None = None,
    **settings: Any,
) -> Report:
    """Examine a server.

    Args:
        api_key: The key; from the environment by default.
        base_url: The address; from the environment or the documented one by default.
        model: What to ask; the first active chat model of the list by default.
        max_requests: Requests that may be sent.
        max_tokens: Tokens that they may cost, about.
        slow: Seconds until the first event above which the server is called slow.
        allow: Asked whether more may be spent, with the reason.
        tell: Told what is looked at.
        transport: An httpx transport, such as the emulator's.
        on_wait: As of `Client`.
        settings: See `Settings`.
    """
    given = {"max_retries": 0, "deadline": 90.0, **settings}
    tell(ADDRESS.name)
    try:
        loaded = Settings.load(api_key=api_key, base_url=base_url, **given)
        first = Patient(loaded, transport, on_wait, model=model or "", slow=slow)
    except ConfigurationError as error:
        row = ADDRESS.row("not usable", "failed", error.message)
        return Report(
            base_url or "", rows=[row, *(check.row("not looked at", "skipped") for check in CHECKS)]
        )

    def at(url: str) -> Patient:
        return Patient(
            loaded.model_copy(update={"base_url": url}), transport, on_wait, model=model or "", slow=slow
        )

    spending = Spending(max_requests, max_tokens, allow)
    patient, row = _found(first, at, spending)
    report = Report(patient.settings.base_url, rows=[row])
    try:
        _look(patient, report, spending, tell)
    finally:
        first.close()
        patient.close()
    report.model, report.requests, report.tokens = patient.model, patient.requests, patient.tokens
    report.rows = [_clean(row, loaded.secret) for row in report.rows]
    return report


def _found(patient: Patient, at: Callable[[str], Patient], spending: Spending) -> tuple[Patient, Row]:
    """The patient at the address that answers, and the base URL's row."""
    url = patient.settings.base_url
    if not spending.allows(patient, ADDRESS):
        return patient, ADDRESS.row(spending.refusal, "skipped")
    failure = _answers(patient)
    if failure is None:
        return patient, ADDRESS.row(f"{url} answers", "ok")
    if not isinstance(failure, APIConnectionError) or failure.phase != "certificate":
        for other in families(url, patient.settings.origin):
            if not spending.allows(patient, ADDRESS):
                break
            elsewhere = at(other)
            elsewhere.requests = patient.requests
            found = _answers(elsewhere) is None
            patient.requests = elsewhere.requests
            if found:
                said = (
                    f"{url} does not answer ({failure.status_code or type(failure).__name__}), {other} does"
                )
                hint = f"Set RESAYIL_BASE_URL={other}"
                return elsewhere, ADDRESS.row(said, "failed", hint)
            elsewhere.close()
    said = f"{url}: {failure.message}"
    return patient, ADDRESS.row(said, "failed", hint_of(failure))


def _answers(patient: Patient) -> ResayilError | None:
    """``None`` where the API answers, be it with a refusal of the key; else why not."""
    patient.allowed = patient.requests + 1
    try:
        patient.listed = patient.perform(patient.calls.models(include_inactive=True), patient.tap())
    except (AuthenticationError, PermissionDeniedError, InsufficientCreditsError, RateLimitError) as error:
        patient.refusal, patient.answers = error, True
        return None
    except ResayilError as error:
        return error
    patient.answers = True
    if not patient.model:
        usable = [info for info in patient.listed if info.is_active is not False]
        chat = [info for info in usable if info.category in {"chat", None}]
        patient.model = next((info.id for info in chat or usable), "")
    return None


def _look(patient: Patient, report: Report, spending: Spending, tell: Callable[[str], None]) -> None:
    """Go through the table, within so many requests and tokens."""
    lost = "" if patient.answers else "nothing answers there" if patient.requests else spending.refusal
    for check in CHECKS:
        if why := lost or (_unpaid(patient) if check.tokens else ""):
            report.rows.append(check.row(why, "skipped"))
            continue
        if not spending.allows(patient, check):
            report.rows.append(check.row(spending.refusal, "skipped"))
            continue
        tell(check.name)
        patient.allowed = patient.requests + check.requests
        row = _row(check, patient)
        report.rows.append(row)
        if check.name == "key" and row.status == "failed":
            lost = "the key is refused"
    if patient.model:
        _conclude(patient, report)


def _unpaid(patient: Patient) -> str:
    """Why nothing can be generated, if so."""
    if patient.broke:
        return "no credits are left"
    return "" if patient.model or patient.refusal else "the list names no model; name one: --model"


def _conclude(patient: Patient, report: Report) -> None:
    """What the core can use from here on."""
    style = patient.calls.learned.style(patient.model)
    found = replace(style or Style(), json_by=patient.json_by)
    now = time.time()
    for model in {patient.model, *patient.vision}:
        report.capabilities[model] = Capability(
            found if model == patient.model else Style(), patient.vision.get(model), now
        )


def _row(check: Check, patient: Patient) -> Row:
    try:
        observed, status, hint = check.probe(patient)
    except ResayilError as error:
        patient.broke = patient.broke or isinstance(error, InsufficientCreditsError)
        return check.row(error.message, "failed", hint_of(error))
    return check.row(observed, status, hint)


def _clean(row: Row, secret: str) -> Row:
    return replace(row, observed=redact(row.observed, secret), hint=redact(row.hint, secret))
