"""``resayil chat``: a conversation in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from resayil.cli.dialogue import Dialogue
from resayil.cli.exits import INTERRUPTED
from resayil.cli.language import say
from resayil.cli.models import MODELS, complete_model
from resayil.cli.output import amount, failing, tell
from resayil.cli.terminal import VARIABLE, Arabic, Screen, sets_arabic, visible
from resayil.cli.toolfile import load_tools
from resayil.client import Client
from resayil.errors import ResayilError
from resayil.images import image_from_path
from resayil.jsontext import dumps
from resayil.messages import ChatResponse, ToolCallPart

HELP = (
    "/image PATH adds a picture to the next question, /model ID asks another model, /clear begins anew, "
    "/quit leaves. Ctrl-C stops an answer."
)


def chat(
    question: Annotated[str | None, typer.Argument(help="Ask this, and leave; else talk.")] = None,
    model: Annotated[
        str, typer.Option(help="The model that answers.", autocompletion=complete_model)
    ] = MODELS["chat"],
    vision_model: Annotated[
        str, typer.Option(help="The model that answers about pictures.", autocompletion=complete_model)
    ] = MODELS["vision"],
    system: Annotated[str, typer.Option(help="What the model is told at the start.")] = "",
    image: Annotated[list[Path] | None, typer.Option(help="Picture for the first question.")] = None,
    tools: Annotated[Path | None, typer.Option(help="Python file; its typed functions are tools.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Ask before a tool is run.")] = False,
    max_tokens: Annotated[int | None, typer.Option(help="Tokens of an answer, at most.", min=1)] = None,
    temperature: Annotated[float | None, typer.Option(help="0 to 2.", min=0, max=2)] = None,
    base_url: Annotated[str | None, typer.Option(help="The service's address.")] = None,
    arabic: Annotated[
        Arabic, typer.Option(envvar=VARIABLE, help="Who sets Arabic: the terminal, or the command.")
    ] = Arabic.auto,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each answer.")] = False,
) -> None:
    """Talk with a model: several turns, streamed, with pictures and tools.

    Exit codes: 0 when you leave; of a single QUESTION, that of its error.
    """
    console = Console(highlight=False)
    with (
        failing("There is no answer"),
        Client(base_url=base_url, vision_model=vision_model, history_images="note") as client,
    ):
        dialogue = Dialogue(
            client,
            model,
            None if as_json else Screen(console, sets_arabic=sets_arabic(arabic)),
            {} if tools is None else load_tools(tools),
            {"max_tokens": max_tokens, "temperature": temperature},
        )
        if approve:
            dialogue.approve = _approved
        dialogue.begin(system)
        dialogue.pictures = [image_from_path(path) for path in image or ()]
        if question is not None:
            _answer(dialogue, question, console)
            raise typer.Exit(INTERRUPTED if dialogue.stopped else 0)
        _talk(dialogue, console)


def _talk(dialogue: Dialogue, console: Console) -> None:
    if sys.stdin.isatty():
        tell(f"{dialogue.model} · {say(HELP)}")
    for line in _lines():
        command, _, rest = line.partition(" ")
        try:
            if command == "/quit":
                return
            if line.startswith("/"):
                _obey(dialogue, command, rest.strip())
            elif line.strip() or dialogue.pictures:
                _answer(dialogue, line, console)
        except ResayilError as error:
            tell(error.message)


def _lines() -> Iterator[str]:
    """What is typed, or what comes through a pipe, line by line."""
    if not sys.stdin.isatty():
        yield from (line.rstrip("\n") for line in sys.stdin)
        return
    with suppress(ImportError):
        import_module("readline")  # gives the prompt its history; not on Windows
    while True:
        try:
            yield input("› ")
        except KeyboardInterrupt:
            tell(f"\n{say('Ctrl-D or /quit leaves.')}")
        except EOFError:
            tell("")
            return


def _obey(dialogue: Dialogue, command: str, rest: str) -> None:
    """A line that begins with a stroke."""
    match command:
        case "/image" if rest:
            picture = image_from_path(Path(rest).expanduser())
            dialogue.pictures.append(picture)
            tell(say("{picture} goes with the next question.", picture=picture))
        case "/model" if rest:
            dialogue.model = rest
        case "/clear":
            told = next((turn.text for turn in dialogue.messages if turn.role == "system"), "")
            dialogue.begin(told)
        case _:
            tell(say(HELP))


def _answer(dialogue: Dialogue, question: str, console: Console) -> None:
    answers = dialogue.ask(question)
    if dialogue.stopped:
        tell(say("Stopped."))
    elif dialogue.screen is None:
        print(dumps(_told(dialogue, answers)), flush=True)
    elif console.is_terminal:
        tokens = sum(answer.usage.total_tokens for answer in answers)
        spent = amount(dialogue.credits(answers))
        footer = say("{tokens} tokens, {credits} credits (estimated)", tokens=tokens, credits=spent)
        console.print(f"{answers[-1].model} · {footer}", style="dim", markup=False)


def _told(dialogue: Dialogue, answers: list[ChatResponse]) -> dict[str, Any]:
    last = answers[-1]
    called = [call for answer in answers for call in answer.tool_calls]
    return {
        "model": last.model,
        "text": last.text,
        "reasoning": last.reasoning,
        "tool_calls": [{"name": call.name, "arguments": dict(call.arguments)} for call in called],
        "finish_reason": last.finish_reason,
        "prompt_tokens": sum(answer.usage.input_tokens for answer in answers),
        "output_tokens": sum(answer.usage.output_tokens for answer in answers),
        "credits": amount(dialogue.credits(answers)),
        "estimated": True,
        "adaptations": [said for answer in answers for said in answer.adaptations],
    }


def _approved(call: ToolCallPart) -> bool:
    return typer.confirm(say("Run {call}?", call=visible(f"{call.name} {dumps(call.arguments)}")), err=True)
