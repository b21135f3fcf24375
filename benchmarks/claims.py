"""What the figures must show, and whether they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks.bodies import WORDS
from benchmarks.rounds import Results


class Reading:
    """Medians of the results.

    Args:
        results: What was measured.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def __call__(self, case: str, contender: str, figure: str = "cpu") -> float:
        """A figure's median.

        Raises:
            KeyError: it was not measured.
        """
        return median(self._results[case][contender][figure])


@dataclass(frozen=True)
class Claim:
    """One figure that is asked for.

    Args:
        what: What is compared.
        asked: The words of the limit.
        compute: Gives the figure.
        limit: The most that it may be, or the least.
        least: Whether the limit is the least.
        unit: Behind the figure.
        culprit: Case, family and contender to profile where the limit is not kept.
    """

    what: str
    asked: str
    compute: Callable[[Reading], float]
    limit: float
    least: bool = False
    unit: str = " ×"
    culprit: tuple[str, str, str] | None = None

    def judge(self, results: Results) -> Verdict | None:
        """The verdict; ``None`` where a figure that it needs was not measured."""
        try:
            reached = self.compute(Reading(results))
        except KeyError:
            return None
        kept = reached >= self.limit if self.least else reached <= self.limit
        return Verdict(self, reached, kept)


@dataclass(frozen=True)
class Verdict:
    """A claim and what it has come to."""

    claim: Claim
    reached: float
    kept: bool

    @property
    def shown(self) -> str:
        """The figure with its unit."""
        return f"{self.reached:,.2f}{self.claim.unit}"


Ours = tuple[str, str, str]
"""A case, and the family and the name of this project's contender in it."""


def _over(case: str, ours: str, theirs: str, figure: str = "cpu") -> Callable[[Reading], float]:
    return lambda read: read(case, ours, figure) / read(case, theirs, figure)


def _at_most(times: float, what: str, than: str, ours: Ours, theirs: str, *, figure: str = "cpu") -> Claim:
    """Ours takes no more than so many times what theirs takes."""
    case, _, name = ours
    return Claim(what, f"at most {times:g} × {than}", _over(case, name, theirs, figure), times, culprit=ours)


def _less(times: float, what: str, than: str, ours: Ours, theirs: str, *, figure: str = "cpu") -> Claim:
    """Theirs takes at least so many times what ours takes."""
    case, _, name = ours
    asked = f"at least {times:g} × less than {than}"
    return Claim(what, asked, _over(case, theirs, name, figure), times, least=True, culprit=ours)


def _langchain(case: str, method: str, mode: str = "") -> list[Claim]:
    what, ours = f"`ChatResayil.{method}`, per text chunk", (case, "langchain", f"ChatResayil{mode}")

    def over_floor(read: Reading) -> float:
        floor = read(case, f"httpx{mode}") + read(case, f"nothing{mode}")
        return read(case, f"ChatResayil{mode}") / floor

    return [
        Claim(what, "at most 1.15 × (floor + a model that does nothing)", over_floor, 1.15, culprit=ours),
        _less(4.8, what, "`ChatOpenAI`", ours, f"ChatOpenAI{mode}"),
        _less(1.7, what, "`ChatAnthropic`", ours, f"ChatAnthropic{mode}"),
    ]


def _flat_time(contender: str) -> Claim:
    case = "long-100000"
    return Claim(
        f"100,000 chunks, `{contender}`, time of each",
        "at most 1.1 × that of 1,000 chunks",
        lambda read: read(case, contender) / read("long-1000", contender),
        1.1,
        culprit=(case, "core", contender),
    )


def _flat_memory(contender: str) -> Claim:
    """Growth from 10,000 chunks, which fill all buffers, to 100,000, besides the text that is handed out."""

    def growth(read: Reading) -> float:
        few, many = (
            read(f"peak-{chunks}", contender, "memory") - chunks * len(WORDS["text"]) / 1024
            for chunks in (10_000, 100_000)
        )
        return many / few

    asked = "at most 1.1 × that of 10,000, besides the answer's text"
    return Claim(f"100,000 chunks, `{contender}`, peak memory", asked, growth, 1.1)


def _import(limit: int, ours: str, over: str, floor: str) -> Claim:
    return Claim(
        f"import of `{ours}`, CPU",
        f"at most {limit} ms over {over}",
        lambda read: read("import", ours, "import") - read("import", floor, "import"),
        limit,
        unit=" ms",
    )


def _constructor(case: str, family: str, contender: str) -> Claim:
    return Claim(
        f"constructor of `{contender}`, CPU",
        "under 1 ms",
        lambda read: read(case, contender) / 1e3,
        1,
        unit=" ms",
        culprit=(case, family, contender),
    )


def _fairness(read: Reading) -> float:
    return read("together-1000", "AsyncClient", "fairness")


def _complete(read: Reading) -> float:
    return read("together-1000", "AsyncClient", "complete")


_SYNC, _ASYNC = ("stream", "core", "Client"), ("astream", "core", "AsyncClient")
_CLIENTS = ("Client", "AsyncClient")
_MANY = ("together-1000", "core", "AsyncClient")
_LITELLM = "`resayil/` through LiteLLM"
_OPENAI = "LiteLLM openai/"


def _litellm(case: str) -> Ours:
    return case, "litellm", "LiteLLM resayil/"


CLAIMS: list[Claim] = [
    _at_most(1.3, "`Client.stream`, per chunk", "bare httpx + JSON (the floor)", _SYNC, "httpx"),
    _less(5, "`Client.stream`, per chunk", "the openai SDK", _SYNC, "openai"),
    _at_most(1.3, "`AsyncClient.stream`, per chunk", "bare httpx async + JSON", _ASYNC, "httpx async"),
    *_langchain("langchain", "stream"),
    *_langchain("alangchain", "astream", " async"),
    _less(2.5, f"{_LITELLM}, per chunk", "`openai/`", _litellm("litellm"), _OPENAI),
    _less(2.5, f"{_LITELLM}, per awaited chunk", "`openai/`", _litellm("alitellm"), _OPENAI),
    _less(1.6, f"{_LITELLM}, per call, time", "`openai/`", _litellm("litellm-call"), _OPENAI, figure="wall"),
    _less(1.6, f"{_LITELLM}, per call, CPU", "`openai/`", _litellm("litellm-call-cpu"), _OPENAI),
    Claim(
        f"{_LITELLM}, 300 at once",
        "no slower than `openai/`",
        _over("litellm-300", "LiteLLM resayil/", _OPENAI, "wall"),
        1,
        culprit=_litellm("litellm-300"),
    ),
    _at_most(1.3, "`Client.chat`, per call", "bare httpx post", ("call", "core", "Client"), "httpx"),
    Claim(
        "1,000 streams at once on one core",
        "all complete",
        _complete,
        1_000,
        least=True,
        unit="",
        culprit=_MANY,
    ),
    _at_most(
        1.2, "1,000 streams at once, memory of each", "bare httpx", _MANY, "httpx async", figure="memory"
    ),
    Claim(
        "1,000 streams at once, slowest first event", "at most 3 × the median", _fairness, 3, culprit=_MANY
    ),
    *map(_flat_time, _CLIENTS),
    *map(_flat_memory, _CLIENTS),
    _import(60, "resayil", "`httpx` + `pydantic`", "httpx + pydantic"),
    _import(150, "langchain_resayil", "langchain-core's chat models", "langchain-core"),
    _constructor("constructor", "core", "Client"),
    _constructor("aconstructor", "core", "AsyncClient"),
    _constructor("constructor", "langchain", "ChatResayil"),
]
