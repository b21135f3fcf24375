"""The tool binding: a model and its tools, run to a final answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import aclosing, closing
from functools import partial
from typing import Any, Literal, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import AddableDict, Runnable, RunnableConfig

from langchain_resayil.emulated_tools import EmulatedVoice, NativeVoice, Voice
from langchain_resayil.errors import ConfigurationError, RequestError
from langchain_resayil.execution import (
    Approval,
    BetweenTurns,
    Piece,
    Workbench,
    aplay,
    is_asynchronous,
    play,
)
from langchain_resayil.tool_loop import Limits, Steps, ToolLoopError, conversation
from langchain_resayil.tool_sources import (
    ToolSource,
    has_tools,
    joined,
    once,
    read_input,
    read_tool,
    secrets,
)

__all__ = ["ResayilToolBinding", "ToolLoopError", "ToolTranscript"]

ToolCalling = Literal["auto", "native", "emulated"]
State = Mapping[str, Any]
Transcript = dict[str, list[BaseMessage]]


class ResayilToolBinding(Runnable[LanguageModelInput, AIMessage]):
    """A chat model and its tools: ask, execute what it calls, ask again, until it answers.

    ```python
    from langchain_resayil import ChatResayil, ResayilToolBinding


    def get_loyalty_points(member_id: str, total_kwd: float) -> dict:
        \"\"\"Loyalty points that a member earns for a purchase.\"\"\"
        return {"points": round(total_kwd * 10)}


    binding = ResayilToolBinding(ChatResayil(model="deepseek-v4-pro"), [get_loyalty_points])
    binding.invoke("رقم عضويتي 7788 والمجموع ١٢٫٥ دينار، كم نقطة سأكسب؟").text
    ```

    **What comes out.** ``invoke`` returns the final ``AIMessage``. ``stream`` yields, as it happens, the
    ``AIMessageChunk``s of every turn and the ``ToolMessage``s between them. In a chain
    (``prompt | binding | StrOutputParser()``) the tool results stay inside: what flows on adds up to the
    final answer. `with_transcript` gives a runnable that returns all messages of the run: a LangGraph node.

    **Tools** are LangChain's, the core's `resayil.Tool` with a function, or typed functions, async ones too.
    Calls of one answer are executed at the same time: synchronous tools in threads, asynchronous ones in the
    event loop; results go back in the calls' order. Arguments are held against the tool's schema first. A
    numeral in Arabic-Indic digits is taken where the schema wants a number, and is never touched in a text.

    **What goes wrong** goes back to the model as a result of status ``error``: an unknown tool, a call that
    cannot be read, arguments that do not satisfy the schema, a tool's exception (its text, bounded, without
    traceback or key), a tool that is late, a refusal. Interrupts and cancellation propagate, and so do the
    model's own errors. ``with_retry`` on the binding would execute tools again; ``max_retries`` of the model
    does not.

    **Models without tools** are given them by text: ``tool_calling="emulated"``, see
    `langchain_resayil.emulated_tools`. ``auto`` does so where the model's profile or the catalogue says that
    it has none, and else is ``native``: a server that ignores tools without a word cannot be told from a
    model that needed none, so set ``emulated`` for it.

    Attributes:
        model: The chat model.
        tools: The tools, as LangChain's.
        tool_calling: ``native``, ``emulated`` or ``auto``.
        max_turns: Answers of the model before `ToolLoopError`.
        repairs: Answers in a row that may call the same tool in an unusable way before `ToolLoopError`.
        tool_timeout: Seconds for each call, for all tools or by name; none by default. A synchronous tool
            cannot be stopped: it goes on, and nobody waits for it.
        max_parallel: Calls that are executed at once; ``max_concurrency`` of the run's config narrows it.
        approve: Sees each call before any of an answer is executed, and returns True, False, a reason for a
            refusal, or the call with other arguments. It may be asynchronous.
    """

    def __init__(
        self,
        model: BaseChatModel,
        tools: Sequence[ToolSource],
        *,
        tool_calling: ToolCalling = "auto",
        max_turns: int = 10,
        repairs: int = 1,
        tool_timeout: float | Mapping[str, float] | None = None,
        max_parallel: int = 8,
        approve: Approval | None = None,
        name: str | None = None,
    ) -> None:
        self.model = model
        self.tools = [read_tool(tool) for tool in tools]
        self.tool_calling = tool_calling
        self.max_turns = max_turns
        self.repairs = repairs
        self.tool_timeout = tool_timeout
        self.max_parallel = max_parallel
        self.approve = approve
        self.name = name
        self._check()

    def _check(self) -> None:
        names = [tool.name for tool in self.tools]
        twice = sorted({name for name in names if names.count(name) > 1})
        if not names or twice:
            raise ConfigurationError(
                f"Two tools are called {', '.join(twice)}." if twice else "A tool binding needs a tool."
            )
        if self.tool_calling not in {"auto", "native", "emulated"}:
            raise ConfigurationError(
                f"tool_calling is auto, native or emulated, not {self.tool_calling!r:.40}."
            )
        if self.max_turns < 1 or self.max_parallel < 1 or self.repairs < 0:
            raise ConfigurationError("max_turns and max_parallel are at least 1, repairs at least 0.")
        unknown = self.tool_timeout.keys() - set(names) if isinstance(self.tool_timeout, Mapping) else ()
        if unknown:
            raise ConfigurationError(f"tool_timeout names no tool: {', '.join(sorted(unknown))}.")

    def __repr__(self) -> str:
        names = ", ".join(tool.name for tool in self.tools)
        return f"{type(self).__name__}({self.model!r}, [{names}], tool_calling={self.tool_calling!r})"

    @property
    def InputType(self) -> Any:  # noqa: N802 - LangChain's name
        """What the model takes."""
        return self.model.InputType

    @property
    def OutputType(self) -> Any:  # noqa: N802 - LangChain's name
        """The final answer."""
        return AIMessage

    @property
    def emulates(self) -> bool:
        """Whether the tools are described in the prompt."""
        return self.tool_calling == "emulated" or (
            self.tool_calling == "auto" and has_tools(self.model) is False
        )

    def with_transcript(self) -> ToolTranscript:
        """The same run, which returns ``{"messages": [...]}``: every message that it adds.

        It takes what the binding takes, or a state with ``messages``, so it is a LangGraph node:
        ``graph.add_node("assistant", binding.with_transcript())``. A stream has one message a piece.
        """
        return ToolTranscript(self)

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Run to the final answer.

        Args:
            input: A text, messages or a prompt.
            config: LangChain's.
            kwargs: Further arguments of every call of the model.

        Raises:
            ToolLoopError: there is none within ``max_turns``, or a call stays unusable.
            RequestError: a tool or ``approve`` is asynchronous only.
        """
        return self._call_with_config(cast("Any", self._invoke), input, config, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Run to the final answer; see `invoke`."""
        return await self._acall_with_config(cast("Any", self._ainvoke), input, config, **kwargs)

    def stream(  # type: ignore[override] # between the turns stand the tools' results
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessage | ToolMessage]:
        """What the model says, chunk by chunk, and the tools' results between its turns."""
        with closing(cast("Generator[Piece]", self.transform(iter([input]), config, **kwargs))) as pieces:
            for piece in pieces:
                yield from piece.results if isinstance(piece, BetweenTurns) else (piece,)

    async def astream(  # type: ignore[override] # between the turns stand the tools' results
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessage | ToolMessage]:
        """The same, awaited."""
        pieces = cast("AsyncGenerator[Piece]", self.atransform(once(input), config, **kwargs))
        async with aclosing(pieces):
            async for piece in pieces:
                for shown in piece.results if isinstance(piece, BetweenTurns) else (piece,):
                    yield shown

    def transform(
        self,
        input: Iterator[LanguageModelInput],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessage]:
        """In a chain: chunks that add up to the final answer."""
        yield from self._transform_stream_with_config(input, cast("Any", self._transform), config, **kwargs)

    async def atransform(
        self,
        input: AsyncIterator[LanguageModelInput],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessage]:
        """The same, awaited."""
        pieces = self._atransform_stream_with_config(input, cast("Any", self._atransform), config, **kwargs)
        async with aclosing(cast("AsyncGenerator[AIMessage]", pieces)):
            async for piece in pieces:
                yield piece

    def _invoke(self, given: Any, config: RunnableConfig, **kwargs: Any) -> AIMessage:
        return list(self._turns(given, config, **kwargs))[-1]

    async def _ainvoke(self, given: Any, config: RunnableConfig, **kwargs: Any) -> AIMessage:
        return [piece async for piece in self._aturns(given, config, **kwargs)][-1]

    def _turns(self, given: Any, config: RunnableConfig, **kwargs: Any) -> Iterator[Piece]:
        """The run, each turn one message."""
        model = self._asked()

        def ask(messages: list[BaseMessage]) -> Generator[AIMessage]:
            yield model.invoke(messages, config, **kwargs)

        return self._play(given, config, ask)

    def _aturns(self, given: Any, config: RunnableConfig, **kwargs: Any) -> AsyncIterator[Piece]:
        model = self._asked()

        async def ask(messages: list[BaseMessage]) -> AsyncGenerator[AIMessage]:
            yield await model.ainvoke(messages, config, **kwargs)

        return self._aplay(given, config, ask)

    def _transform(self, inputs: Iterator[Any], config: RunnableConfig, **kwargs: Any) -> Iterator[Piece]:
        """The run, each turn in the model's chunks."""
        model = self._asked()

        def ask(messages: list[BaseMessage]) -> Generator[AIMessage]:
            yield from model.stream(messages, config, **kwargs)

        yield from self._play(joined(list(inputs)), config, ask)

    async def _atransform(
        self, inputs: AsyncIterator[Any], config: RunnableConfig, **kwargs: Any
    ) -> AsyncIterator[Piece]:
        model = self._asked()

        async def ask(messages: list[BaseMessage]) -> AsyncGenerator[AIMessage]:
            chunks = cast("AsyncGenerator[AIMessage]", model.astream(messages, config, **kwargs))
            async with aclosing(chunks):
                async for chunk in chunks:
                    yield chunk

        given = joined([piece async for piece in inputs])
        async with aclosing(cast("AsyncGenerator[Piece]", self._aplay(given, config, ask))) as pieces:
            async for piece in pieces:
                yield piece

    def _play(
        self, given: Any, config: RunnableConfig, ask: Callable[[list[BaseMessage]], Generator[AIMessage]]
    ) -> Iterator[Piece]:
        bench = self._bench()
        waits = [*bench.asynchronous_only(), *(["approve"] if is_asynchronous(self.approve) else [])]
        if waits:
            raise RequestError(f"{', '.join(waits)} can only be awaited; use ainvoke, astream or abatch.")
        return play(
            self._steps(given, bench), self._voice(), ask, self.approve, partial(bench.perform, config=config)
        )

    def _aplay(
        self,
        given: Any,
        config: RunnableConfig,
        ask: Callable[[list[BaseMessage]], AsyncGenerator[AIMessage]],
    ) -> AsyncIterator[Piece]:
        bench = self._bench()
        return aplay(
            self._steps(given, bench),
            self._voice(),
            ask,
            self.approve,
            partial(bench.aperform, config=config),
        )

    def _steps(self, given: Any, bench: Workbench) -> Steps[None]:
        limits = Limits(self.max_turns, self.repairs, approval=self.approve is not None)
        return conversation(read_input(given), bench, limits)

    def _asked(self) -> Runnable[LanguageModelInput, AIMessage]:
        return self.model if self.emulates else self.model.bind_tools(self.tools)

    def _voice(self) -> Voice:
        return EmulatedVoice(self.tools) if self.emulates else NativeVoice()

    def _bench(self) -> Workbench:
        by_name = {tool.name: tool for tool in self.tools}
        return Workbench(by_name, self.tool_timeout, self.max_parallel, secrets(self.model))


class ToolTranscript(Runnable[LanguageModelInput | State, Transcript]):
    """A run of a binding that returns its messages; see `ResayilToolBinding.with_transcript`."""

    def __init__(self, binding: ResayilToolBinding) -> None:
        self.binding = binding
        self.name = binding.name

    def invoke(
        self,
        input: LanguageModelInput | State,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Transcript:
        """Run to the final answer, and return every message of the run."""
        return self._call_with_config(cast("Any", self._invoke), input, config, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput | State,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Transcript:
        """The same, awaited."""
        return await self._acall_with_config(cast("Any", self._ainvoke), input, config, **kwargs)

    def stream(
        self,
        input: LanguageModelInput | State,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Transcript]:
        """Each message of the run once it is there; the pieces add up to what `invoke` returns."""
        yield from self._transform_stream_with_config(
            iter([input]), cast("Any", self._stream), config, **kwargs
        )

    async def astream(
        self,
        input: LanguageModelInput | State,  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Transcript]:
        """The same, awaited."""
        pieces = self._atransform_stream_with_config(
            once(input), cast("Any", self._astream), config, **kwargs
        )
        async with aclosing(cast("AsyncGenerator[Transcript]", pieces)):
            async for piece in pieces:
                yield piece

    def _invoke(self, given: Any, config: RunnableConfig, **kwargs: Any) -> Transcript:
        turns = self.binding._turns(given, config, **kwargs)  # noqa: SLF001 - the binding's other face
        return {"messages": [message for piece in turns for message in _messages(piece)]}

    async def _ainvoke(self, given: Any, config: RunnableConfig, **kwargs: Any) -> Transcript:
        turns = self.binding._aturns(given, config, **kwargs)  # noqa: SLF001 - the binding's other face
        return {"messages": [message async for piece in turns for message in _messages(piece)]}

    def _stream(self, inputs: Iterator[Any], config: RunnableConfig, **kwargs: Any) -> Iterator[Transcript]:
        for piece in self.binding._turns(joined(list(inputs)), config, **kwargs):  # noqa: SLF001 - its other face
            yield from (AddableDict(messages=[message]) for message in _messages(piece))

    async def _astream(
        self, inputs: AsyncIterator[Any], config: RunnableConfig, **kwargs: Any
    ) -> AsyncIterator[Transcript]:
        given = joined([piece async for piece in inputs])
        async for piece in self.binding._aturns(given, config, **kwargs):  # noqa: SLF001 - its other face
            for message in _messages(piece):
                yield AddableDict(messages=[message])


def _messages(piece: Piece) -> Sequence[BaseMessage]:
    return piece.results if isinstance(piece, BetweenTurns) else (piece,)
