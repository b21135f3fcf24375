"""What is measured: of whom, doing what, how often."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

Contenders = dict[str, tuple[str, ...]]
"""Names of contenders by their family, which is the process that they run in."""

QUICK = 20_000
"""Most chunks of a case that has a part in the quick mode."""

SLOW = {"langchain_openrouter": 10, "litellm": 5}
"""Families that get so many times fewer chunks or calls, so that a run stays within minutes."""


@dataclass(frozen=True)
class Case:
    """One row of figures.

    Args:
        key: Its name on the command line.
        title: What the figure is.
        work: The method of `work.Work` that is done.
        model: What the stub shall answer with; ``{n}`` is the number of chunks.
        number: Chunks or calls of one run.
        contenders: Who does it.
        figure: Which of the work's figures is shown.
        unit: Its unit on the page; times are measured in microseconds.
        rounds: How often each contender has its turn.
        fresh: Whether each run has a new process.
    """

    key: str
    title: str
    work: str
    model: str
    number: int
    contenders: Contenders = field(default_factory=dict)
    figure: str = "cpu"
    unit: str = "µs"
    rounds: int = 5
    fresh: bool = False

    def number_of(self, family: str) -> int:
        """Chunks or calls of one run of a family."""
        return max(1, self.number // SLOW.get(family, 1))

    def quick(self) -> Case | None:
        """The same within a second, for the core alone; ``None`` where it has no part in it."""
        core = self.contenders.get("core")
        if core is None or self.number > QUICK:
            return None
        fixed = "{n}" not in self.model and self.work in {"long", "peak"}
        number = self.number if fixed else max(1, self.number // 20)
        return replace(self, contenders={"core": core}, number=number, rounds=1)


_PEERS = ("langchain_openai", "langchain_anthropic", "langchain_openrouter")


def _langchain(mode: str) -> Contenders:
    """Every chat model, streaming in one way."""
    ours = tuple(name + mode for name in ("nothing", "ChatResayil", "ChatResayil, messages"))
    theirs = ("ChatOpenAI", "ChatAnthropic", "ChatOpenRouter")
    return {
        "langchain": (f"httpx{mode}", *ours),
        **{family: (name + mode,) for family, name in zip(_PEERS, theirs, strict=True)},
    }


def _kind(kind: str, dialect: str, *, awaited: bool) -> Case:
    """Chunks of another kind."""
    suffix, mode = (", messages", " async") if dialect == "messages" else ("", " async")
    mode = mode if awaited else ""
    sdk, peer = ("anthropic", "ChatAnthropic") if dialect == "messages" else ("openai", "ChatOpenAI")
    contenders: Contenders = {
        "core": (f"httpx{mode}{suffix}", f"{'Async' if awaited else ''}Client{suffix}"),
        sdk: (sdk + mode,),
    }
    if not awaited:
        contenders |= {"langchain": (f"ChatResayil{suffix}",), f"langchain_{sdk}": (peer,)}
    key = f"{'a' if awaited else ''}{kind}{'-messages' if dialect == 'messages' else ''}"
    title = f"A streamed chunk: {kind}, {dialect} dialect{', asynchronous' if awaited else ''}"
    return Case(key, title, "chunks", f"{kind}-{{n}}", 2_000, contenders, rounds=3)


_SYNC: Contenders = {
    "core": ("httpx", "Client"),
    "openai": ("openai",),
    "anthropic": ("anthropic",),
    "langchain": ("ChatResayil",),
    "langchain_openai": ("ChatOpenAI",),
    "langchain_anthropic": ("ChatAnthropic",),
    "langchain_openrouter": ("ChatOpenRouter",),
    "litellm": ("LiteLLM resayil/", "LiteLLM openai/"),
}
_ASYNC: Contenders = {
    "core": ("httpx async", "AsyncClient"),
    "openai": ("openai async",),
    "anthropic": ("anthropic async",),
    "langchain": ("ChatResayil async",),
    "langchain_openai": ("ChatOpenAI async",),
    "langchain_anthropic": ("ChatAnthropic async",),
    "langchain_openrouter": ("ChatOpenRouter async",),
    "litellm": ("LiteLLM resayil/ async", "LiteLLM openai/ async"),
}
_ROUTES = (*_SYNC["litellm"], "LiteLLM nothing")
_SHOWS_IMAGES = {
    family: names
    for family, names in _SYNC.items()
    if family in {"core", "openai", "anthropic", "langchain", "langchain_openai", "langchain_anthropic"}
}
_BARE: Contenders = {"core": ("httpx", "Client", "httpx async", "AsyncClient")}
_MANY: Contenders = {"core": ("httpx async", "AsyncClient"), "openai": ("openai async",)}


SO_MANY = 1_000
"""Streams at once that take bare httpx half a minute."""


def _together(streams: int, chunks: int) -> Case:
    """So many streams at once."""
    return Case(
        f"together-{streams}",
        f"{streams} stream{'s' if streams > 1 else ''} at once, per chunk",
        "together",
        f"text-{chunks}-gate{streams}",
        streams * chunks,
        _MANY if streams < SO_MANY else {"core": _MANY["core"]},
        rounds=2 if streams == SO_MANY else 3,
        fresh=True,
    )


def _own(key: str, title: str, name: str, *, figure: str = "wall", unit: str = "ms", rounds: int = 5) -> Case:
    """A case of `benchmarks.litellm`, whose numbers are its own."""
    return Case(key, title, "own", name, 1, {"litellm": _ROUTES}, figure, unit, rounds)


CASES: list[Case] = [
    Case(
        "stream",
        "A streamed chunk of text",
        "chunks",
        "text-{n}",
        5_000,
        rounds=7,
        contenders={"core": ("raw socket", "httpx", "Client"), "openai": ("openai",)},
    ),
    Case("astream", "A streamed chunk of text, asynchronous", "chunks", "text-{n}", 5_000, _MANY, rounds=7),
    Case(
        "messages",
        "A streamed chunk of text, messages dialect",
        "chunks",
        "text-{n}",
        5_000,
        {
            "core": ("httpx, messages", "Client, messages"),
            "anthropic": ("anthropic", "anthropic, text_stream"),
        },
    ),
    Case(
        "amessages",
        "A streamed chunk of text, messages dialect, asynchronous",
        "chunks",
        "text-{n}",
        5_000,
        {"core": ("httpx async, messages", "AsyncClient, messages"), "anthropic": ("anthropic async",)},
    ),
    Case(
        "langchain", "A chunk of `stream` in LangChain", "chunks", "text-{n}", 5_000, _langchain(""), rounds=7
    ),
    Case(
        "alangchain",
        "A chunk of `astream` in LangChain",
        "chunks",
        "text-{n}",
        5_000,
        _langchain(" async"),
        rounds=7,
    ),
    Case(
        "events",
        "A chunk of `stream_events` (v3) in LangChain",
        "chunks",
        "text-{n}",
        2_000,
        {"langchain": ("nothing events", "ChatResayil events"), "langchain_openai": ("ChatOpenAI events",)},
        rounds=3,
    ),
    _own("litellm", "A streamed chunk in LiteLLM", "stream chunk (CPU)", figure="cpu", unit="µs"),
    _own("alitellm", "The same, asynchronous", "awaited chunk (CPU)", figure="cpu", unit="µs"),
    _own("litellm-call", "A call in LiteLLM", "call"),
    _own("litellm-call-cpu", "The same, CPU", "call (CPU)", figure="cpu"),
    _own("litellm-300", "Each of 300 calls at once in LiteLLM", "300 concurrent, each", rounds=3),
    *(
        _kind(kind, dialect, awaited=awaited)
        for kind in ("arabic", "reasoning", "tools")
        for dialect in ("chat", "messages")
        for awaited in (False, True)
    ),
    Case("call", "A call", "calls", "text-1", 100, _SYNC, unit="ms"),
    Case("acall", "A call, asynchronous", "calls", "text-1", 100, _ASYNC, unit="ms"),
    Case("first", "Time to the first event", "first_event", "text-10", 50, _SYNC, figure="wall", unit="ms"),
    Case(
        "afirst",
        "Time to the first event, asynchronous",
        "first_event",
        "text-10",
        50,
        _ASYNC,
        figure="wall",
        unit="ms",
    ),
    _together(1, 5_000),
    _together(100, 500),
    _together(SO_MANY, 50),
    *(
        Case(
            f"long-{chunks}",
            f"A chunk of a stream of {chunks:,}",
            "long",
            f"text-{chunks}",
            max(chunks, 20_000),
            _BARE,
            rounds=3,
        )
        for chunks in (1_000, 10_000, 100_000)
    ),
    *(
        Case(
            f"peak-{chunks}",
            f"Peak memory while {chunks:,} chunks are read",
            "peak",
            f"text-{chunks}",
            chunks,
            _BARE,
            figure="memory",
            unit="kB",
            rounds=1,
            fresh=True,
        )
        for chunks in (10_000, 100_000)
    ),
    *(
        Case(
            f"history-{turns}",
            f"A call with {turns} turns, each with an image of 20 kB",
            "images",
            f"text-{turns}-20480",
            1,
            _SHOWS_IMAGES,
            unit="ms",
            rounds=7,
        )
        for turns in (16, 32, 64)
    ),
    Case("image", "A call with an image of 10 MB", "images", "text-1-10485760", 1, _SHOWS_IMAGES, unit="ms"),
    Case("constructor", "A constructor", "constructor", "text-1", 10, _SYNC, unit="ms"),
    Case("aconstructor", "A constructor, asynchronous", "constructor", "text-1", 10, _MANY, unit="ms"),
    Case(
        "short-lived",
        "A client that is built, asked once and closed",
        "short_lived",
        "text-1",
        20,
        {
            "core": ("httpx", "Client", "httpx async", "AsyncClient"),
            "openai": ("openai",),
            "anthropic": ("anthropic",),
        },
        unit="ms",
        rounds=3,
    ),
    Case(
        "short-lived-1000",
        "The same, 1,000 of them",
        "short_lived",
        "text-1",
        1_000,
        {"core": ("Client",)},
        unit="ms",
        rounds=1,
    ),
]
