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


def _over(case: str, ours: str, theirs: str, figure: str = "cpu") -> Callable[[Reading], float]:
    return lambda read: read(case, ours, figure) / read(case, theirs, figure)


def _langchain(mode: str) -> list[Claim]:
    case, name, ours = ("alangchain", "astream", " async") if mode else ("langchain", "stream", "")
    what, culprit = f"`ChatResayil.{name}`, per text chunk", (case, "langchain", f"ChatResayil{ours}")

    def over_floor(read: Reading) -> float:
        floor = read(case, f"httpx{ours}") + read(case, f"nothing{ours}")
        return read(case, f"ChatResayil{ours}") / floor

    return [
        Claim(what, "at most 1.15 × (floor + a model that does nothing)", over_floor, 1.15, culprit=culprit),
        Claim(
            what,
            "at least 4.8 × less than `ChatOpenAI`",
            _over(case, f"ChatOpenAI{ours}", f"ChatResayil{ours}"),
            4.8,
            least=True,
            culprit=culprit,
        ),
        Claim(
            what,
            "at least 1.7 × less than `ChatAnthropic`",
            _over(case, f"ChatAnthropic{ours}", f"ChatResayil{ours}"),
            1.7,
            least=True,
            culprit=culprit,
        ),
    ]


def _flat(case: str, contender: str, figure: str) -> Callable[[Reading], float]:
    return lambda read: read(f"{case}-100000", contender, figure) / read(f"{case}-1000", contender, figure)


def _peak(contender: str) -> Callable[[Reading], float]:
    """Growth from 10,000 chunks, which fill all buffers, to 100,000, besides the text that is handed out."""

    def growth(read: Reading) -> float:
        few, many = (
            read(f"peak-{chunks}", contender, "memory") - chunks * len(WORDS["text"]) / 1024
            for chunks in (10_000, 100_000)
        )
        return many / few

    return growth


def _import(ours: str, floor: str) -> Callable[[Reading], float]:
    return lambda read: read("import", ours, "import") - read("import", floor, "import")


def _milliseconds(case: str, contender: str) -> Callable[[Reading], float]:
    return lambda read: read(case, contender) / 1e3


def _fairness(read: Reading) -> float:
    return read("together-1000", "AsyncClient", "fairness")


def _complete(read: Reading) -> float:
    return read("together-1000", "AsyncClient", "complete")


_MANY = ("together-1000", "core", "AsyncClient")

CLAIMS: list[Claim] = [
    Claim(
        "`Client.stream`, per chunk",
        "at most 1.3 × bare httpx + JSON (the floor)",
        _over("stream", "Client", "httpx"),
        1.3,
        culprit=("stream", "core", "Client"),
    ),
    Claim(
        "`Client.stream`, per chunk",
        "at least 5 × less than the openai SDK",
        _over("stream", "openai", "Client"),
        5,
        least=True,
        culprit=("stream", "core", "Client"),
    ),
    Claim(
        "`AsyncClient.stream`, per chunk",
        "at most 1.3 × bare httpx async + JSON",
        _over("astream", "AsyncClient", "httpx async"),
        1.3,
        culprit=("astream", "core", "AsyncClient"),
    ),
    *_langchain(""),
    *_langchain("async"),
    Claim(
        "`resayil/` through LiteLLM, per chunk",
        "at least 2.5 × less than `openai/`",
        _over("litellm", "LiteLLM openai/", "LiteLLM resayil/"),
        2.5,
        least=True,
        culprit=("litellm", "litellm", "LiteLLM resayil/"),
    ),
    Claim(
        "`resayil/` through LiteLLM, per call, time",
        "at least 1.6 × less than `openai/`",
        _over("litellm-call", "LiteLLM openai/", "LiteLLM resayil/", "wall"),
        1.6,
        least=True,
        culprit=("litellm-call", "litellm", "LiteLLM resayil/"),
    ),
    Claim(
        "`resayil/` through LiteLLM, per call, CPU",
        "at least 1.6 × less than `openai/`",
        _over("call", "LiteLLM openai/", "LiteLLM resayil/"),
        1.6,
        least=True,
        culprit=("call", "litellm", "LiteLLM resayil/"),
    ),
    Claim(
        "`resayil/` through LiteLLM, 300 at once",
        "no slower than `openai/`",
        _over("litellm-300", "LiteLLM resayil/", "LiteLLM openai/", "wall"),
        1,
        culprit=("litellm-300", "litellm", "LiteLLM resayil/"),
    ),
    Claim(
        "`Client.chat`, per call",
        "at most 1.3 × bare httpx post",
        _over("call", "Client", "httpx"),
        1.3,
        culprit=("call", "core", "Client"),
    ),
    Claim(
        "1,000 streams at once on one core",
        "all complete",
        _complete,
        1_000,
        least=True,
        unit="",
        culprit=_MANY,
    ),
    Claim(
        "1,000 streams at once, memory of each",
        "at most 1.2 × bare httpx",
        _over("together-1000", "AsyncClient", "httpx async", "memory"),
        1.2,
        culprit=_MANY,
    ),
    Claim(
        "1,000 streams at once, slowest first event", "at most 3 × the median", _fairness, 3, culprit=_MANY
    ),
    Claim(
        "100,000 chunks, `Client`, time of each",
        "at most 1.1 × that of 1,000 chunks",
        _flat("long", "Client", "cpu"),
        1.1,
        culprit=("long-100000", "core", "Client"),
    ),
    Claim(
        "100,000 chunks, `AsyncClient`, time of each",
        "at most 1.1 × that of 1,000 chunks",
        _flat("long", "AsyncClient", "cpu"),
        1.1,
        culprit=("long-100000", "core", "AsyncClient"),
    ),
    Claim(
        "100,000 chunks, `Client`, peak memory",
        "at most 1.1 × that of 10,000, besides the answer's text",
        _peak("Client"),
        1.1,
    ),
    Claim(
        "100,000 chunks, `AsyncClient`, peak memory",
        "at most 1.1 × that of 10,000, besides the answer's text",
        _peak("AsyncClient"),
        1.1,
    ),
    Claim(
        "import of `resayil`, CPU",
        "at most 60 ms over `httpx` + `pydantic`",
        _import("resayil", "httpx + pydantic"),
        60,
        unit=" ms",
    ),
    Claim(
        "import of `langchain_resayil`, CPU",
        "at most 150 ms over langchain-core's chat models",
        _import("langchain_resayil", "langchain-core"),
        150,
        unit=" ms",
    ),
    Claim(
        "constructor of `Client`, CPU",
        "under 1 ms",
        _milliseconds("constructor", "Client"),
        1,
        unit=" ms",
        culprit=("constructor", "core", "Client"),
    ),
    Claim(
        "constructor of `AsyncClient`, CPU",
        "under 1 ms",
        _milliseconds("aconstructor", "AsyncClient"),
        1,
        unit=" ms",
        culprit=("aconstructor", "core", "AsyncClient"),
    ),
    Claim(
        "constructor of `ChatResayil`, CPU",
        "under 1 ms",
        _milliseconds("constructor", "ChatResayil"),
        1,
        unit=" ms",
        culprit=("constructor", "langchain", "ChatResayil"),
    ),
]
